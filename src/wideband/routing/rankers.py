"""The order of the endpoints that are left: one function per strategy, named in `RANKERS`."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from wideband.catalog.rows import Endpoint
from wideband.routing.filters import RatesOf
from wideband.routing.health import Health
from wideband.routing.plans import Wish
from wideband.routing.preferences import names

# A request whose answer is not capped lower is priced as if it got this many tokens: caps as sent by clients (32,000
# and more) say nothing about how long an answer will be.
EXPECTED_OUTPUT_TOKENS = 500

_TOKENS_A_PRICE = 1_000_000
_MASK = 0xFFFF_FFFF
_UNKNOWN = float("inf")


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What a ranker may look at.

    `slow` are, by id, the endpoints known to be slower than was asked for. `probing` allows a half-open endpoint to be
    put first.
    """

    wish: Wish
    health: Health
    now_ns: int
    seed: int
    rates_of: RatesOf
    slow: Mapping[str, Endpoint] = {}
    probing: bool = True


Key = tuple[float, ...]
Ranker = Callable[[Scene, Sequence[Endpoint]], list[Endpoint]]


def by_price(scene: Scene, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Cheapest for this request first; equal prices share by the seed."""
    return _by_standing(scene, endpoints, _costs(scene, endpoints))


def by_order(scene: Scene, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """As the caller listed them, whatever their health; the rest by price after those."""
    order = scene.wish.preferences.order
    ranked = by_price(msgspec.structs.replace(scene, probing=False), endpoints)
    ranked.sort(key=lambda e: next((at for at, slug in enumerate(order) if names(slug, e)), len(order)))
    return ranked


def by_throughput(scene: Scene, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Most tokens a second first, by the median; unknown ones after that, by price."""
    speeds = [scene.health.speeds(e.id, scene.now_ns).throughput for e in endpoints]
    return _by_measure(scene, endpoints, [None if s is None else -s.p50 for s in speeds])


def by_latency(scene: Scene, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Shortest time to first token first, by the median; unknown ones after that, by price."""
    speeds = [scene.health.speeds(e.id, scene.now_ns).latency_ms for e in endpoints]
    return _by_measure(scene, endpoints, [None if s is None else s.p50 for s in speeds])


# "exacto" puts quality first and price second; endpoints of unknown quality are equals in it, which leaves the price.
RANKERS: dict[str, Ranker] = {
    "price": by_price,
    "order": by_order,
    "throughput": by_throughput,
    "latency": by_latency,
    "exacto": by_price,
}


def _costs(scene: Scene, endpoints: Sequence[Endpoint]) -> list[Key]:
    """Return what this request would cost at each endpoint (in millionths of a nano-dollar), with a tie-breaker."""
    wish, rates_of, seed = scene.wish, scene.rates_of, scene.seed
    prompt = wish.prompt_tokens
    output = EXPECTED_OUTPUT_TOKENS
    if wish.max_tokens is not None and wish.max_tokens < output:
        output = wish.max_tokens
    keys: list[Key] = []
    for at, endpoint in enumerate(endpoints, 1):
        price = endpoint.price
        rates = rates_of(endpoint) if price.overrides else price.base
        cost = rates.prompt * prompt + rates.completion * output + rates.request * _TOKENS_A_PRICE
        mixed = (seed ^ at * 0x9E3779B1) * 0x85EBCA6B & _MASK
        keys.append((cost, (mixed ^ mixed >> 15) * 0xC2B2AE35 & _MASK))
    return keys


def _by_measure(scene: Scene, endpoints: Sequence[Endpoint], measures: list[float | None]) -> list[Endpoint]:
    keys: list[Key] = [
        (_UNKNOWN if measure is None else measure, *cost)
        for measure, cost in zip(measures, _costs(scene, endpoints), strict=True)
    ]
    return _by_standing(scene, endpoints, keys)


def _by_standing(scene: Scene, endpoints: Sequence[Endpoint], keys: list[Key]) -> list[Endpoint]:
    """Sort by key, the slow after the others, among the healthy, then the half-open, then the resting.

    A half-open endpoint that would come first by its key does come first for the one request that probes it; the
    endpoints behind it cover that request.
    """
    ranks = sorted(range(len(endpoints)), key=keys.__getitem__)
    if scene.slow:
        slow = scene.slow
        ranks.sort(key=lambda at: endpoints[at].id in slow)
    health = scene.health
    if health.all_well():
        return [endpoints[at] for at in ranks]
    groups: dict[str, list[Endpoint]] = {"healthy": [], "half_open": [], "resting": []}
    leads = False
    for at in ranks:
        endpoint = endpoints[at]
        standing = health.standing(endpoint.id, scene.now_ns)
        if standing == "half_open" and not groups["half_open"] and not groups["healthy"]:
            leads = True
        groups[standing].append(endpoint)
    healthy, half_open, resting = groups.values()
    if leads and healthy and scene.probing and health.claim_probe(half_open[0].id, scene.now_ns):
        return [half_open[0], *healthy, *half_open[1:], *resting]
    return [*healthy, *half_open, *resting]
