"""Spend, tokens and requests over time."""

import asyncio
from typing import Any, get_args

from starlette.responses import Response

from wideband.analytics import requests
from wideband.analytics.activity import BYS, Activity, Bounds, By, Overview, Volume, activity, overview
from wideband.analytics.periods import Period
from wideband.canon.faults import invalid
from wideband.site import figures
from wideband.site.cells import dollars, sheet
from wideband.site.charts.bars import stacked_bars
from wideband.site.charts.figure import Axis, Figure, Series, Unit
from wideband.site.examples import first_request
from wideband.site.keynames import KeyNames, key_names
from wideband.site.rendering import link
from wideband.site.views.log import named
from wideband.site.visit import Page, Visit, account_of

_MOST_SERIES, _MOST_ROWS = 9, 50
_FILTERS = ("model", "key", "app", "provider")
# What stands where a record names nobody.
_NOBODY: dict[By, str] = {"app": "unknown", "provider": "nobody"}
_MOST_TEXT = 300
_COLUMNS = (
    "start", "group", "name", "requests", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens",
    "cost_usd",
)  # fmt: skip


class _Names:
    """What groups are called."""

    def __init__(self, by: By, keys: KeyNames) -> None:
        self._by, self._keys = by, keys

    def of(self, group: str) -> str:
        """Return what a group is called."""
        if self._by == "key":
            return self._keys.of(group)
        return group or _NOBODY.get(self._by, "unknown")


async def show(visit: Visit) -> Response:
    """Show what was used, split by one thing and filtered by others."""
    by, bounds, period = _by(visit), _bounds(visit), visit.period("7d")
    reader, keys = visit.house.reader, await key_names(visit)
    names = _Names(by, keys)
    if visit.query.get("format") == "csv":
        return await asyncio.to_thread(_table, await activity(reader, by, bounds, period, visit.now_s), names)
    found, choices = await asyncio.gather(
        overview(reader, by, bounds, period, visit.now_s, (_MOST_SERIES, _MOST_ROWS)),
        requests.choices(reader, period, bounds.account),
    )
    return await visit.page(
        "activity.html",
        period=period,
        by=by,
        bys=[(name, name) for name in BYS],
        bounds=bounds,
        keys=keys,
        named=named,
        choices=choices,
        total=found.total,
        cards=_cards(visit, found, period, names, by),
        rows=[_row(visit, group, volume, found.total, names, by) for group, volume in found.groups.items()],
        others=found.count - len(found.groups),
        rest=found.others,
        example=first_request(visit),
    )


def _by(visit: Visit) -> By:
    by = visit.query.get("by", "model")
    for known in get_args(By):
        if by == known:
            return BYS[BYS.index(known)]
    raise invalid(f"`by` is `{by[:40]}`; it can be {', '.join(BYS)}.", "by")


def _bounds(visit: Visit) -> Bounds:
    given = {name: value for name in _FILTERS if (value := visit.query.get(name, "").strip()[:_MOST_TEXT])}
    return Bounds(account=account_of(visit), **given)


def _cards(
    visit: Visit, found: Overview, period: Period, names: _Names, by: By
) -> list[tuple[str, str, float | None, Figure]]:
    """Return (title, sum as written, change, chart) of spend, tokens and requests."""
    measures: tuple[tuple[str, str, Unit], ...] = (
        ("Spend", "cost_nano", "usd"),
        ("Tokens", "tokens", "tokens"),
        ("Requests", "requests", "whole"),
    )
    axis = Axis(period.starts, period.width, period.end_s)
    cards = []
    for title, measure, unit in measures:
        now = getattr(found.total, measure)
        series = _series(visit, found, period, measure, names, by)
        fig = stacked_bars(title, axis, series, unit)
        cards.append((title, figures.FORMATS[unit](now), found.change(measure), fig))
    return cards


def _series(visit: Visit, found: Overview, period: Period, measure: str, names: _Names, by: By) -> list[Series]:
    """Return the dearest groups, each with one colour in all three charts, and the rest as one."""
    nothing = Volume()

    def values(group: str) -> tuple[float, ...]:
        return tuple(float(getattr(found.cells.get((start_s, group), nothing), measure)) for start_s in period.starts)

    series = [
        Series(names.of(group), values(group), _href(visit, by, group)) for group in [*found.groups][:_MOST_SERIES]
    ]
    if found.rest:
        rest = (float(getattr(found.rest.get(start_s, nothing), measure)) for start_s in period.starts)
        series.append(Series("others", tuple(rest)))
    return series


def _href(visit: Visit, by: By, group: str) -> str | None:
    """Return the address of this page with only this group, split by what is in it."""
    if not group or by == "author":
        return None
    return link(visit, **{by: group, "by": "provider" if by == "model" else "model"})


def _row(visit: Visit, group: str, volume: Volume, total: Volume, names: _Names, by: By) -> dict[str, Any]:
    share = volume.cost_nano / total.cost_nano if total.cost_nano else volume.tokens / max(1, total.tokens)
    return {"name": names.of(group), "href": _href(visit, by, group), "volume": volume, "share": share}


def _table(found: Activity, names: _Names) -> Response:
    """Answer with what the charts are drawn from: a row for each bar and group."""
    order = {group: place for place, group in enumerate(found.groups)}
    cells = sorted(found.cells.items(), key=lambda one: (one[0][0], order[one[0][1]]))
    rows = (
        (
            figures.iso(start_s),
            group,
            names.of(group),
            volume.requests,
            volume.prompt_tokens,
            volume.completion_tokens,
            volume.reasoning_tokens,
            volume.cached_tokens,
            dollars(volume.cost_nano),
        )
        for (start_s, group), volume in cells
    )
    headers = {"content-disposition": 'attachment; filename="activity.csv"'}
    return Response(sheet(_COLUMNS, rows), media_type="text/csv", headers=headers)


PAGES: tuple[Page, ...] = (Page("/activity", show, "viewer", "Activity"),)
