"""The order of the endpoints that are left: one function per strategy, named in `RANKERS`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from wideband.catalog.rows import Endpoint
from wideband.routing.filters import RatesOf
from wideband.routing.health import Health
from wideband.routing.market import adjusted_costs, drawn, inverse_square_shares, market_shares
from wideband.routing.plans import Weighed, Weighing, Wish
from wideband.routing.pools import Pool
from wideband.routing.preferences import names, tier_of
from wideband.routing.scales import Scales, cost

_UNKNOWN = float("inf")
_QUALITIES = {"good": 0, "unknown": 1, "poor": 2}
# Who is asked later than the rest, whatever the share or price, and in which order.
_BEHIND = {"slow": 1, "half_open": 2, "full": 3, "resting": 4}


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


Ranker = Callable[[Scene, Pool], Weighing]


def strategy(wish: Wish) -> str:
    """Return the ranker's name: `provider.order` is one, then comes the sort asked for, then the house's own."""
    return "order" if wish.preferences.order else wish.preferences.sort or wish.policy.ranker


def weigh(scene: Scene, pool: Pool) -> list[Weighed]:
    """Return what the ranker of a wish makes of endpoints, in its order; no probe is claimed."""
    if not pool.endpoints:
        return []
    still = msgspec.structs.replace(scene, probing=False)
    return RANKERS[strategy(scene.wish)](still, pool).rows({e.id for e in pool.endpoints})


def by_market(scene: Scene, pool: Pool) -> Weighing:
    """Drawn by shares of the traffic, which fall with what a request costs, how long it takes and what goes wrong."""
    scales = _scales(scene, pool)
    costs, notes = _costs(scene, scales, caching=True), _behind(scene, scales)
    adjusted = adjusted_costs(costs, scales.times, scales.penalties)
    aside = scales.poor
    if notes:
        # One that may have recovered is probed as often as it would be asked.
        aside = aside.union(at for at, note in notes.items() if note != "half_open")
    shares = market_shares(adjusted, scene.wish.policy.weights, aside)
    order, notes = _settled(scene, scales, drawn(shares, scene.seed), notes)
    return _weighing(scales, costs, shares, order, notes)


def by_inverse_square(scene: Scene, pool: Pool) -> Weighing:
    """Drawn by the inverse square of what a request costs; those with an outage come behind the others."""
    scales = _scales(scene, pool)
    costs, notes = _costs(scene, scales), _behind(scene, scales)
    shares = inverse_square_shares(costs, notes)
    order, notes = _settled(scene, scales, drawn(shares, scene.seed), notes)
    return _weighing(scales, costs, shares, order, notes)


def by_price(scene: Scene, pool: Pool) -> Weighing:
    """Cheapest for this request first, with what its provider has cached of it; equal prices share by the seed."""
    scales = _scales(scene, pool)
    costs = _costs(scene, scales)
    return _strict(scene, scales, costs, costs)


def by_order(scene: Scene, pool: Pool) -> Weighing:
    """As the caller listed them, whatever their health; the rest by price after those."""
    listed = scene.wish.preferences.order
    found = by_price(msgspec.structs.replace(scene, probing=False), pool)
    places = [next((at for at, slug in enumerate(listed) if names(slug, e)), len(listed)) for e in pool.endpoints]
    order = sorted(found.order, key=places.__getitem__)
    notes = {at: note for at, note in found.notes.items() if places[at] == len(listed)}
    shares = [0.0] * len(places)
    shares[order[0]] = 1.0
    return msgspec.structs.replace(found, shares=shares, order=order, notes=notes)


def by_throughput(scene: Scene, pool: Pool) -> Weighing:
    """Most tokens a second first, by the median; unknown ones after that, by price."""
    speeds = [scene.health.speeds(e.id, scene.now_ns).throughput for e in pool.endpoints]
    paces = [_UNKNOWN if s is None else -s.p50 for s in speeds]
    tier = scene.wish.preferences.tier
    if tier is None:
        return _by_speed(scene, pool, paces)
    # Who asks for a service tier is asked there first.
    return _by_speed(scene, pool, [(tier_of(e) != tier, pace) for e, pace in zip(pool.endpoints, paces, strict=True)])


def by_latency(scene: Scene, pool: Pool) -> Weighing:
    """Shortest time to first token first, by the median; unknown ones after that, by price."""
    speeds = [scene.health.speeds(e.id, scene.now_ns).latency_ms for e in pool.endpoints]
    return _by_speed(scene, pool, [_UNKNOWN if s is None else s.p50 for s in speeds])


def by_quality(scene: Scene, pool: Pool) -> Weighing:
    """Good before unknown before poor; the market's adjusted cost decides between equals."""
    scales = _scales(scene, pool)
    costs = _costs(scene, scales, caching=True)
    adjusted = adjusted_costs(costs, scales.times, scales.penalties)
    qualities = [_QUALITIES[outlook.quality] for outlook in scales.outlooks]
    return _strict(scene, scales, costs, list(zip(qualities, adjusted, strict=True)))


RANKERS: dict[str, Ranker] = {
    "market": by_market,
    "inverse-square": by_inverse_square,
    "price": by_price,
    "order": by_order,
    "throughput": by_throughput,
    "latency": by_latency,
    "exacto": by_quality,
}


def _scales(scene: Scene, pool: Pool) -> Scales:
    """Return what is prepared for a pool; endpoints are compared with all of their model, also those filtered out."""
    health, now_ns = scene.health, scene.now_ns
    outlooks = health.outlooks(pool.families[0], now_ns)
    for family in pool.families[1:]:
        outlooks = {**outlooks, **health.outlooks(family, now_ns)}
    return pool.held.scales(scene.wish, pool.endpoints, outlooks)


def _costs(scene: Scene, scales: Scales, *, caching: bool = False) -> list[float]:
    """Return what the request is expected to cost at each endpoint.

    What a provider has cached of this conversation is counted; with `caching` what it has of most prompts, too.
    """
    wish = scene.wish
    tokens, warm = wish.prompt_tokens, wish.warm
    prompt: Sequence[float] = scales.mixed if caching else scales.prompt
    costs = [tokens * rate + rest for rate, rest in zip(prompt, scales.rest, strict=True)]
    for at in scales.timed:
        rates = scene.rates_of(scales.endpoints[at])
        costs[at] = cost(rates, tokens, scales.outlooks[at].cached * tokens if caching else 0, scales.outputs[at])
    if warm is not None and (place := scales.places.get(warm.endpoint_id)) is not None:
        rates = scene.rates_of(scales.endpoints[place])
        costs[place] = min(costs[place], cost(rates, tokens, min(warm.tokens, tokens), scales.outputs[place]))
    return costs


def _by_speed(scene: Scene, pool: Pool, measures: Sequence[Any]) -> Weighing:
    scales = _scales(scene, pool)
    costs = _costs(scene, scales)
    return _strict(scene, scales, costs, list(zip(measures, costs, strict=True)))


def _strict(scene: Scene, scales: Scales, costs: list[float], measures: Sequence[Any]) -> Weighing:
    """Put the smallest measure first. Endpoints of the same share the traffic; all others are only asked after them."""
    count = len(measures)
    order = sorted(drawn([1.0] * count, scene.seed), key=measures.__getitem__)
    order, notes = _settled(scene, scales, order, _behind(scene, scales))
    first = order[0]
    equals = [at for at in order if measures[at] == measures[first] and notes.get(at) == notes.get(first)]
    shares = [0.0] * count
    for at in equals:
        shares[at] = 1.0 / len(equals)
    return _weighing(scales, costs, shares, order, notes)


def _weighing(
    scales: Scales, costs: list[float], shares: list[float], order: list[int], notes: dict[int, str]
) -> Weighing:
    return Weighing(
        endpoints=scales.endpoints,
        costs=costs,
        waits=scales.waits,
        totals=scales.totals,
        penalties=scales.penalties,
        shares=shares,
        order=order,
        notes=notes,
        poor=scales.poor,
    )


def _behind(scene: Scene, scales: Scales) -> dict[int, str]:
    """Return who is asked later than the others, and why."""
    health, now_ns, endpoints = scene.health, scene.now_ns, scales.endpoints
    notes: dict[int, str] = {}
    if scene.slow:
        notes = {at: "slow" for at, endpoint in enumerate(endpoints) if endpoint.id in scene.slow}
    for at in scales.limited:
        if health.is_full(endpoints[at].id, now_ns):
            notes[at] = "full"
    if not health.all_well():
        for at, endpoint in enumerate(endpoints):
            standing = health.standing(endpoint.id, now_ns)
            if standing != "healthy":
                notes[at] = standing
    return notes


def _settled(scene: Scene, scales: Scales, order: list[int], notes: dict[int, str]) -> tuple[list[int], dict[int, str]]:
    """Put those with a note behind the others, and first of all who leads for another reason than the ranker's."""
    wish = scene.wish
    leads: dict[int, str] = {}
    if wish.warm is not None or wish.sealed_by is not None:
        leads = _bound(wish, scales, order, notes)
    if notes:
        leads = leads or _probed(scene, scales, order, notes)
        order = sorted(order, key=lambda at: _BEHIND.get(notes.get(at, ""), 0))
    if leads:
        return [*leads, *(at for at in order if at not in leads)], {**notes, **leads}
    return order, notes


def _bound(wish: Wish, scales: Scales, order: list[int], notes: Mapping[int, str]) -> dict[int, str]:
    """Return where the conversation should stay: with who sealed its thinking, and where it is cached if all is well.

    Others have to go on without the thinking. A caller who asks for the lowest price gets it: what a cache saves is in
    the cost already.
    """
    preferences, endpoints = wish.preferences, scales.endpoints
    if preferences.order:
        return {}
    leads: dict[int, str] = {}
    if wish.warm is not None and preferences.sort != "price":
        place = scales.places.get(wish.warm.endpoint_id)
        left_tier = place is not None and preferences.tier not in (None, tier_of(endpoints[place]))
        if place is not None and place not in notes and place not in scales.poor and not left_tier:
            leads[place] = "warm"
    if wish.sealed_by is not None:
        model = endpoints[order[0]].model
        own = [
            at
            for at in order
            if endpoints[at].provider.slug == wish.sealed_by
            and endpoints[at].model == model
            and notes.get(at) != "resting"
        ]
        leads = dict.fromkeys(sorted(own, key=lambda at: at not in leads), "sealed") | leads
    return leads


def _probed(scene: Scene, scales: Scales, order: list[int], notes: Mapping[int, str]) -> dict[int, str]:
    """Return a half-open endpoint that would come first without its note, or has waited too long for coming first.

    One request at a time finds out about it. Others, on which nothing weighs, must be there to cover that request.
    """
    if len(notes) == len(order) or not scene.probing:
        return {}
    health, now_ns, endpoints = scene.health, scene.now_ns, scales.endpoints
    half_open = [at for at in order if notes.get(at) == "half_open"]
    first = next((at for at in half_open if health.is_unprobed(endpoints[at].id, now_ns)), None)
    if first is None:
        first = next((at for at in order if notes.get(at, "half_open") == "half_open"), None)
    if first is None or first not in notes:
        return {}
    endpoint_id = endpoints[first].id
    if endpoint_id in scene.slow or not health.claim_probe(endpoint_id, now_ns):
        return {}
    return {first: "probed"}
