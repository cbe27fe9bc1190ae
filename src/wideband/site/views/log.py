"""The request log, with filters and a live tail."""

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.responses import Response

from wideband.analytics import requests
from wideband.analytics.periods import Period
from wideband.analytics.requests import EXPORT_ROWS, OUTCOMES, Cursor, Direction, Row, Wanted
from wideband.canon.faults import FaultKind, invalid
from wideband.site import figures
from wideband.site.cells import dollars, sheet
from wideband.site.examples import first_request
from wideband.site.keynames import key_names
from wideband.site.visit import Page, Visit, account_of

# Query field -> field of `Wanted`, for those that are taken as they are.
_TEXTS = {
    "model": "model",
    "provider": "provider",
    "key": "key_hash",
    "app": "app",
    "session": "session_id",
    "id": "name",
}
_MOST_TEXT = 300

# Column of an export -> how it is read from a row.
_COLUMNS = (
    "time", "id", "model", "requested_model", "provider", "key_hash", "app", "prompt_tokens", "completion_tokens",
    "cached_tokens", "ttft_ms", "tokens_per_s", "duration_ms", "cost_usd", "outcome", "status", "fault", "tries",
    "session_id",
)  # fmt: skip


def wanted_of(visit: Visit) -> Wanted:
    """Read the filters of the log. Raises `Faulted` (invalid_request)."""
    query, fields = visit.query, dict[str, Any](account_id=account_of(visit))
    for name, field in _TEXTS.items():
        if value := query.get(name, "").strip()[:_MOST_TEXT]:
            fields[field] = value
    if outcome := query.get("outcome"):
        fields["outcome"] = _one_of("outcome", outcome, OUTCOMES)
    if fault := query.get("fault"):
        fields["fault"] = _one_of("fault", fault, tuple(kind.value for kind in FaultKind))
    if (status := _number(visit, "status")) is not None:
        fields["status"] = int(status)
    if (min_ms := _number(visit, "min_ms")) is not None:
        fields["min_ms"] = min_ms
    if (min_usd := _number(visit, "min_cost")) is not None:
        fields["min_nano"] = round(min_usd * 1e9)
    return Wanted(**fields)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise invalid(f"`{name}` is `{value[:40]}`; it can be {', '.join(known)}.", name)
    return value


def _number(visit: Visit, name: str) -> float | None:
    text = visit.query.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise invalid(f"`{name}` must be a number, not `{text[:40]}`.", name) from None
    if not 0 <= value < 1e9:
        raise invalid(f"`{name}` must lie between 0 and 1,000,000,000.", name)
    return value


def _place(visit: Visit) -> tuple[Cursor | None, Direction]:
    """Read where the page begins: `before` or `after` a record, else at the newest."""
    for name, direction in (("before", "older"), ("after", "newer")):
        text = visit.query.get(name)
        if not text:
            continue
        number, dash, record = text.partition("-")
        if not (dash and number.isascii() and number.isdigit() and len(number) < 20):
            raise invalid(f"`{name}` must be a record's time and id, as the links of this page have it.", name)
        return Cursor(int(number), record[:_MOST_TEXT]), "older" if direction == "older" else "newer"
    return None, "older"


async def log(visit: Visit) -> Response:
    """Show the newest requests, or those around a place in the log."""
    period, wanted = visit.period("24h"), wanted_of(visit)
    if visit.query.get("format") == "csv":
        return await _export(visit, wanted, period)
    reader = visit.house.reader
    place, direction = _place(visit)
    found, total, choices, names = await asyncio.gather(
        requests.find(reader, wanted, period, place=place, direction=direction),
        requests.count(reader, wanted, period),
        requests.choices(reader, period, wanted.account_id),
        key_names(visit),
    )
    is_first = place is None or (direction == "newer" and not found.more)
    return await visit.page(
        "log.html",
        period=period,
        wanted=wanted,
        filtered=wanted != Wanted(account_id=wanted.account_id),
        found=found,
        total=total,
        choices=choices,
        names=names,
        faults=[kind.value for kind in FaultKind],
        outcomes_known=OUTCOMES,
        named=named,
        cleared=dict.fromkeys((*_TEXTS, "outcome", "fault", "status", "min_ms", "min_cost", "before", "after")),
        example=first_request(visit),
        live=place is None and period.name is not None,
        paused=visit.query.get("tail") == "off",
        newer=None if is_first or not found.rows else found.rows[0].cursor,
        older=_older(found, direction),
        most=EXPORT_ROWS,
    )


def named(values: tuple[str, ...], chosen: str | None = None) -> list[tuple[str, str]]:
    """Return the options of a select; what is chosen is among them, be it there or not."""
    more = () if chosen is None or chosen in values else (chosen,)
    return [(value, value) for value in (*values, *more)]


def _older(found: requests.Found, direction: Direction) -> str | None:
    """Return from where an older page goes on; where nothing was found yet, from how far has been looked."""
    if found.rows and (found.more or direction == "newer" or not found.complete):
        return found.rows[-1].cursor
    return None if found.complete or direction == "newer" else f"{found.until_s * 1_000_000_000}-"


async def _export(visit: Visit, wanted: Wanted, period: Period) -> Response:
    """Answer with the rows of a filter, newest first, as many as one file may hold."""
    found = await requests.find(visit.house.reader, wanted, period, limit=EXPORT_ROWS)
    # A fifth of a second, for which nobody else should wait.
    text = await asyncio.to_thread(_written, found.rows)
    cut = found.more or not found.complete
    name = f"requests-newest-{len(found.rows)}.csv" if cut else "requests.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"', "x-cut": "true" if cut else "false"}
    return Response(text, media_type="text/csv", headers=headers)


def _written(rows: Iterable[Row]) -> str:
    return sheet(_COLUMNS, map(_cells, rows))


def _cells(row: Row) -> tuple[Any, ...]:
    values: dict[str, Any] = msgspec.structs.asdict(row) | {
        "time": figures.iso(row.at_s),
        "cost_usd": dollars(row.cost_nano),
        "tries": row.try_count,
    }
    return tuple(values[name] for name in _COLUMNS)


PAGES: tuple[Page, ...] = (Page("/log", log, "viewer", "Log"),)
