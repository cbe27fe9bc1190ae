"""What is going on now."""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from markupsafe import Markup
from starlette.responses import Response

from wideband.analytics import rankings, reliability, requests
from wideband.analytics.now import Now, now
from wideband.analytics.periods import MINUTE_S, period_of
from wideband.analytics.rankings import AppsAsked, AppUse, ModelUse
from wideband.site import figures
from wideband.site.charts.bars import stacked_bars
from wideband.site.charts.figure import Axis, Figure, Series
from wideband.site.charts.ranked import ranked
from wideband.site.charts.spark import spark
from wideband.site.standing import provider_name, troubles
from wideband.site.visit import Page, Person, Visit, account_of
from wideband.wire import jsons

TOP, NEWEST, INCIDENTS = 6, 8, 4
# A change against fewer requests says nothing.
LEAST_BEFORE = 20


class Stat(msgspec.Struct, frozen=True):
    """A big figure of the page. `href` leads to where it is told in full; `better` says which way is good."""

    label: str
    value: str
    note: str
    spark: Markup
    change: float | None
    href: str | None = None
    better: str | None = "up"


class Money(msgspec.Struct, frozen=True):
    """What the visitor's account spent, and what is left of its credits; None where it was granted none."""

    daily_nano: int
    monthly_nano: int
    granted_nano: int
    left_nano: int | None


async def home(visit: Visit) -> Response:
    """Show how things go; a home without any request shows how to send one."""
    period, reader = visit.period("24h"), visit.house.reader
    flow = await now(reader, period)
    if not flow.total.requests and await rankings.first_s(reader) is None:
        return await visit.page("welcome.html", **_welcome(visit))
    day = period_of({}, visit.now_s, "24h")
    found, incidents, models, (apps, _), money = await asyncio.gather(
        requests.find(reader, requests.Wanted(account_id=account_of(visit)), period, limit=NEWEST),
        reliability.incidents(reader, day, visit.now_s),
        rankings.models(reader, period, simulated=True),
        rankings.apps(reader, period, visit.now_s, AppsAsked(metric="requests", most=TOP, models=False)),
        _money(visit, visit.person),
    )
    return await visit.page(
        "home.html",
        period=period,
        now=flow,
        stats=_stats(flow),
        outcomes_figure=_outcomes(flow),
        troubles=troubles(visit.house.exchange, incidents, visit.now_s * 1_000_000_000),
        outages=reliability.outages(incidents)[:INCIDENTS],
        models=_ranked_models(models),
        apps=_ranked_apps(apps),
        newest=found.rows,
        known=visit.house.exchange.catalogue.providers,
        named=lambda slug: provider_name(visit.house.exchange, slug),
        money=money,
    )


async def _money(visit: Visit, person: Person | None) -> Money | None:
    if person is None:
        return None
    ledger = visit.house.exchange.ledger
    spend = await ledger.spend(account_id=person.account_id)
    granted, charged = await ledger.credits(person.account_id)
    return Money(spend.daily_nano, spend.monthly_nano, granted, granted - charged if granted else None)


def _stats(flow: Now) -> list[Stat]:
    total, before, seconds = flow.total, flow.before, max(flow.seconds, 1)
    saved = total.saved / total.requests if total.requests else None
    return [
        Stat(
            "Requests a minute",
            _rate(total.requests * MINUTE_S / seconds),
            f"{figures.whole(total.requests)} in all",
            spark(flow.paces("requests", MINUTE_S), "Requests a minute, bar by bar"),
            _growth(flow, "requests"),
            "/log",
        ),
        Stat(
            "Tokens a second",
            _rate(total.tokens / seconds),
            f"{figures.tokens(total.tokens)} in all",
            spark(flow.paces("tokens", 1), "Tokens a second, bar by bar"),
            _growth(flow, "tokens"),
            "/activity",
        ),
        Stat(
            "Saved by failover",
            figures.whole(total.saved),
            f"{figures.percent(saved)} of requests",
            spark(tuple(bar.saved for bar in flow.bars), "Requests saved by failover, bar by bar"),
            _growth(flow, "saved"),
            "/status",
            None,
        ),
        Stat(
            "Spend",
            figures.usd(total.cost_nano),
            f"{figures.usd(total.cost_nano / total.requests if total.requests else None)} a request",
            spark(tuple(bar.cost_nano for bar in flow.bars), "Spend, bar by bar"),
            _growth(flow, "cost_nano"),
            "/activity",
            None,
        ),
        Stat(
            "First token, median",
            figures.ms(total.ttft_ms),
            f"of {figures.whole(sum(total.waits.values()))} answers",
            spark(tuple(bar.ttft_ms for bar in flow.bars), "Median time to the first token, bar by bar"),
            flow.change(total.ttft_ms, before.ttft_ms) if before and before.requests >= LEAST_BEFORE else None,
            "/providers",
            "down",
        ),
    ]


def _growth(flow: Now, field: str) -> float | None:
    before = flow.before
    return (
        None
        if before is None or before.requests < LEAST_BEFORE
        else flow.growth(getattr(flow.total, field), getattr(before, field))
    )


def _rate(value: float) -> str:
    return figures.tokens(value) if value >= 10 else f"{value:.2g}" if value else "0"


def _outcomes(flow: Now) -> Figure:
    period = flow.period
    series = [
        Series("answered", tuple(bar.ok - bar.saved for bar in flow.bars), None, "s1"),
        Series("saved by failover", tuple(bar.saved for bar in flow.bars), "/log?outcome=saved", "warn"),
        Series("failed", tuple(bar.failed for bar in flow.bars), "/log?outcome=failed", "bad"),
        Series("left by the caller", tuple(bar.cancelled for bar in flow.bars), "/log?outcome=cancelled", "muted"),
    ]
    axis = Axis(period.starts, period.width, period.end_s)
    return stacked_bars("Requests by outcome", axis, series, "whole")


def _ranked_models(models: Sequence[ModelUse]) -> Figure:
    top = sorted(models, key=lambda row: (-row.requests, row.model))[:TOP]
    rows = [(row.model, row.requests, figures.tokens(row.tokens) + " tokens", f"/models/{row.model}") for row in top]
    return ranked("Models by requests", rows, "whole")


def _ranked_apps(apps: Sequence[AppUse]) -> Figure:
    rows = [
        (app.app, app.requests, figures.tokens(app.tokens) + " tokens", "/log?" + urlencode({"app": app.app}))
        for app in apps
        if app.requests
    ]
    return ranked("Apps by requests", rows[:TOP], "whole")


def _welcome(visit: Visit) -> dict[str, Any]:
    base = visit.base
    catalogue = visit.house.exchange.catalogue
    model = next((name for name, rows in catalogue.endpoints.items() if rows), "author/model")
    folder = visit.house.facts.get("home", "")
    body = jsons.encode({"model": model, "messages": [{"role": "user", "content": "Hello"}]}).decode()
    return {
        "base": base,
        "model": model,
        "home": folder,
        "curl": f"curl {base}/api/v1/chat/completions \\\n"
        f'  -H "Authorization: Bearer $(cat {folder}/local.key)" \\\n'
        f"  -H 'Content-Type: application/json' \\\n  -d '{body}'",
        "simulated": any(row.simulated for row in catalogue.endpoints.get(model, ())),
        "count": sum(bool(rows) for rows in catalogue.endpoints.values()),
    }


PAGES: tuple[Page, ...] = (Page("/", home, "viewer", "Home"),)
