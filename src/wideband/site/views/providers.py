"""The list of providers: who serves what, how well, and what they do with prompts."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from markupsafe import Markup
from starlette.responses import Response

from wideband.analytics.periods import DAY_S, Period
from wideband.analytics.providers import use_by_provider
from wideband.analytics.reliability import Outage, Uptime, incidents, outages, uptime
from wideband.analytics.use import Speeds, Use
from wideband.canon.faults import invalid
from wideband.catalog.rows import Catalogue, Endpoint, Provider
from wideband.site.charts.uptime import cells
from wideband.site.views import provider
from wideband.site.views.model import cell_period
from wideband.site.views.model_figures import axis_of
from wideband.site.views.offers import UNREACHABLE, Status, book, policy_words, status, worst
from wideband.site.visit import Page, Visit

_SORTS = ("requests", "uptime", "speed", "ttft", "models", "name")


class Row(msgspec.Struct, frozen=True):
    """One provider of the list; `incidents` are those of the running UTC day."""

    provider: Provider
    endpoints: tuple[Endpoint, ...]
    status: Status
    use: Use
    speeds: Speeds
    uptime: Uptime | None
    cells: Markup
    incidents: int

    @property
    def policy(self) -> list[tuple[str, str]]:
        return policy_words(self.provider.data_policy)

    @property
    def models(self) -> int:
        return len({each.model for each in self.endpoints})


async def index(visit: Visit) -> Response:
    """List the providers."""
    period, reader, exchange = visit.period(), visit.house.reader, visit.house.exchange
    spans = cell_period(period, visit.now_s)
    served = visit.query.get("served") or ("here" if exchange.catalogue.endpoints else "all")
    if served not in ("here", "all"):
        raise invalid(f"`served` is `{served[:40]}`; it can be here, all.", "served")
    used, up, fallen = await asyncio.gather(
        use_by_provider(reader, period),
        uptime(reader, spans, "provider"),
        incidents(reader, _today(visit.now_s), visit.now_s),
    )
    today = outages(fallen)
    rows = [
        _row(visit, each, used.get(each.slug, (Use(), Speeds())), up.get(each.slug), (spans, today))
        for each in _known(book(exchange) if served == "all" else exchange.catalogue)
    ]
    return await visit.page(
        "providers.html",
        period=period,
        rows=_sorted(rows, visit.query.get("sort") or "requests"),
        cell_words=f"{len(spans.starts)} {spans.width}s",
        served=served,
        sorts=[(name, name.capitalize() if name != "ttft" else "First token") for name in _SORTS],
    )


def _row(
    visit: Visit,
    one: Provider,
    used: tuple[Use, Speeds],
    up: Uptime | None,
    told: tuple[Period, list[Outage]],
) -> Row:
    exchange, at_ns = visit.house.exchange, visit.now_s * 1_000_000_000
    spans, today = told
    everything = provider.served_by(book(exchange), one.slug)
    reached = provider.served_by(exchange.catalogue, one.slug)
    return Row(
        provider=one,
        endpoints=reached or everything,
        status=worst(status(exchange, each.id, at_ns) for each in reached) or UNREACHABLE,
        use=used[0],
        speeds=used[1],
        uptime=up,
        cells=cells(axis_of(spans), up.shares) if up else Markup(""),
        incidents=sum(outage.provider == one.slug for outage in today),
    )


def _known(catalogue: Catalogue) -> Iterable[Provider]:
    serving = {each.provider.slug for rows in catalogue.endpoints.values() for each in rows}
    return [one for slug, one in catalogue.providers.items() if slug in serving]


def _sorted(rows: list[Row], sort: str) -> list[Row]:
    keys: dict[str, Callable[[Row], Any]] = {
        "requests": lambda row: -row.use.requests,
        "uptime": lambda row: -((row.uptime.share if row.uptime else None) or -1.0),
        "speed": lambda row: -(row.speeds.speed_p50 or 0.0),
        "ttft": lambda row: row.speeds.ttft_p50 or float("inf"),
        "models": lambda row: -row.models,
        "name": lambda row: row.provider.name.lower(),
    }
    if sort not in keys:
        raise invalid(f"`sort` is `{sort[:40]}`; it can be {', '.join(_SORTS)}.", "sort")
    key = keys[sort]
    return sorted(rows, key=lambda row: (key(row), row.provider.name.lower()))


def _today(now_s: int) -> Period:
    return Period(now_s - now_s % DAY_S, now_s + 1, "hour")


PAGES: tuple[Page, ...] = (
    Page("/providers", index, label="Providers"),
    Page("/providers/{slug}", provider.show),
)
