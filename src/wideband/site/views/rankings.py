"""Who uses what, and how much: models, authors, apps, speeds, prompt lengths, tools and kinds of work."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from starlette.responses import Response

from wideband.analytics import rankings, workloads
from wideband.analytics.rankings import Metric
from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.catalog.money import usd_from_nano
from wideband.site.cells import sheet
from wideband.site.views import boards
from wideband.site.views.boards import Asked, Row
from wideband.site.views.offers import book
from wideband.site.visit import Page, Visit

T = TypeVar("T")

DEFAULT_PERIOD = "30d"
SHOWN = 20
METRICS: dict[str, Metric] = {"tokens": "tokens", "requests": "requests", "spend": "spend"}
COUNTED = {"yes": True, "no": False}
ORDERS = {"popular": False, "trending": True}
# The sections in the order of the page: anchor and name.
SECTIONS = {
    "models": "Models",
    "share": "Market share",
    "apps": "Apps",
    "fastest": "Fastest",
    "context": "Prompt lengths",
    "tools": "Tool calls",
    "tasks": "Kinds of work",
}

Cell = str | int | float | None
Sheet = tuple[tuple[str, ...], Iterable[tuple[Cell, ...]]]


async def show(visit: Visit) -> Response:
    """Show every section for one period."""
    asked = read(visit)
    reader, known = visit.house.reader, book(visit.house.exchange).models
    scope = (reader, asked.period, asked.now_s)
    found, past, apps, contexts, (work, areas), (paces, too_few) = await asyncio.gather(
        rankings.models(reader, asked.period, simulated=asked.simulated),
        rankings.models_before(*scope, simulated=asked.simulated),
        boards.apps(reader, asked),
        boards.contexts(reader, asked),
        boards.tasks(reader, asked),
        workloads.paces(reader, asked.period, simulated=asked.simulated),
    )
    shown = None if visit.query.get("show") == "all" else SHOWN
    told, (real, simulated), nameless = await asyncio.gather(
        boards.told(reader, asked, found, known, shown),
        boards.kinds(reader, asked, found),
        rankings.nameless(*scope, simulated=asked.simulated),
    )
    models = await boards.models(reader, asked, found, past, told.models)
    return await visit.page(
        "rankings.html",
        asked=asked,
        real=real,
        simulated=simulated,
        total=boards.total(found),
        models=models,
        shown=shown,
        authors=boards.authors(asked, found, past, told.authors),
        weights=boards.weights(asked, found, told.weights),
        app_rows=apps[0],
        apps_known=apps[1],
        nameless=nameless,
        paces=paces,
        too_few=too_few,
        speed_price=boards.fastest(paces),
        contexts=contexts,
        tool_rows=boards.tool_rows(found),
        tool_bars=boards.tools(asked, told.tool_calls),
        work=work,
        areas=areas,
        least_timed=workloads.LEAST_TIMED,
        most_timed=workloads.MOST_MODELS,
        speed_days=workloads.SPEED_DAYS,
        sections=SECTIONS,
        metrics=boards.NAMES,
    )


async def download(visit: Visit) -> Response:
    """Answer one section's numbers as CSV."""
    name = visit.request.path_params["section"]
    if name not in SHEETS:
        message = f"There is no `{name[:40]}` to download; there are {', '.join(SHEETS)}."
        raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message=message))
    head, rows = await SHEETS[name](visit, read(visit))
    headers = {"content-disposition": f'attachment; filename="wideband-{name}.csv"'}
    return Response(sheet(head, rows), media_type="text/csv; charset=utf-8", headers=headers)


def read(visit: Visit) -> Asked:
    """Read the filters of the address. Raises `Faulted` (invalid_request)."""
    return Asked(
        period=visit.period(DEFAULT_PERIOD),
        now_s=visit.now_s,
        by=_one_of(visit.query, "by", METRICS, "tokens"),
        simulated=_one_of(visit.query, "simulated", COUNTED, "yes"),
        trending=_one_of(visit.query, "apps", ORDERS, "popular"),
    )


def _one_of(query: Mapping[str, str], name: str, options: Mapping[str, T], default: str) -> T:
    value = query.get(name) or default
    if value not in options:
        raise invalid(f"`{name}` is `{value[:40]}`; it can be {', '.join(options)}.", name)
    return options[value]


_VOLUME = ("tokens", "requests", "spend_usd")
_SHARES = ("token_share", "request_share", "spend_share")


def _volume(row: Row) -> tuple[Cell, ...]:
    return row.volume.tokens, row.volume.requests, usd_from_nano(row.volume.cost_nano)


async def _models(visit: Visit, asked: Asked) -> Sheet:
    reader = visit.house.reader
    found = await rankings.models(reader, asked.period, simulated=asked.simulated)
    past = await rankings.models_before(reader, asked.period, asked.now_s, simulated=asked.simulated)
    rows = (
        (rank, row.name, row.author, *_volume(row), *row.shares, row.change, "yes" if row.is_new else "")
        for rank, row in enumerate(boards.model_rows(asked, found, past), 1)
    )
    return ("rank", "model", "author", *_VOLUME, *_SHARES, "change", "new"), rows


async def _share(visit: Visit, asked: Asked) -> Sheet:
    reader = visit.house.reader
    found = await rankings.models(reader, asked.period, simulated=asked.simulated)
    past = await rankings.models_before(reader, asked.period, asked.now_s, simulated=asked.simulated)
    own = boards.author_rows(asked, found, past)
    rows = ((row.name, *_volume(row), *row.shares, row.change) for row in own)
    return ("author", *_VOLUME, *_SHARES, "change"), rows


async def _apps(visit: Visit, asked: Asked) -> Sheet:
    found, _ = await boards.apps(visit.house.reader, asked)
    rows = ((rank, row.name, *_volume(row), row.change, " ".join(row.models)) for rank, row in enumerate(found, 1))
    return ("rank", "app", *_VOLUME, "change", "models"), rows


async def _fastest(visit: Visit, asked: Asked) -> Sheet:
    found, _ = await workloads.paces(visit.house.reader, asked.period, simulated=asked.simulated)
    rows = (
        (
            pace.model,
            pace.speeds.speed_p50,
            pace.speeds.ttft_p50,
            None if pace.price is None else usd_from_nano(round(pace.price)),
            pace.providers,
            pace.timed,
        )
        for pace in found
    )
    return ("model", "tokens_per_s_p50", "ttft_ms_p50", "usd_per_million_tokens", "providers", "timed_answers"), rows


async def _context(visit: Visit, asked: Asked) -> Sheet:
    board = await boards.contexts(visit.house.reader, asked)
    return ("prompt_tokens", *_VOLUME, *_SHARES), ((row.name, *_volume(row), *row.shares) for row in board.rows)


async def _tools(visit: Visit, asked: Asked) -> Sheet:
    found = await rankings.models(visit.house.reader, asked.period, simulated=asked.simulated)
    tools = boards.tool_rows(found)
    rows = ((row.model, row.calls, row.requests, row.share, row.judged, row.valid) for row in tools)
    return ("model", "tool_calls", "requests_with_calls", "share_of_requests", "judged", "valid_share"), rows


async def _tasks(visit: Visit, asked: Asked) -> Sheet:
    board, _ = await boards.tasks(visit.house.reader, asked)
    rows = ((row.name, row.author, *_volume(row), *row.shares, row.change, " ".join(row.models)) for row in board.rows)
    return ("work", "area", *_VOLUME, *_SHARES, "change_of_share", "models"), rows


SHEETS: dict[str, Callable[[Visit, Asked], Awaitable[Sheet]]] = {
    "models": _models,
    "share": _share,
    "apps": _apps,
    "fastest": _fastest,
    "context": _context,
    "tools": _tools,
    "tasks": _tasks,
}

PAGES: tuple[Page, ...] = (
    Page("/rankings", show, label="Rankings"),
    Page("/rankings/{section}.csv", download),
)
