"""The sandbox's market as a world to generate a past from, and the programs that ask it, then and now."""

from collections.abc import Sequence
from random import Random

from wideband.generate.kinds import KINDS
from wideband.generate.market import incidents, zipf
from wideband.generate.rows import App, KeyHeld, Offering, Product, Supplier, World
from wideband.sandbox.market import market
from wideband.sandbox.rows import MODEL_BY_ID, MODELS, PROVIDER_BY_SLUG, PROVIDERS

# Title, kind of use, place of its key. All are made up.
APPS: tuple[tuple[str, str, int], ...] = (
    ("Patch Pilot", "coding", 1),
    ("Common Room", "chat", 0),
    ("Lantern Tales", "stories", 3),
    ("Sorting Office", "batch", 2),
    ("Errand Runner", "agents", 4),
    ("Reading Desk", "documents", 0),
    ("Long Question", "research", 5),
    ("Terminal Mate", "coding", 1),
    ("Window Seat", "chat", 0),
    ("Help Counter", "documents", 4),
    ("Dragon's Ledger", "stories", 3),
    ("Invoice Sieve", "batch", 2),
    ("Merge Helper", "coding", 1),
    ("Field Agent", "agents", 4),
    ("Phrase Book", "chat", 0),
    ("Proof Reader", "documents", 5),
    ("Night Shift", "agents", 2),
    ("Second Opinion", "research", 5),
)
KEYS = ("web", "coding", "batch", "stories", "agents", "research")

# How well each model suits each kind of use, how much it is used, when it came (share of all days), what is left of it.
_FITS: dict[str, tuple[dict[str, float], float, float]] = {
    "sandbox/fast": ({"chat": 5, "documents": 3, "batch": 6, "stories": 2, "agents": 1}, 1.0, -1.0),
    "sandbox/coder": ({"coding": 8, "agents": 4, "batch": 0.5}, 0.9, -0.5),
    "sandbox/thinker": ({"research": 8, "chat": 1.5, "coding": 1.5, "documents": 1}, 0.8, 0.3),
    "sandbox/steady": ({"chat": 3, "documents": 4, "batch": 3, "stories": 4, "agents": 2, "research": 1}, 0.7, -1.0),
    "sandbox/storm": ({"chat": 1, "agents": 2, "stories": 2, "documents": 1}, 0.35, 0.55),
    "sandbox/flaky": ({"chat": 0.6, "stories": 0.6}, 0.2, -0.8),
    "sandbox/chat-only": ({"chat": 1, "coding": 0.4}, 0.4, -0.2),
    "sandbox/messages-only": ({"coding": 1.2, "research": 1}, 0.5, 0.1),
    "sandbox/responses-only": ({"agents": 1, "research": 1}, 0.4, 0.4),
    "sandbox/gemini-only": ({"documents": 1, "research": 1, "chat": 0.5}, 0.5, 0.7),
}
_HALF_LIFE = {"sandbox/flaky": 25.0, "sandbox/storm": 60.0}


def apps() -> tuple[App, ...]:
    """Return the programs that ask, the most used first."""
    return tuple(
        App(
            title=title,
            url=f"https://{_slug(title)}.example/",
            user_agent=f"{_slug(title)}/1.{rank}",
            kind=kind,
            share=zipf(rank, 0.7),
            key=key,
        )
        for rank, (title, kind, key) in enumerate(APPS)
    )


def world(keys: Sequence[KeyHeld], days: int, speedup: float, seed: int, people: int) -> World:
    """Return the world of the sandbox's models, as fast as a sandbox with this speedup."""
    _, _, endpoints = market("http://127.0.0.1:0")
    offerings = []
    for endpoint in endpoints:
        model, provider = MODEL_BY_ID[endpoint.model], PROVIDER_BY_SLUG[endpoint.provider.slug]
        if endpoint.model not in _FITS:
            continue
        serving = next(each for each in model.servings if each.provider == provider.slug)
        offerings.append(
            Offering(
                id=endpoint.row_id,
                model=model.id,
                provider=provider.slug,
                price=endpoint.price,
                ttft_ms=model.ttft_s * provider.lag * 1000 / speedup,
                tokens_per_s=model.tokens_per_s * provider.pace * speedup,
                failing=sum(serving.faults.values()),
            )
        )
    return World(
        products=tuple(_products(days)),
        suppliers=tuple(
            Supplier(
                slug=row.slug,
                name=row.name,
                dialect=row.dialect,
                peak_from=row.peak.from_hour,
                peak_to=row.peak.to_hour,
                peak_factor=row.peak.factor,
            )
            for row in PROVIDERS
        ),
        offerings=tuple(offerings),
        apps=apps(),
        keys=tuple(keys),
        incidents=incidents(Random(f"demo {seed}"), [row.slug for row in PROVIDERS], days),
        kinds=KINDS,
        people=people,
    )


def _products(days: int) -> list[Product]:
    found = []
    for row in MODELS:
        if row.id not in _FITS:
            continue
        fits, share, launched = _FITS[row.id]
        found.append(
            Product(
                id=row.id,
                share=share,
                launched=launched * days,
                half_life=_HALF_LIFE.get(row.id, 400.0),
                context=row.context,
                thinks=row.thinks,
                core=row.id == "sandbox/thinker",
                valid=0.97,
                fits={kind.name: fits.get(kind.name, 0.05) for kind in KINDS},
            )
        )
    return found


def models_for(kind: str) -> dict[str, float]:
    """Return the models that a kind of use asks today, by share."""
    return {model: fits[kind] * share for model, (fits, share, _) in _FITS.items() if kind in fits}


def _slug(title: str) -> str:
    return title.lower().replace("'", "").replace(" ", "-")
