"""`python -m bench.plan`: what deciding costs, in microseconds, for a model at 2, 8 and 20 endpoints.

Each figure is the least of many rounds: whatever else the machine does can only add to it.
"""

import time
from collections.abc import Callable

import msgspec
from rich.console import Console
from rich.table import Table

from wideband.canon.faults import Fault, FaultKind
from wideband.catalog.rows import Catalogue, Endpoint, Override, Price, Provider, Rates
from wideband.gateway.lanes import SPEAKERS
from wideband.pricing import RateCard
from wideband.routing.health import Health
from wideband.routing.plan import plan
from wideband.routing.plans import Outcome, Warm, Wish
from wideband.routing.policy import Policy
from wideband.routing.preferences import decode_preferences

SIZES = (2, 8, 20)
ROUNDS, PLANS = 40, 250
NOW_NS = 1_800_000_000_000_000_000
MODEL = "acme/big"


def endpoint(at: int, *, timed: bool = False) -> Endpoint:
    """Return an endpoint unlike its neighbours in price and limits."""
    usd = 200_000_000 + 37_000_000 * (at * 7 % 20)
    peak = Override(rates={"prompt": usd * 2}, utc_start=60, utc_end=540)
    return Endpoint(
        id=f"{MODEL}@p{at}",
        provider=Provider(slug=f"p{at}", name=f"P{at}", dialect="openai_chat", base_url=f"http://p{at}"),
        model=MODEL,
        upstream_model=MODEL,
        tag=f"p{at}",
        price=Price(
            base=Rates(prompt=usd, completion=4 * usd, cache_read=usd // 4), overrides=(peak,) if timed else ()
        ),
        context_length=131_072 if at % 3 else 65_536,
        max_output=16_384 if at % 2 else 8192,
        supported_parameters=frozenset({"tools", "tool_choice", "max_tokens"}),
    )


def board(count: int, *, down: bool = False) -> Health:
    """Return a board that has heard of every endpoint; with `down`, the last one has failed."""
    health = Health()
    for at in range(count):
        for number in range(20):
            outcome = Outcome(
                endpoint_id=f"{MODEL}@p{at}",
                at_ns=NOW_NS - (20 - number) * 1_000_000_000,
                ttft_ns=(300 + 20 * at) * 1_000_000,
                generation_ns=4_000_000_000,
                prompt_tokens=1000,
                completion_tokens=300,
                charged_nano=500_000,
            )
            health.observe(outcome)
    if down:
        fault = Fault(kind=FaultKind.PROVIDER_ERROR, message="It broke.")
        for _ in range(3):
            health.observe(Outcome(endpoint_id=f"{MODEL}@p{count - 1}", at_ns=NOW_NS, fault=fault))
    return health


def wish(provider: dict[str, object] | None = None) -> Wish:
    """Return what an agent's turn asks for."""
    return Wish(
        models=(MODEL,),
        prompt_tokens=1500,
        max_tokens=4000,
        needs=frozenset({"tools", "tool_choice", "max_tokens"}),
        dialects=SPEAKERS["generate"],
        preferences=decode_preferences(provider or {}),
    )


PRICE_FIRST = msgspec.structs.replace(wish(), policy=Policy(ranker="price"))
CHOOSY: dict[str, object] = {
    "ignore": ["p1"],
    "data_collection": "allow",
    "max_price": {"prompt": 9, "completion": 40},
    "preferred_min_throughput": 10,
}

# What is measured: a wish, and whether endpoints have hours and one of them has failed.
KINDS: dict[str, tuple[Wish, bool, bool]] = {
    "market": (wish(), False, False),
    "market, an answer capped at 100": (msgspec.structs.replace(wish(), max_tokens=100), False, False),
    "market, a warm conversation": (msgspec.structs.replace(wish(), warm=Warm(f"{MODEL}@p1", 1200)), False, False),
    "market, one endpoint down": (wish(), False, True),
    "market, a choosy caller": (wish(CHOOSY), False, False),
    "market, every price by the hour": (wish(), True, False),
    "price": (PRICE_FIRST, False, False),
    "throughput": (wish({"sort": "throughput"}), False, False),
}


def least_us(make: Callable[[int], object]) -> float:
    """Return the microseconds of one call, of the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for seed in range(PLANS):
            make(seed)
        best = min(best, time.perf_counter() - start)
    return best / PLANS * 1e6


def figure(asked: Wish, count: int, *, timed: bool, down: bool) -> float:
    """Return the microseconds of one plan."""
    rows = tuple(endpoint(at, timed=timed) for at in range(count))
    catalogue = Catalogue(providers={}, models={}, endpoints={MODEL: rows})
    health = board(count, down=down)

    card = RateCard()

    def rates_of(one: Endpoint) -> Rates:
        return card.rates(one.price, NOW_NS, asked.prompt_tokens)

    return least_us(lambda seed: plan(asked, catalogue, health, NOW_NS, seed, rates_of))


def main() -> None:
    """Print the table."""
    table = Table("plan", *(f"{count} endpoints" for count in SIZES))
    for name, (asked, timed, down) in KINDS.items():
        table.add_row(name, *(f"{figure(asked, count, timed=timed, down=down):.1f}" for count in SIZES))
    Console().print(table)


if __name__ == "__main__":
    main()
