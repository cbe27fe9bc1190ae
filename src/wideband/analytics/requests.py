"""The request log: records by filters, newest first, page by page; how many there are; and what can be filtered by."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from wideband.analytics.named import Query, Reader
from wideband.analytics.periods import DAY_S, HOUR_S, Period
from wideband.clock import monotonic_ns

Outcome = Literal["ok", "failed", "cancelled", "saved"]
OUTCOMES: tuple[Outcome, ...] = ("ok", "failed", "cancelled", "saved")

PAGE_ROWS = 50
EXPORT_ROWS = 10_000
# How long a search may go on before it says how far it has come.
PATIENCE_NS, COUNT_NS = 1_500_000_000, 400_000_000
_FIRST_SPAN_S, _WIDER = HOUR_S, 4
_SECOND_NS = 1_000_000_000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which records are asked for; None leaves a matter open. `name` is part of an id."""

    account_id: str | None = None
    model: str | None = None
    provider: str | None = None
    key_hash: str | None = None
    app: str | None = None
    outcome: Outcome | None = None
    fault: str | None = None
    status: int | None = None
    min_ms: float | None = None
    min_nano: int | None = None
    session_id: str | None = None
    name: str | None = None


# The condition of each field; `?` stands where its parameter goes.
_CONDITIONS: dict[str, str] = {
    "account_id": "account_id = ?",
    "model": "model = ?",
    "provider": "provider = ?",
    "key_hash": "key_hash = ?",
    "app": "app = ?",
    "fault": "fault = ?",
    "status": "status = ?",
    "min_ms": "duration_ms >= ?",
    "min_nano": "cost_nano >= ?",
    "session_id": "session_id = ?",
    "name": "contains(id, ?)",
}
# What can be counted from sums: a cube, the filters that are its dimensions, and whether it has minutes.
_SUMMED: tuple[tuple[str, frozenset[str], bool], ...] = (
    ("usage_{grain}", frozenset({"model", "provider", "outcome"}), True),
    ("key_{grain}", frozenset({"account_id", "key_hash", "model", "provider"}), False),
    ("app_{grain}", frozenset({"app", "model"}), False),
)
# The sum of each outcome, which only `usage` tells apart.
_COUNTS: dict[Outcome | None, str] = {
    None: "requests",
    "ok": "ok",
    "failed": "failed",
    "cancelled": "cancelled",
    "saved": "saved",
}


class Cursor(msgspec.Struct, frozen=True):
    """A place between two records: before or after this one."""

    created_ns: int
    id: str


class Row(msgspec.Struct, frozen=True):
    """A line of the log. Durations are milliseconds."""

    id: str
    created_ns: int
    model: str
    requested_model: str
    provider: str | None
    provider_name: str | None
    key_hash: str
    app: str | None
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    ttft_ms: float | None
    tokens_per_s: float | None
    duration_ms: float
    cost_nano: int
    outcome: str
    status: int
    fault: str | None
    try_count: int
    tool_calls: int
    is_saved: bool
    streamed: bool
    is_byok: bool
    is_replayed: bool
    is_insured: bool
    is_warm: bool
    simulated: bool
    session_id: str | None

    @property
    def at_s(self) -> float:
        """Return when it came, in unix seconds."""
        return self.created_ns / _SECOND_NS

    @property
    def hedged(self) -> bool:
        """Say whether a second try ran beside a late one: several tries, and none of them failed."""
        return self.outcome == "ok" and self.try_count > 1 and not self.is_saved

    @property
    def cursor(self) -> str:
        """Return the place of this row as a query field."""
        return f"{self.created_ns}-{self.id}"


class Found(msgspec.Struct, frozen=True):
    """Rows, newest first. `more` says that there are others beyond them, `until_s` how far has been looked."""

    rows: tuple[Row, ...]
    more: bool
    until_s: int
    complete: bool


class Count(msgspec.Struct, frozen=True):
    """How many records there are; where it is not `complete`, only those since `since_s` are counted."""

    requests: int
    since_s: int
    complete: bool


_SQL = """
SELECT {columns} FROM {table}
WHERE "at" >= make_timestamp($1::BIGINT * 1000000) AND "at" < make_timestamp($2::BIGINT * 1000000){conditions}
"""
_COLUMNS = ", ".join(Row.__struct_fields__)
_PLACE = {
    "older": "(created_ns < {0} OR (created_ns = {0} AND id < {1}))",
    "newer": "(created_ns > {0} OR (created_ns = {0} AND id > {1}))",
}
_ORDER = {"older": "created_ns DESC, id DESC", "newer": "created_ns, id"}
Direction = Literal["older", "newer"]


def _conditions(wanted: Wanted, parameters: list[Any]) -> str:
    """Return the text of the filters that are set, behind an AND each; adds their values to the parameters."""
    texts = []
    for field, text in _CONDITIONS.items():
        value = getattr(wanted, field)
        if value is not None:
            parameters.append(value)
            texts.append(text.replace("?", f"${len(parameters)}"))
    if wanted.outcome == "saved":
        texts.append("is_saved")
    elif wanted.outcome is not None:
        parameters.append(wanted.outcome)
        texts.append(f"outcome = ${len(parameters)}")
    return "".join(f" AND {text}" for text in texts)


# Since when all records are in the table of those that are not sealed: asking it takes a tenth of the time.
_SEALED_UNTIL = Query("requests_sealed", 'SELECT epoch("at")::BIGINT FROM sealed_until')


async def _sealed_until_s(reader: Reader) -> int:
    ((at_s,),) = await _SEALED_UNTIL.ask(reader)
    return int(at_s)


async def find(
    reader: Reader,
    wanted: Wanted,
    period: Period,
    *,
    place: Cursor | None = None,
    direction: Direction = "older",
    limit: int = PAGE_ROWS,
) -> Found:
    """Return the records next to a place, or the newest: looks in ever longer spans, no longer than is bearable."""
    began_ns, rows, until_s, complete = monotonic_ns(), list[Row](), period.end_s, True
    sealed_s = await _sealed_until_s(reader)
    for start_s, end_s in _spans(period, place, direction):
        parameters: list[Any] = [start_s, end_s]
        conditions = _conditions(wanted, parameters)
        if place is not None:
            at = len(parameters)
            parameters += (place.created_ns, place.id)
            conditions += " AND " + _PLACE[direction].format(f"${at + 1}", f"${at + 2}")
        table = "generation" if start_s >= sealed_s else "record"
        sql = _SQL.format(columns=_COLUMNS, table=table, conditions=conditions)
        sql += f"ORDER BY {_ORDER[direction]} LIMIT {limit + 1 - len(rows):d}"
        rows += [Row(*row) for row in await Query("requests", sql).ask(reader, *parameters)]
        until_s = start_s if direction == "older" else end_s
        if len(rows) > limit:
            break
        if monotonic_ns() - began_ns > PATIENCE_NS:
            complete = not period.start_s < until_s < period.end_s
            break
    more, shown = len(rows) > limit, rows[:limit]
    return Found(tuple(shown if direction == "older" else shown[::-1]), more, until_s, complete)


async def count(reader: Reader, wanted: Wanted, period: Period) -> Count:
    """Return how many records there are: from sums where they can tell, else by looking, as far as is bearable."""
    table = _summed(wanted, period)
    if table is not None:
        parameters: list[Any] = [period.start_s, period.end_s]
        conditions = _conditions(msgspec.structs.replace(wanted, outcome=None), parameters)
        column = f"coalesce(sum({_COUNTS[wanted.outcome]}), 0)::BIGINT"
        sql = _SQL.format(columns=column, table=table, conditions=conditions)
        ((found,),) = await Query("requests_summed", sql).ask(reader, *parameters, grain=period.grain)
        return Count(found, period.start_s, True)
    began_ns, total, sealed_s = monotonic_ns(), 0, await _sealed_until_s(reader)
    for start_s, end_s in _spans(period, None, "older"):
        parameters = [start_s, end_s]
        source = "generation" if start_s >= sealed_s else "record"
        sql = _SQL.format(columns="count(*)", table=source, conditions=_conditions(wanted, parameters))
        ((found,),) = await Query("requests_counted", sql).ask(reader, *parameters)
        total += found
        if monotonic_ns() - began_ns > COUNT_NS:
            return Count(total, start_s, start_s == period.start_s)
    return Count(total, period.start_s, True)


def _summed(wanted: Wanted, period: Period) -> str | None:
    """Return the cube whose sums count these records; a span of the reader's own may begin or end within a sum."""
    asked = {field for field in Wanted.__struct_fields__ if getattr(wanted, field) is not None}
    if period.name is None:
        return None
    found = (
        table for table, fields, has_minutes in _SUMMED if asked <= fields and (has_minutes or period.grain != "minute")
    )
    return next(found, None)


def _spans(period: Period, place: Cursor | None, direction: Direction) -> Iterator[tuple[int, int]]:
    """Cut a period into spans to look through one after the other, from a place on, each longer than the last."""
    length_s, at_s = _FIRST_SPAN_S, None if place is None else place.created_ns // _SECOND_NS
    # What came in this very second belongs to a period that ends now.
    last_s = period.end_s + 1 if period.name is not None else period.end_s
    if direction == "older":
        # The second of the place may hold other records.
        upper_s = last_s if at_s is None else min(at_s + 1, last_s)
        while upper_s > period.start_s:
            lower_s = max(period.start_s, upper_s - length_s)
            yield lower_s, upper_s
            upper_s, length_s = lower_s, length_s * _WIDER
        return
    lower_s = period.start_s if at_s is None else max(at_s, period.start_s)
    while lower_s < last_s:
        upper_s = min(last_s, lower_s + length_s)
        yield lower_s, upper_s
        lower_s, length_s = upper_s, length_s * _WIDER


class Choices(msgspec.Struct, frozen=True):
    """What records of a period can be filtered by, in the order of the alphabet."""

    models: tuple[str, ...]
    providers: tuple[str, ...]
    apps: tuple[str, ...]


USED = Query(
    "requests_used",
    """
    SELECT list_sort(list(DISTINCT model)), list_sort(list(DISTINCT provider)) FROM usage_{grain}
    WHERE "at" >= make_timestamp($1::BIGINT * 1000000) AND "at" < make_timestamp($2::BIGINT * 1000000)
    """,
)
USING = Query(
    "requests_using",
    """
    SELECT DISTINCT app FROM app_{grain}
    WHERE "at" >= date_trunc('{grain}', make_timestamp($1::BIGINT * 1000000))
    AND "at" < make_timestamp($2::BIGINT * 1000000) AND app <> '' ORDER BY app LIMIT 500
    """,
)
# What an account can filter by is what it used itself, lately.
OWN = Query(
    "requests_own",
    """
    SELECT list_sort(list(DISTINCT model)), list_sort(list(DISTINCT provider)), list_sort(list(DISTINCT app))
    FROM record WHERE "at" >= make_timestamp($1::BIGINT * 1000000) AND "at" < make_timestamp($2::BIGINT * 1000000)
    AND account_id = $3
    """,
)
_OWN_DAYS = 7


async def choices(reader: Reader, period: Period, account_id: str | None = None) -> Choices:
    """Return what there is to filter by; for an account, what it used itself in the last week of the period."""
    if account_id is not None:
        start_s = max(period.start_s, period.end_s - _OWN_DAYS * DAY_S)
        ((models, providers, apps),) = await OWN.ask(reader, start_s, period.end_s, account_id)
        return Choices(*(tuple(name for name in names or () if name) for names in (models, providers, apps)))
    span = (period.start_s, period.end_s)
    ((models, providers),) = await USED.ask(reader, *span, grain=period.grain)
    # Hours of apps are kept for eight days.
    grain = "hour" if period.end_s - period.start_s <= DAY_S else "day"
    rows = await USING.ask(reader, *span, grain=grain)
    return Choices(tuple(models or ()), tuple(name for name in providers or () if name), tuple(app for (app,) in rows))
