"""How fast the caller would like it: the endpoints known to be slower are asked after those that are not."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

from wideband.catalog.rows import Endpoint
from wideband.routing.health import Health
from wideband.routing.minutes import Percentiles
from wideband.routing.plans import FunnelStep, Preferences
from wideband.routing.preferences import PERCENTILES, names

PREFERRED = "Prefer by Speed"
_POINTS: dict[str, Callable[[Percentiles], float]] = {name: attrgetter(name) for name in PERCENTILES}


def slow_ones(
    preferences: Preferences, health: Health, now_ns: int, endpoints: Sequence[Endpoint]
) -> dict[str, Endpoint]:
    """Return, by id, the endpoints known to miss a speed asked for in the last minutes.

    One never measured is not known to miss anything, and one that the caller's `order` names stays in its place.
    """
    speeds, slow = health.speeds, dict[str, Endpoint]()
    if preferences.min_throughput:
        reached = [(e, known) for e in endpoints if (known := speeds(e.id, now_ns).reached) is not None]
        for name, least in preferences.min_throughput.items():
            point = _POINTS[name]
            slow.update([(e.id, e) for e, known in reached if point(known) < least])
    if preferences.max_latency_s:
        waited = [(e, known) for e in endpoints if (known := speeds(e.id, now_ns).latency_ms) is not None]
        for name, most_s in preferences.max_latency_s.items():
            point, most_ms = _POINTS[name], most_s * 1000
            slow.update([(e.id, e) for e, known in waited if point(known) > most_ms])
    if preferences.order:
        return {id_: e for id_, e in slow.items() if not any(names(slug, e) for slug in preferences.order)}
    return slow


def speed_step(preferences: Preferences, slow: Mapping[str, Endpoint], left: int) -> FunnelStep:
    """Return the funnel's word on preferred speeds: they take nothing away."""
    if not slow:
        return FunnelStep(PREFERRED, left)
    tags = ", ".join(sorted({endpoint.tag for endpoint in slow.values()}))
    asked = ", ".join((*_cutoffs(preferences.min_throughput, ">="), *_cutoffs(preferences.max_latency_s, "<=")))
    return FunnelStep(PREFERRED, left, f"asked last, for missing {asked}: {tags}")


def _cutoffs(limits: Mapping[str, float], relation: str) -> list[str]:
    unit = "tokens/s" if relation == ">=" else "s to the first token"
    return [f"{name} {relation} {limit:g} {unit}" for name, limit in limits.items()]
