"""From a wish to a plan: which endpoints to try, in which order, and why the others are not among them."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from wideband.canon.faults import Fault, FaultKind
from wideband.catalog.rows import Catalogue, Endpoint, Rates
from wideband.routing.filters import FILTERS, Filter, RatesOf
from wideband.routing.health import Health
from wideband.routing.pace import slow_ones, speed_step
from wideband.routing.plans import FunnelStep, Plan, Wish
from wideband.routing.rankers import RANKERS, Scene
from wideband.routing.stickiness import warm_first

INITIAL = "Initial Endpoints"
REPEATS = "Leave Out Repeats"

Pools = list[tuple[Wish, Sequence[Endpoint]]]


def base_rates(endpoint: Endpoint) -> Rates:
    """Return the rates that hold when nothing special does."""
    return endpoint.price.base


def plan(
    wish: Wish, catalogue: Catalogue, health: Health, now_ns: int, seed: int, rates_of: RatesOf = base_rates
) -> Plan:
    """Choose endpoints. `rates_of` resolves prices for this instant and prompt; `seed` decides between equals.

    May claim the probe of a half-open endpoint on the health board; the same arguments give the same plan otherwise.
    """
    pools = _pools(wish, catalogue)
    total = _size(pools)
    funnel = [FunnelStep(INITIAL, total)]
    count = total
    for row in FILTERS:
        kept: Pools = []
        left = 0
        for own, pool in pools:
            stay = row.keep(own, pool, rates_of) if pool else pool
            kept.append((own, stay))
            left += len(stay)
        funnel.append(FunnelStep(row.step, left, row.reason(_cut(pools, kept)) if left < count else None))
        if not left:
            fault = _nothing_left(wish, row if total else None, pools, funnel)
            return Plan(endpoints=(), funnel=tuple(funnel), strategy=_strategy(wish), total=total, fault=fault)
        pools, count = kept, left
    if wish.apart:
        pools = _without_repeats(pools)
        if _size(pools) < count:
            count = _size(pools)
            funnel.append(FunnelStep(REPEATS, count, "variants of one model share endpoints"))
    preferences, slow = wish.preferences, dict[str, Endpoint]()
    if preferences.min_throughput or preferences.max_latency_s:
        slow = slow_ones(preferences, health, now_ns, [endpoint for _, pool in pools for endpoint in pool])
        funnel.append(speed_step(preferences, slow, count))
    scene = Scene(wish=wish, health=health, now_ns=now_ns, seed=seed, rates_of=rates_of, slow=slow)
    endpoints = _ranked(scene, pools)
    if wish.sealed_by is not None and not wish.preferences.order:
        endpoints = _sealer_first(scene, wish.sealed_by, endpoints)
    return Plan(endpoints=tuple(endpoints), funnel=tuple(funnel), strategy=_strategy(wish), total=total)


def _pools(wish: Wish, catalogue: Catalogue) -> Pools:
    """Return the endpoints of each model, with the wish that holds for them."""
    if not wish.apart:
        return [(wish, catalogue.endpoints.get(model, ())) for model in dict.fromkeys(wish.models)]
    return [
        (msgspec.structs.replace(wish, preferences=own), catalogue.endpoints.get(model, ()))
        for model, own in zip(wish.models, wish.apart, strict=True)
    ]


def _size(pools: Pools) -> int:
    return sum([len(pool) for _, pool in pools])


def _cut(pools: Pools, kept: Pools) -> Wish:
    """Return the wish of the first pool from which something was taken."""
    return next(own for (own, had), (_, left) in zip(pools, kept, strict=True) if len(left) < len(had))


def _without_repeats(pools: Pools) -> Pools:
    """Return the pools without the endpoints that an earlier one holds already."""
    seen: set[str] = set()
    fresh: Pools = []
    for own, pool in pools:
        fresh.append((own, [endpoint for endpoint in pool if endpoint.id not in seen]))
        seen.update(endpoint.id for endpoint in pool)
    return fresh


def _strategy(wish: Wish) -> str:
    return "order" if wish.preferences.order else wish.preferences.sort or "price"


def _ranked(scene: Scene, pools: Pools) -> list[Endpoint]:
    """Rank the endpoints of each model, the models in the caller's order; or of all models together."""
    preferences = scene.wish.preferences
    if preferences.sort_partition == "none":
        pools = [(scene.wish, [endpoint for _, pool in pools for endpoint in pool])]
    if not preferences.allow_fallbacks:
        # Nothing would cover a probe here.
        scene = msgspec.structs.replace(scene, probing=False)
    ranked = [RANKERS[_strategy(own)](scene, pool) for own, pool in pools if pool]
    if scene.wish.warm is not None and not preferences.order:
        ranked = [warm_first(scene.wish.warm, endpoints, lambda one: _is_well(scene, one)) for endpoints in ranked]
    if not preferences.allow_fallbacks and not preferences.order:
        ranked = [endpoints[:1] for endpoints in ranked]
    if len(ranked) == 1:
        return ranked[0]
    return _slow_last(scene.slow, ranked) if scene.slow else list(chain.from_iterable(ranked))


def _is_well(scene: Scene, endpoint: Endpoint) -> bool:
    return endpoint.id not in scene.slow and scene.health.is_healthy(endpoint.id, scene.now_ns)


def _slow_last(slow: Mapping[str, Endpoint], ranked: list[list[Endpoint]]) -> list[Endpoint]:
    """Put what each model has up to its first slow endpoint before what they have from there on."""
    heads, tails = [], []
    for endpoints in ranked:
        cut = next((at for at, endpoint in enumerate(endpoints) if endpoint.id in slow), len(endpoints))
        heads += endpoints[:cut]
        tails += endpoints[cut:]
    return heads + tails


def _sealer_first(scene: Scene, provider: str, endpoints: list[Endpoint]) -> list[Endpoint]:
    """Put the provider whose sealed thinking is in the conversation first: any other has to go on without it."""
    model, now_ns = endpoints[0].model, scene.now_ns
    first = [
        endpoint
        for endpoint in endpoints
        if endpoint.provider.slug == provider
        and endpoint.model == model
        and scene.health.standing(endpoint.id, now_ns) != "resting"
    ]
    return [*first, *(endpoint for endpoint in endpoints if endpoint not in first)] if first else endpoints


def _nothing_left(wish: Wish, row: Filter | None, had: Pools, funnel: list[FunnelStep]) -> Fault:
    models = ", ".join(dict.fromkeys(wish.models))
    endpoints = [endpoint for _, pool in had for endpoint in pool]
    availability: dict[str, Any] = {
        "code": row.code if row else "no_endpoints",
        "retryable": False,
        "requested_models": list(dict.fromkeys(wish.models)),
    }
    details: dict[str, Any] = {
        "routing_funnel": [step.shown for step in funnel],
        "failed_routing_step": row.step if row else INITIAL,
        "availability": availability,
    }
    if row is None:
        message = f"No endpoints found for {models}: nobody in the catalogue serves them."
        return Fault(kind=FaultKind.NO_ENDPOINTS, message=message, details=details)
    why = row.message(next(own for own, pool in had if pool), endpoints)
    if row.offers_plain:
        availability["fallback_models"] = list(dict.fromkeys(endpoint.model for endpoint in endpoints))
    availability["excluded_by"] = [row.excluded_by]
    availability["affected_providers"] = sorted({endpoint.provider.slug for endpoint in endpoints})
    availability["constraint"] = {"field": row.param or row.excluded_by, "detail": why}
    return Fault(kind=row.kind, message=f"No endpoints found for {models}: {why}.", param=row.param, details=details)
