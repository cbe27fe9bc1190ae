"""Which endpoints are out of service now, since when and why: the board that routing goes by, and today's incidents."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from wideband.analytics.reliability import Incident
from wideband.catalog.rows import Endpoint
from wideband.gateway.exchange import Exchange

State = Literal["resting", "half_open", "failing"]
STATES: dict[State, str] = {
    "resting": "not asked",
    "half_open": "one request at a time",
    "failing": "failing",
}
_RECENT_MINUTES = 5
_SECOND_NS = 1_000_000_000


class Trouble(msgspec.Struct, frozen=True):
    """An endpoint that requests are led around, or that fails too often though it is asked."""

    endpoint: Endpoint
    state: State
    why: str
    since_s: int | None = None
    share: float | None = None

    @property
    def said(self) -> str:
        """Return how it stands, in words."""
        return STATES[self.state]


def troubles(exchange: Exchange, incidents: Sequence[Incident], now_ns: int) -> list[Trouble]:
    """Return the endpoints that are not well, the worst first; `incidents` are those of late, newest first."""
    lasting: dict[tuple[str, str], Incident] = {}
    for incident in incidents:
        if incident.lasts_at(now_ns // _SECOND_NS):
            lasting.setdefault((incident.provider, incident.endpoint_id), incident)
    endpoints = (endpoint for row in exchange.catalogue.endpoints.values() for endpoint in row)
    found = [_trouble(exchange, endpoint, lasting, now_ns) for endpoint in endpoints]
    order = list(STATES)
    return sorted(
        (one for one in found if one is not None),
        key=lambda one: (order.index(one.state), one.endpoint.provider.slug, one.endpoint.model),
    )


def provider_name(exchange: Exchange, slug: str) -> str:
    """Return what a provider is called; one that left the catalogue keeps its slug."""
    provider = exchange.catalogue.providers.get(slug)
    return provider.name if provider else slug


def _trouble(
    exchange: Exchange, endpoint: Endpoint, lasting: dict[tuple[str, str], Incident], now_ns: int
) -> Trouble | None:
    standing = exchange.health.standing(endpoint.id, now_ns)
    incident = lasting.get((endpoint.provider.slug, endpoint.row_id))
    if standing == "healthy":
        # Asked again, and its last minutes were bad: it may be well by now, which the next tries tell.
        recent = exchange.health.total(endpoint.id, _RECENT_MINUTES, now_ns)
        if incident is None or not recent.downs:
            return None
        return Trouble(endpoint, "failing", incident.what, incident.start_s, incident.share)
    if incident is not None:
        return Trouble(endpoint, standing, incident.what, incident.start_s, incident.share)
    recent = exchange.health.total(endpoint.id, _RECENT_MINUTES, now_ns)
    limited = recent.limits > recent.downs
    return Trouble(endpoint, standing, "rate limits" if limited else "failures just now")
