"""The data API: rankings, apps, an account's activity, and questions of one's own, in OpenRouter's shapes."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wideband.accounts.rows import Key
from wideband.analytics import asking, datasets
from wideband.analytics.asking import DEFAULT_ROWS, DIMENSIONS, GRANULARITIES, METRICS, OPERATORS, Asked, Filter, Order
from wideband.analytics.datasets import Every, TokenRow
from wideband.analytics.periods import DAY_S, HOUR_S, Width
from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.clock import monotonic_ns, now_ns
from wideband.gateway.exchange import Exchange
from wideband.routing.tags import TAGS
from wideband.server.body import read_form
from wideband.server.listing import whole_number
from wideband.server.shapes import iso
from wideband.server.tabular import MEDIA, csv_of, parquet_of
from wideband.store.database import LOCAL_ACCOUNT
from wideband.wire import jsons

Row = dict[str, Any]

_INSIDE = "This tells of all accounts: it needs a management key, or one of the account `local`."
FLOOR = date(2025, 1, 1)
MOST_DAYS, DEFAULT_DAYS, ACTIVITY_DAYS = 366, 30, 30
BUCKETS = ("1K", "10K", "100K", "1M", "10M")
EVERY: tuple[Every, ...] = ("day", "week", "month")
# The exchange's own kinds of work that one of OpenRouter's categories stands for; a tag or its first part counts too.
CATEGORIES: dict[str, frozenset[str]] = {
    "programming": frozenset(tag for tag, row in TAGS.items() if row.macro == "code"),
    **{tag: frozenset({tag}) for tag in TAGS},
    **{macro: frozenset(tag for tag, row in TAGS.items() if row.macro == macro) for macro in ("code", "data", "agent")},
}
_RANKING = {"date": "DATE", "model_permaslug": "VARCHAR", "total_tokens": "BIGINT"}
_APP = {
    "rank": "BIGINT",
    "app_id": "BIGINT",
    "app_name": "VARCHAR",
    "total_tokens": "BIGINT",
    "total_requests": "BIGINT",
}
_ACTIVITY = {
    "date": "DATE",
    "model": "VARCHAR",
    "model_permaslug": "VARCHAR",
    "endpoint_id": "VARCHAR",
    "provider_name": "VARCHAR",
    "requests": "BIGINT",
    "usage": "DOUBLE",
    "byok_usage_inference": "DOUBLE",
    "prompt_tokens": "BIGINT",
    "completion_tokens": "BIGINT",
    "reasoning_tokens": "BIGINT",
    "cached_tokens": "BIGINT",
}


class TimeRange(msgspec.Struct, frozen=True):
    """From when to when, RFC 3339."""

    start: datetime
    end: datetime


class AnalyticsForm(msgspec.Struct, frozen=True):
    """The body of `POST /analytics/query`."""

    metrics: list[str]
    dimensions: list[str] = []
    filters: list[Filter] = []
    granularity: Width | None = None
    time_range: TimeRange | None = None
    order_by: Order | None = None
    limit: int = DEFAULT_ROWS
    group_limit: int | None = None
    format: Literal["json", "csv", "parquet"] = "json"


class DataRoutes:
    """Handlers over what one exchange has recorded."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self, key_of: Callable[..., Key]) -> list[tuple[str, str, Callable[[Request], Awaitable[Response]]]]:
        """Return method, path and handler of each; `key_of` is who asks, or raises `Faulted`."""

        def known(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
            async def answer(request: Request) -> Response:
                key_of(request)
                return await handler(request)

            return answer

        def managed(
            handler: Callable[[Request, Key], Awaitable[Response]],
        ) -> Callable[[Request], Awaitable[Response]]:
            async def answer(request: Request) -> Response:
                return await handler(request, key_of(request, management=True))

            return answer

        def inside(handler: Callable[[], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
            async def answer(request: Request) -> Response:
                key = key_of(request)
                if not key.management and key.account_id != LOCAL_ACCOUNT:
                    raise Faulted(Fault(kind=FaultKind.PERMISSION_DENIED, message=_INSIDE))
                return await handler()

            return answer

        return [
            ("GET", "/datasets/rankings-daily", known(self.rankings)),
            ("GET", "/datasets/app-rankings", known(self.apps)),
            ("GET", "/activity", managed(self.activity)),
            ("GET", "/analytics/meta", known(self.meta)),
            ("GET", "/analytics/status", inside(self.status)),
            ("POST", "/analytics/query", managed(self.query)),
        ]

    async def status(self) -> Response:
        found = await self._exchange.ledger.archive_status()
        return Response(jsons.encode({"data": found}), media_type="application/json")

    async def rankings(self, request: Request) -> Response:
        query = request.query_params
        start, end = window(query, today())
        every = one_of(query, "period", EVERY, "day")
        rows = datasets.topped(await self._tokens(query, start, end, every))
        shown: list[Row] = [
            {"date": row.date, "model_permaslug": row.model, "total_tokens": str(row.tokens)} for row in rows
        ]
        return await answered(query, shown, _RANKING, {"meta": meta_of(start, end)})

    async def _tokens(self, query: Mapping[str, str], start: date, end: date, every: Every) -> list[TokenRow]:
        only = [name for name in ("modality", "context_bucket", "category", "language_type") if query.get(name)]
        if len(only) > 1:
            raise invalid(f"`{only[0]}` and `{only[1]}` cannot be combined.", only[1])
        reader, span = self._exchange.ledger, (at_s(start), at_s(end) + DAY_S, every)
        match only:
            case ["context_bucket"]:
                bucket = one_of(query, "context_bucket", BUCKETS, "")
                return await datasets.context_tokens(reader, *span, bucket)
            case ["category"]:
                tags = CATEGORIES[one_of(query, "category", tuple(CATEGORIES), "")]
                return await datasets.task_tokens(reader, *span, tags)
            case ["language_type"]:
                raise invalid("Languages are not told apart here: `language_type` cannot be asked for.", only[0])
            case ["modality"]:
                return await self._of_modality(one_of(query, "modality", tuple(_MODALITIES), ""), *span)
        return await datasets.model_tokens(reader, *span)

    async def _of_modality(self, modality: str, start_s: int, end_s: int, every: Every) -> list[TokenRow]:
        with_tools = modality == "tool_calling"
        rows = await datasets.model_tokens(self._exchange.ledger, start_s, end_s, every, with_tools=with_tools)
        if with_tools:
            return rows
        field, wanted = _MODALITIES[modality]
        models = self._exchange.catalogue.models
        return [row for row in rows if row.model in models and wanted in getattr(models[row.model], field)]

    async def apps(self, request: Request) -> Response:
        query = request.query_params
        for name in ("category", "subcategory"):
            if query.get(name):
                raise invalid(f"Apps carry no categories here: `{name}` cannot be asked for.", name)
        start, end = window(query, today())
        sort = one_of(query, "sort", ("popular", "trending"), "popular")
        offset = min(whole_number(query, "offset", 0, 0), 100)
        limit = min(whole_number(query, "limit", 50, 1), 100)
        rows = await datasets.apps(self._exchange.ledger, at_s(start), at_s(end) + DAY_S)
        if sort == "trending":
            rows = sorted((row for row in rows if row.growth > 0), key=lambda row: (-row.growth, row.app))
        else:
            rows = sorted(rows, key=lambda row: (-row.tokens, row.app))
        shown: list[Row] = [
            {
                "rank": rank,
                "app_id": app_id(row.app),
                "app_name": row.app,
                "total_tokens": str(row.tokens),
                "total_requests": row.requests,
            }
            for rank, row in enumerate(rows, 1)
        ]
        return await answered(query, shown[offset : offset + limit], _APP, {"meta": meta_of(start, end)})

    async def activity(self, request: Request, key: Key) -> Response:
        query = request.query_params
        last = today() - timedelta(days=1)
        first = last - timedelta(days=ACTIVITY_DAYS - 1)
        if query.get("date"):
            day = day_of(query, "date", last)
            if not first <= day <= today():
                raise invalid(f"`date` must lie in the last {ACTIVITY_DAYS} days, from {first} on.", "date")
            first = last = day
        rows = await datasets.activity(
            self._exchange.ledger, at_s(first), at_s(last) + DAY_S, key.account_id, query.get("api_key_hash")
        )
        names = {slug: row.name for slug, row in self._exchange.catalogue.providers.items()}
        workspace = {"workspace_id": key.account_id} if query.get("group_by") == "workspace" else {}
        shown: list[Row] = [
            {
                "date": row.date,
                "model": row.model,
                "model_permaslug": row.model,
                "endpoint_id": row.endpoint_id,
                "provider_name": names.get(row.provider, row.provider),
                "requests": row.requests,
                "usage": jsons.dollars(row.cost_nano),
                "byok_usage_inference": jsons.dollars(row.upstream_cost_nano),
                "prompt_tokens": row.prompt_tokens,
                "completion_tokens": row.completion_tokens,
                "reasoning_tokens": row.reasoning_tokens,
                "cached_tokens": row.cached_tokens,
                **workspace,
            }
            for row in rows
        ]
        return await answered(query, shown, _ACTIVITY, {})

    async def meta(self, request: Request) -> Response:  # a route's signature
        del request
        data = {
            "metrics": [
                {"name": name, "display_label": row.label, "display_format": row.display, "is_rate": row.is_rate}
                for name, row in METRICS.items()
            ],
            "dimensions": [{"name": name, "display_label": row.label} for name, row in DIMENSIONS.items()],
            "granularities": [{"name": name, "display_label": label} for name, label in GRANULARITIES.items()],
            "operators": [
                {"name": name, "value_type": "array" if name in ("in", "not_in") else "scalar"} for name in OPERATORS
            ],
        }
        return Response(jsons.encode({"data": data}), media_type="application/json")

    async def query(self, request: Request, key: Key) -> Response:
        form = await read_form(request, AnalyticsForm, "POST /analytics/query")
        began_ns, asked = monotonic_ns(), asked_of(form)
        asking.check(asked)
        rows, truncated = await asking.rows(self._exchange.ledger, asked, key.account_id)
        money = [name for name in form.metrics if METRICS[name].display == "currency"]
        for row in rows:
            if row.get("date") is not None:
                row["date"] = iso(row["date"] * 1_000_000_000)
            row |= {name: None if row[name] is None else jsons.dollars(row[name]) for name in money}
        took_ms = round((monotonic_ns() - began_ns) / 1e6, 3)
        metadata = {"query_time_ms": took_ms, "row_count": len(rows), "truncated": truncated}
        if form.format == "json":
            answer = {"data": {"data": rows, "metadata": metadata}}
            return Response(jsons.encode(answer), media_type="application/json")
        return await as_file(form.format, rows, _columns(asked))


_MODALITIES = {
    "text": ("output_modalities", "text"),
    "image_output": ("output_modalities", "image"),
    "image": ("input_modalities", "image"),
    "audio": ("input_modalities", "audio"),
    "tool_calling": ("", ""),
}


def today() -> date:
    """Return this UTC day."""
    return datetime.fromtimestamp(now_ns() / 1e9, UTC).date()


def at_s(day: date) -> int:
    """Return where a day begins, unix seconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def window(query: Mapping[str, str], now: date) -> tuple[date, date]:
    """Return the first and the last day asked for; the newest whole day, and thirty before it, unless said otherwise.

    Raises `Faulted` (invalid_request).
    """
    end = day_of(query, "end_date", now - timedelta(days=1))
    if end < FLOOR:
        raise invalid(f"`end_date` must be {FLOOR} or later.", "end_date")
    start = max(day_of(query, "start_date", end - timedelta(days=DEFAULT_DAYS)), FLOOR)
    if start > end:
        raise invalid("`start_date` must not lie after `end_date`.", "start_date")
    if (end - start).days >= MOST_DAYS:
        raise invalid(f"At most {MOST_DAYS} days can be asked for at once: move `start_date`.", "start_date")
    return start, end


def day_of(query: Mapping[str, str], name: str, default: date) -> date:
    """Return a day of the query. Raises `Faulted` (invalid_request)."""
    text = query.get(name)
    if not text:
        return default
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise invalid(f"`{name}` must be a day like 2026-11-22, not `{text[:40]}`.", name) from None


def one_of(query: Mapping[str, str], name: str, values: tuple[Any, ...], default: Any) -> Any:
    """Return a value of the query that must be one of some. Raises `Faulted` (invalid_request)."""
    value = query.get(name) or default
    if value not in values:
        raise invalid(f"`{name}` is `{value[:60]}`; it can be {', '.join(values)}.", name)
    return value


def app_id(name: str) -> int:
    """Return a number for an app's name: always the same, and small enough for any JSON reader."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")


def meta_of(start: date, end: date) -> Row:
    """Return what OpenRouter's data sets say of themselves."""
    return {"as_of": iso(now_ns()), "version": "v1", "start_date": str(start), "end_date": str(end)}


def asked_of(form: AnalyticsForm) -> Asked:
    """Return the question in a form; without a time range it is the last 30 days, or the last day by the hour."""
    now_s = now_ns() // 1_000_000_000
    if form.time_range is not None:
        start_s, end_s = (_unix_s(at) for at in (form.time_range.start, form.time_range.end))
    else:
        span_s = {"minute": HOUR_S, "hour": DAY_S}.get(form.granularity or "day", 30 * DAY_S)
        start_s, end_s = now_s - span_s, now_s
        if span_s > DAY_S:
            # Whole days, which the cube can tell.
            start_s, end_s = start_s - start_s % DAY_S, end_s - end_s % DAY_S + DAY_S
    return Asked(
        metrics=tuple(form.metrics),
        dimensions=tuple(form.dimensions),
        filters=tuple(form.filters),
        granularity=form.granularity,
        start_s=start_s,
        end_s=end_s,
        order=form.order_by,
        limit=form.limit,
        group_limit=form.group_limit,
    )


def _unix_s(at: datetime) -> int:
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _columns(asked: Asked) -> dict[str, str]:
    counts = {name: "BIGINT" if METRICS[name].display == "number" else "DOUBLE" for name in asked.metrics}
    dated = {"date": "TIMESTAMP"} if asked.granularity else {}
    return {**dated, **dict.fromkeys(asked.dimensions, "VARCHAR"), **counts}


async def answered(query: Mapping[str, str], rows: list[Row], columns: Mapping[str, str], more: Row) -> Response:
    """Return rows as `?format=` asks: JSON with what else there is to say, CSV, or Parquet."""
    form = one_of(query, "format", ("json", "csv", "parquet"), "json")
    if form == "json":
        return Response(jsons.encode({"data": rows, **more}), media_type="application/json")
    return await as_file(form, rows, columns)


async def as_file(form: str, rows: list[Row], columns: Mapping[str, str]) -> Response:
    """Return rows as a file to keep. Amounts of money are written as the decimal numbers they are in JSON."""
    plain = [{name: jsons.plain(value) for name, value in row.items()} for row in rows]
    if form == "csv":
        body = csv_of(plain, tuple(columns))
    else:
        body = await asyncio.to_thread(parquet_of, plain, columns)
    headers = {"content-disposition": f'attachment; filename="wideband.{form}"'}
    return Response(body, media_type=MEDIA[form], headers=headers)
