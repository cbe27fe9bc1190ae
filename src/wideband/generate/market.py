"""A made-up market: models, providers, endpoints, apps and keys drawn from a seed. All names begin with `sim-`."""

import math
import random
import uuid

from wideband.catalog.rows import Override, Price, Rates
from wideband.generate.kinds import KINDS
from wideband.generate.names import ADJECTIVES, AUTHORS, FAMILIES, NOUNS, PLACES, SIZES, TRADES
from wideband.generate.rows import App, Incident, KeyHeld, Offering, Product, Supplier, Trouble, World

MODELS, PROVIDERS, APPS, KEYS, ACCOUNTS = 300, 60, 800, 400, 50
MODEL_ZIPF, APP_ZIPF, KEY_ZIPF = 1.05, 1.1, 0.8
# Of the days before the first one in which older models were launched.
_PAST_DAYS = 320.0
_DOLLAR = 1_000_000_000
_NAMESPACE = uuid.UUID("6f4d2a10-0000-4000-8000-67656e657261")

_FAULTS = ("provider_overloaded", "provider_error", "provider_timeout", "provider_unreachable")
_DIALECTS = ("openai_chat", "openai_chat", "openai_chat", "openai_chat", "anthropic_messages", "gemini_generate")


def market(seed: int, days: int, people: int) -> World:
    """Return the made-up market of a seed, with what goes wrong in it over so many days."""
    draw = random.Random(f"market {seed}")
    suppliers = _suppliers(draw)
    products = _products(draw, days)
    return World(
        products=products,
        suppliers=suppliers,
        offerings=_offerings(draw, products, suppliers),
        apps=_apps(draw),
        keys=_keys(draw),
        incidents=incidents(draw, [row.slug for row in suppliers], days),
        kinds=KINDS,
        people=people,
    )


def zipf(rank: int, exponent: float) -> float:
    """Return the weight of a rank, from 0."""
    return float((rank + 1) ** -exponent)


def _suppliers(draw: random.Random) -> tuple[Supplier, ...]:
    found = []
    for at in range(PROVIDERS):
        place, trade = PLACES[at % len(PLACES)], TRADES[at // len(PLACES) % len(TRADES)]
        peak = draw.choice((13, 14, 15, 16, 1, 2, 7, 8))
        found.append(
            Supplier(
                slug=f"sim-{place}-{trade}",
                name=f"{place.capitalize()} {trade.capitalize()} (simulated)",
                dialect=draw.choice(_DIALECTS),
                peak_from=peak,
                peak_to=(peak + draw.randint(5, 9)) % 24,
                peak_factor=round(draw.uniform(1.1, 2.2), 2),
            )
        )
    return tuple(found)


def _products(draw: random.Random, days: int) -> tuple[Product, ...]:
    """Draw models: the authors' sizes are Zipf's, so are the models' shares; a third is launched meanwhile."""
    ranks = list(range(MODELS))
    counts = dict.fromkeys(AUTHORS, 0)
    weights = [zipf(at, 0.7) for at in range(len(AUTHORS))]
    found: list[Product] = []
    for rank in ranks:
        author = draw.choices(AUTHORS, weights)[0]
        counts[author] += 1
        number = counts[author]
        family, size = FAMILIES[(number * 3 + len(author)) % len(FAMILIES)], draw.randrange(len(SIZES))
        launched = -draw.uniform(5, _PAST_DAYS) if draw.random() < 0.65 else draw.uniform(0, days * 0.97)
        thinks = draw.random() < (0.2 + 0.35 * (launched + _PAST_DAYS) / (days + _PAST_DAYS))
        found.append(
            Product(
                id=f"sim-{author}/{family}-{number}-{SIZES[size]}",
                share=zipf(rank, MODEL_ZIPF),
                launched=round(launched, 2),
                half_life=round(draw.lognormvariate(math.log(150), 0.6), 1),
                context=draw.choice((32_768, 131_072, 131_072, 262_144, 1_048_576)),
                thinks=thinks,
                core=draw.random() < 0.2,
                valid=round(1 - min(0.3, draw.expovariate(28)), 4),
                fits={kind.name: round(draw.lognormvariate(0, 0.9), 3) for kind in KINDS},
            )
        )
    return tuple(found)


def _offerings(
    draw: random.Random, products: tuple[Product, ...], suppliers: tuple[Supplier, ...]
) -> tuple[Offering, ...]:
    """Let each model be served by one to fourteen providers, at prices and speeds around its own."""
    quality = {row.slug: (draw.lognormvariate(0, 0.35), draw.lognormvariate(0, 0.4)) for row in suppliers}
    found: list[Offering] = []
    for rank, product in enumerate(products):
        # Well used models are served by more.
        most = max(1, round(14 * zipf(rank, 0.28) * draw.uniform(0.3, 1.3)))
        prompt_usd = min(15.0, max(0.03, draw.lognormvariate(math.log(0.5), 1.1)))
        completion_factor = draw.choice((2.0, 3.0, 4.0, 4.0, 5.0))
        speed, wait = draw.lognormvariate(math.log(70), 0.5), draw.lognormvariate(math.log(420), 0.45)
        for supplier in draw.sample(suppliers, min(most, 14)):
            pace, lag = quality[supplier.slug]
            permille = round(1000 * draw.lognormvariate(0, 0.16))
            found.append(
                Offering(
                    id=str(uuid.uuid5(_NAMESPACE, f"{supplier.slug} {product.id}")),
                    model=product.id,
                    provider=supplier.slug,
                    price=_price(draw, supplier, round(prompt_usd * permille) * _DOLLAR // 1000, completion_factor),
                    ttft_ms=round(wait * lag * draw.lognormvariate(0, 0.15), 1),
                    tokens_per_s=round(speed * pace * draw.lognormvariate(0, 0.15), 1),
                    failing=round(min(0.12, draw.lognormvariate(math.log(0.006), 1.1)), 5),
                )
            )
    return tuple(found)


def _price(draw: random.Random, supplier: Supplier, prompt: int, completion_factor: float) -> Price:
    prompt = max(prompt, 20_000_000)
    writes = supplier.dialect == "anthropic_messages"
    base = Rates(
        prompt=prompt,
        completion=round(prompt * completion_factor),
        cache_read=prompt // 10 if writes else prompt // 4 if draw.random() < 0.75 else None,
        cache_write=prompt * 5 // 4 if writes else None,
    )
    if draw.random() > 0.08:
        return Price(base=base)
    halved = {"prompt": base.prompt // 2, "completion": base.completion // 2}
    if base.cache_read is not None:
        halved["cache_read"] = base.cache_read // 2
    return Price(base=base, overrides=(Override(rates=halved, utc_start=16 * 60 + 30, utc_end=30),))


def _apps(draw: random.Random) -> tuple[App, ...]:
    kinds = [kind.name for kind in KINDS]
    weights = [zipf(at, KEY_ZIPF) for at in range(KEYS)]
    found = []
    for rank in range(APPS):
        adjective, noun = (
            ADJECTIVES[rank % len(ADJECTIVES)],
            NOUNS[(rank * 7 + rank // len(ADJECTIVES)) % len(NOUNS)],
        )
        title = f"Sim {adjective.capitalize()} {noun.capitalize()}"
        found.append(
            App(
                title=title if draw.random() < 0.8 else None,
                url=f"https://{adjective}-{noun}.example/" if draw.random() < 0.75 else None,
                user_agent=f"sim-{adjective}-{noun}/{draw.randint(0, 4)}.{draw.randint(0, 30)}",
                # The kinds take turns, so that each has apps of all sizes.
                kind=kinds[rank % len(kinds)],
                share=zipf(rank // len(kinds), APP_ZIPF),
                key=draw.choices(range(KEYS), weights)[0],
            )
        )
    return tuple(found)


def _keys(draw: random.Random) -> tuple[KeyHeld, ...]:
    names = [f"sim-account-{at + 1:02}" for at in range(ACCOUNTS)]
    own = {names[11], names[27]}
    return tuple(
        KeyHeld(
            hash=f"{draw.getrandbits(256):064x}",
            account_id=(name := names[at if at < ACCOUNTS else draw.randrange(ACCOUNTS)]),
            byok=name in own,
        )
        for at in range(KEYS)
    )


def incidents(draw: random.Random, providers: list[str], days: int) -> tuple[Incident, ...]:
    """Draw what goes wrong: each provider breaks about once a month, is slow or limits callers a little oftener."""
    troubles: tuple[tuple[Trouble, float, float], ...] = (
        ("down", 1 / 30, 50.0),
        ("slow", 1 / 25, 110.0),
        ("limited", 1 / 20, 70.0),
    )
    found = []
    for slug in providers:
        frailty = draw.lognormvariate(0, 0.5)
        for trouble, a_day, minutes in troubles:
            at = draw.expovariate(a_day * frailty)
            while at < days:
                length = min(draw.lognormvariate(math.log(minutes), 0.8), 600.0) / 1440
                fault = "provider_rate_limited" if trouble == "limited" else draw.choice(_FAULTS)
                found.append(Incident(provider=slug, begins=at, ends=at + length, trouble=trouble, fault=fault))
                at += length + draw.expovariate(a_day * frailty)
    return tuple(found)
