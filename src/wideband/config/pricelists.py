"""The installed `genai-prices` data as plain JSON; the only module that imports that package, and only when called."""

from importlib.metadata import version
from typing import Any

PACKAGE = "genai-prices"


def installed_version() -> str:
    """Return the version of the installed price lists without importing them."""
    return version(PACKAGE)


def price_lists() -> list[dict[str, Any]]:
    """Return every provider's list in the shape `catalog.importer` reads. Takes a quarter of a second."""
    from genai_prices.data import providers  # noqa: PLC0415  # heavy: only when a snapshot is built

    return [
        {
            "id": provider.id,
            "models": [
                {
                    "id": model.id,
                    "name": model.name,
                    "description": model.description,
                    "context_window": model.context_window,
                    "deprecated": bool(model.deprecated),
                    "prices": _prices(model.prices),
                }
                for model in provider.models
            ],
        }
        for provider in providers
    ]


def _prices(prices: Any) -> Any:
    if not isinstance(prices, list):
        return _units(prices)
    return [{"constraint": _constraint(entry.constraint), "prices": _units(entry.prices)} for entry in prices]


def _units(prices: Any) -> dict[str, Any]:
    return {key: _amount(value) for key, value in vars(prices).items() if value is not None}


def _amount(value: Any) -> Any:
    if not hasattr(value, "tiers"):
        return format(value, "f")
    tiers = [{"start": tier.start, "price": format(tier.price, "f")} for tier in value.tiers]
    return {"base": format(value.base, "f"), "tiers": tiers}


def _constraint(constraint: Any) -> dict[str, str] | None:
    # All windows are written in UTC there.
    return None if constraint is None else {key: value.isoformat() for key, value in vars(constraint).items()}
