"""What is up, for anybody to see."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

import msgspec
from starlette.responses import Response

from wideband.analytics import reliability
from wideband.analytics.periods import DAY_S, Period, period_of
from wideband.analytics.reliability import Outage, Uptime
from wideband.canon.faults import invalid
from wideband.site.charts.figure import Axis
from wideband.site.charts.uptime import cells
from wideband.site.standing import Trouble, provider_name, troubles
from wideband.site.visit import Page, Visit

# How many days of incidents can be asked for; the first is shown unless another is.
DAYS = {"15": 15, "90": 90}


class Row(msgspec.Struct, frozen=True):
    """A provider: how it was, day by day, and what is wrong with it now."""

    slug: str
    name: str
    uptime: Uptime | None
    endpoints: int
    out: int
    failing: int

    @property
    def state(self) -> str:
        """Return how it stands: up, some, down, gone where nothing of it can be asked, or idle where nobody asked."""
        if not self.endpoints:
            return "gone"
        if self.out >= self.endpoints:
            return "down"
        if self.out or self.failing:
            return "some"
        return "up" if self.uptime is not None else "idle"


class Day(msgspec.Struct, frozen=True):
    """A day and the incidents that began in it, the last first."""

    start_s: int
    outages: tuple[Outage, ...]


async def status(visit: Visit) -> Response:
    """Show how every provider stands and stood."""
    days = visit.query.get("days", "15")
    if days not in DAYS:
        raise invalid(f"`days` is `{days[:40]}`; it can be {' or '.join(DAYS)}.", "days")
    reader, now_s = visit.house.reader, visit.now_s
    period = period_of({"period": "90d"}, now_s)
    since_s = now_s - now_s % DAY_S - (DAYS[days] - 1) * DAY_S
    uptimes, whole, incidents = await asyncio.gather(
        reliability.uptime(reader, period, "provider"),
        reliability.uptime(reader, period, "all"),
        reliability.incidents(reader, Period(since_s, now_s, "day"), now_s),
    )
    problems = troubles(visit.house.exchange, incidents, now_s * 1_000_000_000)
    rows = _rows(visit, uptimes, problems)
    outages = reliability.outages(incidents)
    return await visit.page(
        "status.html",
        axis=Axis(period.starts, period.width, period.end_s),
        rows=[row for row in rows if row.state != "idle"],
        idle=[row for row in rows if row.state == "idle"],
        whole=whole.get(""),
        problems=problems,
        sentence=_sentence(rows, problems),
        days=_by_day(outages),
        shown_days=days,
        options=[(name, f"{count} days") for name, count in DAYS.items()],
        quiet_min=reliability.QUIET_S // 60,
        least=reliability.LEAST_DOWNS,
        up_share=reliability.UP_SHARE,
        draw=cells,
        day_name=day_name,
        name_of=lambda slug: provider_name(visit.house.exchange, slug),
    )


def _rows(visit: Visit, uptimes: dict[str, Uptime], problems: Sequence[Trouble]) -> list[Row]:
    catalogue = visit.house.exchange.catalogue
    served: dict[str, int] = {}
    for endpoints in catalogue.endpoints.values():
        for endpoint in endpoints:
            served[endpoint.provider.slug] = served.get(endpoint.provider.slug, 0) + 1
    rows = []
    for slug in {*served, *uptimes}:
        of = [problem for problem in problems if problem.endpoint.provider.slug == slug]
        rows.append(
            Row(
                slug=slug,
                name=provider_name(visit.house.exchange, slug),
                uptime=uptimes.get(slug),
                endpoints=served.get(slug, 0),
                out=sum(problem.state != "failing" for problem in of),
                failing=sum(problem.state == "failing" for problem in of),
            )
        )
    order = ("down", "some", "up", "gone", "idle")
    return sorted(rows, key=lambda row: (order.index(row.state), row.name.lower()))


def _sentence(rows: Sequence[Row], problems: Sequence[Trouble]) -> tuple[str, str]:
    """Return the state of it all and the sentence that says it."""
    down = [row.name for row in rows if row.state == "down"]
    if down:
        names = ", ".join(down[:3]) + (f" and {len(down) - 3} more" if len(down) > 3 else "")
        return "bad", f"{names} {'is' if len(down) == 1 else 'are'} down"
    if problems:
        return (
            "warn",
            f"{len(problems)} endpoint{'s have' if len(problems) > 1 else ' has'} trouble; no provider is down",
        )
    if all(row.state in ("idle", "gone") for row in rows):
        return "muted", "No provider that can be asked has been asked yet"
    return "ok", "All providers are up"


def _by_day(outages: Sequence[Outage]) -> list[Day]:
    grouped = groupby(outages, key=lambda outage: outage.start_s - outage.start_s % DAY_S)
    return [Day(start_s, tuple(found)) for start_s, found in grouped]


def day_name(start_s: int) -> str:
    """Write a day for people: Sunday, 22 November 2026."""
    at = datetime.fromtimestamp(start_s, UTC)
    return f"{at:%A}, {at.day} {at:%B} {at.year}"


PAGES: tuple[Page, ...] = (Page("/status", status, "viewer", "Status", public=True),)
