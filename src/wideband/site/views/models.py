"""The list of models: what there is, what it costs now, how fast and how used it is."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from markupsafe import Markup
from starlette.responses import Response

from wideband.analytics.models import tokens_over_time, use_by_model
from wideband.analytics.periods import Period, period_of
from wideband.analytics.reliability import Uptime, uptime
from wideband.analytics.use import Speeds, Use
from wideband.canon.faults import invalid
from wideband.catalog.rows import Catalogue, Endpoint, Model, Rates
from wideband.pricing import resolve
from wideband.routing.auto import ROUTERS
from wideband.site.charts.spark import spark
from wideband.site.views import model
from wideband.site.views.offers import Status, book, status, worst
from wideband.site.views.prices import Level, is_timed, level
from wideband.site.visit import Page, Visit

PAGE_ROWS = 100
_NANO = 1_000_000_000


class Row(msgspec.Struct, frozen=True):
    """One model of the list. `rates` are the cheapest endpoint's now, None for routers; `reached` can be asked."""

    model: Model
    endpoints: Sequence[Endpoint]
    reached: Sequence[Endpoint]
    rates: Rates | None
    level: Level | None
    is_timed: bool
    parameters: frozenset[str]
    context: int
    is_router: bool
    use: Use = Use()
    speeds: Speeds = Speeds()
    uptime: Uptime | None = None
    status: Status | None = None
    spark: Markup = Markup("")

    @property
    def price(self) -> float:
        """One figure to sort by: three of four tokens are prompt."""
        return float("inf") if self.rates is None else 0.75 * self.rates.prompt + 0.25 * self.rates.completion


SORTS: dict[str, tuple[str, Callable[[Row], Any]]] = {
    "tokens": ("Most used", lambda row: (-row.use.tokens, -row.use.requests, not row.reached, row.model.id)),
    "newest": ("Newest", lambda row: (-row.model.created_s, row.model.id)),
    "price": ("Lowest price", lambda row: (row.price, row.model.id)),
    "context": ("Longest context", lambda row: (-row.context, row.model.id)),
    "speed": ("Fastest", lambda row: (-(row.speeds.speed_p50 or 0), row.model.id)),
    "name": ("Name", lambda row: row.model.id),
}
SUPPORTS: dict[str, tuple[str, str]] = {
    "tools": ("Tool calls", "tools"),
    "structured": ("Structured outputs", "structured_outputs"),
    "reasoning": ("Reasoning", "reasoning"),
}
MODALITIES = ("image", "file", "audio", "video", "embeddings", "rerank")
PRICES = ("0", "0.1", "0.5", "1", "3", "10")
CONTEXTS = (32_000, 128_000, 200_000, 1_000_000)


async def index(visit: Visit) -> Response:
    """List the models that fit the filters."""
    period, exchange = visit.period(), visit.house.exchange
    rows = [
        row
        for row in rows_of(book(exchange), exchange.catalogue, visit.now_s * _NANO)
        if _served(row, visit, exchange.catalogue)
    ]
    authors = sorted({row.model.author for row in rows})
    rows = await _with_past(visit, period, [row for row in rows if _fits(row, visit)])
    rows.sort(key=SORTS[_one_of(visit, "sort", SORTS, "tokens")][1])
    start = _whole(visit, "start")
    return await visit.page(
        "models.html",
        period=period,
        rows=_alive(visit, rows[start : start + PAGE_ROWS]),
        total=len(rows),
        start=start,
        page_rows=PAGE_ROWS,
        authors=authors,
        choices=_choices(),
        served=visit.query.get("served") or _default(exchange.catalogue),
    )


def rows_of(known: Catalogue, usable: Catalogue, at_ns: int) -> list[Row]:
    """Return a row for each model that somebody serves, and for the routers."""
    rows = [
        _row(known.models[id_], endpoints, usable.endpoints.get(id_, ()), at_ns)
        for id_, endpoints in known.endpoints.items()
        if endpoints and id_ in known.models
    ]
    routers = [router.model for router in ROUTERS.values()] if usable.endpoints else []
    return rows + [
        Row(router, (), (), None, None, False, frozenset(), router.context_length or 0, is_router=True)
        for router in routers
    ]


def _row(found: Model, endpoints: Sequence[Endpoint], reached: Sequence[Endpoint], at_ns: int) -> Row:
    offered = reached or endpoints
    now = [(resolve(each.price, at_ns, 0), each) for each in offered]
    rates, cheapest = min(now, key=lambda pair: (3 * pair[0].prompt + pair[0].completion, pair[0].request))
    parameters = frozenset(found.supported_parameters).union(*(each.supported_parameters or () for each in offered))
    return Row(
        model=found,
        endpoints=endpoints,
        reached=reached,
        rates=rates,
        level=level(cheapest.price, at_ns),
        is_timed=any(is_timed(each.price) for each in offered),
        parameters=parameters,
        context=max((each.context_length or 0 for each in offered), default=0) or found.context_length or 0,
        is_router=False,
    )


async def _with_past(visit: Visit, period: Period, rows: Iterable[Row]) -> list[Row]:
    """Add what a period and the last day say."""
    reader = visit.house.reader
    used, tokens, lately = await asyncio.gather(
        use_by_model(reader, period),
        tokens_over_time(reader, period),
        uptime(reader, _last_day(visit.now_s), "model"),
    )
    found = []
    for row in rows:
        name = row.model.id
        use, speeds = used.get(name, (Use(), Speeds()))
        drawn = spark(tokens[name], f"Tokens of {name}") if any(tokens.get(name, ())) else Markup("")
        changes = {"use": use, "speeds": speeds, "uptime": lately.get(name), "spark": drawn}
        found.append(msgspec.structs.replace(row, **changes))
    return found


def _alive(visit: Visit, rows: Iterable[Row]) -> list[Row]:
    """Add how the models of rows are now."""
    at_ns, exchange = visit.now_s * _NANO, visit.house.exchange
    return [
        msgspec.structs.replace(row, status=worst(status(exchange, each.id, at_ns) for each in row.reached))
        for row in rows
    ]


def _last_day(now_s: int) -> Period:
    return period_of({"period": "24h"}, now_s)


def _default(usable: Catalogue) -> str:
    return "here" if usable.endpoints else "all"


def _served(row: Row, visit: Visit, usable: Catalogue) -> bool:
    asked = _one_of(visit, "served", ("here", "all"), _default(usable))
    return asked == "all" or bool(row.reached) or row.is_router


def _fits(row: Row, visit: Visit) -> bool:
    query, found = visit.query, row.model
    words = query.get("q", "").lower().split()
    kinds = {*(found.input_modalities or ()), *found.output_modalities}
    wanted = query.get("supports")
    if wanted and wanted not in SUPPORTS:
        raise invalid(f"`supports` is `{wanted[:40]}`; it can be {', '.join(SUPPORTS)}.", "supports")
    checks = (
        all(word in f"{found.id} {found.name}".lower() for word in words),
        not query.get("author") or found.author == query["author"],
        not query.get("modality") or query["modality"] in kinds,
        not query.get("price") or (row.rates is not None and row.rates.prompt <= _number(visit, "price") * _NANO),
        not query.get("context") or row.context >= _number(visit, "context"),
        not wanted or SUPPORTS[wanted][1] in row.parameters,
    )
    return all(checks)


def _choices() -> dict[str, list[tuple[str, str]]]:
    """Return the options of each select of the filter bar."""
    return {
        "modality": [("", "any kind"), *((kind, kind) for kind in MODALITIES)],
        "price": [("", "any price"), *((dollars, f"${dollars} or less") for dollars in PRICES)],
        "context": [("", "any length"), *((str(size), f"{size // 1000:,}K or more") for size in CONTEXTS)],
        "supports": [("", "anything"), *((name, label) for name, (label, _) in SUPPORTS.items())],
        "sort": [(name, label) for name, (label, _) in SORTS.items()],
        "served": [("here", "served here"), ("all", "every known model")],
    }


def _one_of(visit: Visit, name: str, known: Iterable[str], default: str) -> str:
    value = visit.query.get(name) or default
    if value not in known:
        raise invalid(f"`{name}` is `{value[:40]}`; it can be {', '.join(known)}.", name)
    return value


def _number(visit: Visit, name: str) -> float:
    text = visit.query.get(name, "")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value < 1e12:
        raise invalid(f"`{name}` must be a number, not `{text[:40]}`.", name)
    return value


def _whole(visit: Visit, name: str) -> int:
    text = visit.query.get(name) or "0"
    if not text.isdecimal() or len(text) > 6:
        raise invalid(f"`{name}` must be a whole number, not `{text[:40]}`.", name)
    return int(text)


PAGES: tuple[Page, ...] = (
    Page("/models", index, label="Models"),
    Page("/models/{id:path}", model.show),
)
