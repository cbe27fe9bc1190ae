"""From a wish to a plan: which endpoints to try, in which order, and why the others are not among them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from wideband.canon.availability import told
from wideband.canon.faults import Fault, FaultKind
from wideband.catalog.rows import Catalogue, Endpoint, Rates
from wideband.routing.filters import FILTERS, RatesOf
from wideband.routing.health import Health
from wideband.routing.pace import slow_ones, speed_step
from wideband.routing.plans import FunnelStep, Plan, Weighing, Wish
from wideband.routing.pools import INITIAL, Pool
from wideband.routing.rankers import RANKERS, Scene, strategy

REPEATS = "Leave Out Repeats"

Pools = list[tuple[Wish, Pool]]


def base_rates(endpoint: Endpoint) -> Rates:
    """Return the rates that hold when nothing special does."""
    return endpoint.price.base


def plan(
    wish: Wish, catalogue: Catalogue, health: Health, now_ns: int, seed: int, rates_of: RatesOf = base_rates
) -> Plan:
    """Choose endpoints. `rates_of` resolves prices for this instant and prompt; `seed` draws.

    May claim the probe of a half-open endpoint on the health board; the same arguments give the same plan otherwise.
    """
    pools = pools_of(wish, catalogue, health, rates_of)
    funnel, fault = what_is_left(wish, pools)
    total = funnel[0].endpoint_count
    if fault is not None:
        return Plan(endpoints=(), funnel=tuple(funnel), strategy=strategy(wish), total=total, fault=fault)
    pools, slow = as_ranked(wish, pools, funnel, health, now_ns)
    preferences = wish.preferences
    scene = Scene(
        wish=wish,
        health=health,
        now_ns=now_ns,
        seed=seed,
        rates_of=rates_of,
        slow=slow,
        # Without fallbacks nothing would cover a probe.
        probing=preferences.allow_fallbacks,
    )
    weighings = tuple(
        [
            RANKERS[strategy(own)](scene if own is wish else msgspec.structs.replace(scene, wish=own), pool)
            for own, pool in pools
            if pool.endpoints
        ]
    )
    return Plan(
        endpoints=tuple(_joined(preferences.allow_fallbacks or bool(preferences.order), weighings)),
        funnel=tuple(funnel),
        strategy=strategy(wish),
        total=total,
        weighings=weighings,
    )


def pools_of(wish: Wish, catalogue: Catalogue, health: Health, rates_of: RatesOf) -> Pools:
    """Return what the filters leave of each model, with the wish that holds for it."""
    rows, models, sift = catalogue.endpoints, wish.models, health.sieve.sift
    if wish.apart:
        owns = [msgspec.structs.replace(wish, preferences=own) for own in wish.apart]
        return [(own, sift(own, rows.get(model, ()), rates_of)) for model, own in zip(models, owns, strict=True)]
    return [
        (wish, sift(wish, rows.get(model, ()), rates_of))
        for model in (models if len(models) == 1 else dict.fromkeys(models))
    ]


def what_is_left(wish: Wish, pools: Pools) -> tuple[list[FunnelStep], Fault | None]:
    """Return the funnel, and what to tell a caller for whom it leaves nothing."""
    funnel = _funnel(pools)
    return funnel, None if funnel[-1].endpoint_count else _nothing_left(wish, pools, funnel)


def _funnel(pools: Pools) -> list[FunnelStep]:
    """Return what was there at first and after each filter, up to the one that left nothing."""
    if len(pools) == 1:
        own, pool = pools[0]
        steps = pool.steps.copy()
        for at in pool.cuts:
            steps[at + 1] = FunnelStep(FILTERS[at].step, steps[at + 1].endpoint_count, FILTERS[at].reason(own))
    else:
        counts = [sum(len(pool.stages[at]) for _, pool in pools) for at in range(len(FILTERS) + 1)]
        steps = [FunnelStep(INITIAL, counts[0])]
        for at, row in enumerate(FILTERS):
            cut = next((own for own, pool in pools if at in pool.cuts), None)
            steps.append(FunnelStep(row.step, counts[at + 1], None if cut is None else row.reason(cut)))
    if not steps[-1].endpoint_count:
        return steps[: 1 + next(at for at, step in enumerate(steps) if not step.endpoint_count)]
    return steps


def as_ranked(
    wish: Wish, pools: Pools, funnel: list[FunnelStep], health: Health, now_ns: int
) -> tuple[Pools, dict[str, Endpoint]]:
    """Return the pools as the ranker gets them, and by id the endpoints known to be slow; adds to the funnel.

    Every endpoint is in one pool only: its model's, or that of all models where they are ranked together.
    """
    count = funnel[-1].endpoint_count
    if wish.apart:
        pools, repeats = _without_repeats(pools)
        if repeats:
            count -= repeats
            funnel.append(FunnelStep(REPEATS, count, "variants of one model share endpoints"))
    preferences, slow = wish.preferences, dict[str, Endpoint]()
    if preferences.min_throughput or preferences.max_latency_s:
        slow = slow_ones(preferences, health, now_ns, [e for _, pool in pools for e in pool.endpoints])
        funnel.append(speed_step(preferences, slow, count))
    if preferences.sort_partition == "none" and len(pools) > 1:
        together = [endpoint for _, pool in pools for endpoint in pool.endpoints]
        families = tuple(family for _, pool in pools for family in pool.families if family)
        pools = [(wish, Pool([together], families))]
    return pools, slow


def _without_repeats(pools: Pools) -> tuple[Pools, int]:
    """Return the pools without the endpoints that an earlier one holds already, and how many these were."""
    seen: set[str] = set()
    fresh: Pools = []
    repeats = 0
    for own, pool in pools:
        left = [endpoint for endpoint in pool.endpoints if endpoint.id not in seen]
        repeats += len(pool.endpoints) - len(left)
        fresh.append((own, pool if len(left) == len(pool.endpoints) else Pool([left], pool.families)))
        seen.update(endpoint.id for endpoint in left)
    return fresh, repeats


def _joined(falls_back: bool, weighings: Sequence[Weighing]) -> list[Endpoint]:
    """Join the models' endpoints: one of each without fallbacks, and all that are slow after all that are not."""
    if len(weighings) == 1:
        ranked = weighings[0].ranked()
        return ranked if falls_back else ranked[:1]
    heads, tails = list[Endpoint](), list[Endpoint]()
    for weighing in weighings:
        ranked = weighing.ranked() if falls_back else weighing.ranked()[:1]
        slow = (at for at, place in enumerate(weighing.order) if weighing.notes.get(place) == "slow")
        cut = next(slow, len(ranked))
        heads += ranked[:cut]
        tails += ranked[cut:]
    return heads + tails


def _nothing_left(wish: Wish, pools: Pools, funnel: list[FunnelStep]) -> Fault:
    models = ", ".join(dict.fromkeys(wish.models))
    details: dict[str, Any] = {
        "routing_funnel": [step.shown for step in funnel],
        "failed_routing_step": funnel[-1].step,
        "availability": told("no_endpoints", wish.models),
    }
    if not funnel[0].endpoint_count:
        message = f"No endpoints found for {models}: nobody in the catalogue serves them."
        return Fault(kind=FaultKind.NO_ENDPOINTS, message=message, details=details)
    at = len(funnel) - 2
    row = FILTERS[at]
    endpoints = [endpoint for _, pool in pools for endpoint in pool.stages[at]]
    why = row.message(next(own for own, pool in pools if pool.stages[at]), endpoints)
    plain = list(dict.fromkeys(endpoint.model for endpoint in endpoints)) if row.offers_plain else None
    details["availability"] = told(
        row.code,
        wish.models,
        **({} if plain is None else {"fallback_models": plain}),
        excluded_by=[row.excluded_by],
        affected_providers=sorted({endpoint.provider.slug for endpoint in endpoints}),
        constraint={"field": row.param or row.excluded_by, "detail": why},
    )
    return Fault(kind=row.kind, message=f"No endpoints found for {models}: {why}.", param=row.param, details=details)
