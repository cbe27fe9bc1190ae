"""Price lists of the `genai-prices` package, as plain JSON, turned into models and endpoints.

It knows the lists' shape and nothing of the package: what it is given is `[{id, models: [{id, name, context_window,
deprecated, prices}]}]`, prices being `{input_mtok: "0.3" | {base, tiers: [{start, price}]}, ...}` or a list of
`{constraint: {start_date} | {start_time, end_time} | null, prices}` whose last match wins.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from wideband.catalog.naming import ModelName
from wideband.catalog.rows import NANO, EndpointRow, Model, Override, Price, Rates
from wideband.catalog.sources import SOURCES, Source

# The lists' names of prices per million tokens -> ours. Other units (searches, pages, hours) are not sold through us.
_PER_MILLION = {
    "input_mtok": "prompt",
    "output_mtok": "completion",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "audio_prompt",
    "output_audio_mtok": "audio_completion",
    "output_image_mtok": "image_completion",
}
_PER_THOUSAND_REQUESTS = "requests_kcount"
_PROMPT_SIDE = frozenset({"cache_read", "cache_write", "cache_write_1h", "audio_prompt"})


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """Rows as of a day. `next_change` is the first later day (YYYY-MM-DD) on which a price changes, if any is known."""

    models: tuple[Model, ...]
    endpoints: tuple[EndpointRow, ...]
    next_change: str | None = None


class _Offer(msgspec.Struct, frozen=True):
    """One row of a price list that we can sell, with the name we give it."""

    source: Source
    name: ModelName
    row: Mapping[str, Any]
    price: Price

    @property
    def doubtful(self) -> bool:
        return self.source.keeps_history and not self.row.get("context_window")


def import_prices(document: Iterable[Mapping[str, Any]], day: str) -> Imported:
    """Convert price lists as of a day (YYYY-MM-DD). What nobody can be asked for today is left out."""
    lists = [(source, entry["models"]) for entry in document if (source := SOURCES.get(entry["id"])) is not None]
    found = [offer for source, rows in lists for row in rows if (offer := _offer(source, row, day)) is not None]
    alive = {offer.name.id for offer in found if not offer.doubtful}
    offers: dict[tuple[str, str, str], _Offer] = {}
    for offer in found:
        if not offer.doubtful or offer.name.id in alive:
            offers.setdefault((offer.source.provider, offer.name.id, _tag(offer)), offer)
    by_model: dict[str, list[_Offer]] = {}
    for offer in offers.values():
        by_model.setdefault(offer.name.id, []).append(offer)
    changes = [change for _, rows in lists for row in rows for change in _start_dates(row["prices"]) if change > day]
    return Imported(
        models=tuple(_model(id_, by_model[id_]) for id_ in sorted(by_model)),
        endpoints=tuple(_endpoint(offer) for offer in offers.values()),
        next_change=min(changes, default=None),
    )


def _offer(source: Source, row: Mapping[str, Any], day: str) -> _Offer | None:
    if row.get("deprecated") or not source.sells(row["id"]):
        return None
    name = source.model_name(row["id"])
    price = _price(row["prices"], day, completes=not source.is_embedding(row["id"]))
    return None if name is None or price is None else _Offer(source, name, row, price)


def _model(id_: str, offers: Sequence[_Offer]) -> Model:
    # The author knows its model best, then whoever lists everybody's; a host may have cut the context.
    ranked = sorted(
        offers, key=lambda offer: (offer.source.author != id_.partition("/")[0], not offer.source.lists_all)
    )
    known = [length for offer in ranked if (length := offer.row.get("context_window"))]
    best_known = known[0] if known and ranked[0].row.get("context_window") else max(known, default=None)
    names = [
        name
        for offer in sorted(ranked, key=lambda offer: not offer.source.lists_all)
        if (name := offer.row.get("name"))
    ]
    description = next((text for offer in ranked if (text := offer.row.get("description"))), "")
    return Model(
        id=id_,
        name=names[0] if names else id_.partition("/")[2],
        description=description,
        context_length=best_known,
    )


def _endpoint(offer: _Offer) -> EndpointRow:
    return EndpointRow(
        provider=offer.source.provider,
        model=offer.name.id,
        upstream_model=offer.source.upstream_model(offer.row["id"]),
        tag=_tag(offer),
        price=offer.price,
        context_length=offer.row.get("context_window"),
        quantization=offer.name.quantization,
    )


def _tag(offer: _Offer) -> str:
    suffix = offer.source.tag_suffix or offer.name.variant
    return f"{offer.source.provider}/{suffix}" if suffix else offer.source.provider


def _price(prices: Any, day: str, *, completes: bool) -> Price | None:
    """Convert a price that may depend on the date, the hour and the length of the prompt; None for other units.

    What `completes` needs a price for that.
    """
    entries = _entries_on(prices, day)
    at = max((i for i, entry in enumerate(entries) if "start_time" not in (entry["constraint"] or {})), default=0)
    base = _rates(entries[at]["prices"])
    if "prompt" not in base or (completes and "completion" not in base):
        return None
    overrides = list(_tiers(entries[at]["prices"], Override(rates={})))
    for entry in entries[at + 1 :]:
        start, end = (_minute(entry["constraint"][name]) for name in ("start_time", "end_time"))
        window = Override(rates=_whole(_rates(entry["prices"]), base), utc_start=start, utc_end=end)
        overrides.extend((window, *_tiers(entry["prices"], window)))
    return Price(base=Rates(**base), overrides=tuple(overrides))


def _entries_on(prices: Any, day: str) -> list[dict[str, Any]]:
    entries = prices if isinstance(prices, list) else [{"constraint": None, "prices": prices}]
    return [entry for entry in entries if (entry["constraint"] or {}).get("start_date", day) <= day] or entries[:1]


def _start_dates(prices: Any) -> Iterator[str]:
    for entry in prices if isinstance(prices, list) else ():
        if date := (entry["constraint"] or {}).get("start_date"):
            yield date


def _rates(prices: Mapping[str, Any]) -> dict[str, int]:
    rates = {ours: _nano(prices[theirs]) for theirs, ours in _PER_MILLION.items() if theirs in prices}
    if _PER_THOUSAND_REQUESTS in prices:
        rates["request"] = (_nano(prices[_PER_THOUSAND_REQUESTS]) + 500) // 1000
    return rates


def _whole(window: dict[str, int], base: Mapping[str, int]) -> dict[str, int]:
    """Return a window's rates with what it leaves out: the lists replace a price whole, overrides key by key."""
    left_out = {
        key: window["prompt" if key in _PROMPT_SIDE else "completion"]
        for key in base.keys() - window.keys() - {"request"}
    }
    return window | left_out


def _tiers(prices: Mapping[str, Any], window: Override) -> Iterator[Override]:
    """Give one override for each prompt length from which other prices hold, shortest first."""
    steps: dict[int, dict[str, int]] = {}
    for theirs, ours in _PER_MILLION.items():
        value = prices.get(theirs)
        for tier in value["tiers"] if isinstance(value, Mapping) else ():
            steps.setdefault(tier["start"], {})[ours] = _nano(tier["price"])
    for start in sorted(steps):
        yield msgspec.structs.replace(window, rates=steps[start], min_prompt_tokens=start)


def _nano(value: str | Mapping[str, Any]) -> int:
    # The lists hold the dust of float arithmetic (0.18000000000000002), so they are rounded rather than refused.
    exact = Decimal(value["base"] if isinstance(value, Mapping) else value) * NANO
    return int(exact.to_integral_value(ROUND_HALF_UP))


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")[:2]
    return int(hours) * 60 + int(minutes)
