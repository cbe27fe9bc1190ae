"""One model: who serves it at what price and how well, who uses it, and how to ask it."""

import asyncio
from datetime import UTC, datetime
from difflib import get_close_matches
from urllib.parse import quote

import msgspec
from starlette.responses import RedirectResponse, Response

from wideband.analytics.models import ModelHistory, apps, history, tasks
from wideband.analytics.periods import DAY_S, HOUR_S, Period, period_of
from wideband.analytics.reliability import uptime
from wideband.analytics.use import grouped_uses, merged_speeds, total_use, was_used
from wideband.canon.faults import invalid
from wideband.catalog.rows import Catalogue, Endpoint, Model
from wideband.pricing.windows import WEEKDAYS
from wideband.routing.auto import ROUTERS, find_router
from wideband.routing.tags import display_name
from wideband.routing.variants import VARIANTS, find_model, listed
from wideband.site.charts.figure import Axis, Figure
from wideband.site.charts.uptime import cells
from wideband.site.views import model_figures as figures
from wideband.site.views.offers import Offer, Past, book, offers, variables, worst
from wideband.site.views.prices import Tier, has_weekdays, is_timed, price_table, tiers, weekday_of
from wideband.site.views.quickstart import examples
from wideband.site.visit import Visit

_SECOND_NS = 1_000_000_000
_CELLS = 72
_DAYS = 90
_MOST_ALIASES = 24


class Named(msgspec.Struct, frozen=True):
    """What a page's address stands for: `name` is how it is asked for, with the variants behind it."""

    model: Model
    name: str
    endpoints: tuple[Endpoint, ...]
    variants: tuple[str, ...] = ()
    is_router: bool = False


async def show(visit: Visit) -> Response:
    """Show the model that the address names, lead to its own name, or say which names are near."""
    asked = visit.request.path_params["id"]
    exchange = visit.house.exchange
    known = book(exchange)
    found = named(asked, exchange.catalogue) or named(asked, known) or await _gone(visit, asked)
    if found is None:
        near = get_close_matches(asked, known.endpoints, n=6, cutoff=0.4)
        return await visit.page("model_missing.html", 404, name=asked[:200], near=near)
    if found.name != asked:
        query = visit.request.url.query
        return RedirectResponse(f"/models/{found.name}" + (f"?{query}" if query else ""), 307)
    if not found.is_router:
        # Somebody may serve it whom this server has no key for.
        everybody = named(asked, known)
        found = found if everybody is None else msgspec.structs.replace(found, endpoints=everybody.endpoints)
    return await _page(visit, found, known)


def named(asked: str, catalogue: Catalogue) -> Named | None:
    """Return what a name stands for in a catalogue."""
    if (router := find_router(asked, catalogue)) is not None:
        return Named(ROUTERS[router[0]].model, router[0], (), is_router=True)
    found = find_model(asked, catalogue)
    if found is None or found.model not in catalogue.models:
        return None
    name = ":".join((found.model, *found.variants))
    return Named(catalogue.models[found.model], name, tuple(listed(found, catalogue)[1]), found.variants)


async def _gone(visit: Visit, asked: str) -> Named | None:
    """Return a model that is in no catalogue any more, if it was asked for within a year."""
    year = period_of({"period": "1y"}, visit.now_s)
    found = await was_used(visit.house.reader, year, "model", asked)
    return Named(Model(id=asked, name=asked), asked, ()) if found else None


async def _page(visit: Visit, found: Named, known: Catalogue) -> Response:
    period, reader, model = visit.period(), visit.house.reader, found.model
    at_ns = visit.now_s * _SECOND_NS
    spans = cell_period(period, visit.now_s)
    axis = Axis(spans.starts, spans.width, spans.end_s)
    past, uptimes, tried, used_by, used_for = await asyncio.gather(
        history(reader, period, model.id),
        uptime(reader, spans, "endpoint", models=[model.id]),
        uptime(reader, period, "endpoint", models=[model.id]),
        apps(reader, period, model.id),
        tasks(reader, period, model.id),
    )
    rows = offers(
        visit.house.exchange,
        found.endpoints,
        Past(
            grouped_uses(past.uses, lambda cell: cell.endpoint_id),
            past.by_endpoint,
            uptimes,
        ),
        at_ns,
    )
    is_asked = any(row.status.kind != "muted" for row in rows)
    names = {slug: provider.name for slug, provider in known.providers.items()}
    return await visit.page(
        "model.html",
        period=period,
        found=found,
        model=model,
        is_asked=is_asked or found.is_router,
        facts=facts(found),
        parameters=parameters(found),
        aliases=aliases(model.id, known),
        variables=[] if is_asked else variables(found.endpoints, visit.house.exchange.catalogue),
        offers=rows,
        cells={row.endpoint.id: cells(axis, row.uptime.shares) for row in rows if row.uptime},
        cell_words=f"{len(spans.starts)} {spans.width}s",
        state=worst(row.status for row in rows if row.status.kind != "muted"),
        total=total_use(past.uses.values()),
        speeds=merged_speeds(past.by_endpoint.values()),
        sparks=figures.sparks(past, period),
        day_prices=_day_prices(visit, found.endpoints),
        tiers=length_tiers(found.endpoints, at_ns),
        routing=figures.routing(period, past, tried),
        without_routing=figures.without_routing(tried),
        activity=figures.activity(period, past),
        performance=figures.performance(period, past, names),
        errors=figures.errors(period, past, names),
        effective=effective(past, rows),
        names=names,
        apps=figures.parts("Tokens by app", used_by, f"/log?model={quote(model.id)}&app="),
        tasks=figures.parts("Tokens by kind of work", used_for, say=display_name),
        examples=examples(visit.base, found.name, model.task),
        variants={name: VARIANTS[name].meaning for name in VARIANTS},
    )


def cell_period(period: Period, now_s: int) -> Period:
    """Return the hours or days of which uptime is shown as cells."""
    if period.grain == "day":
        start_s = max(period.start_s, now_s - (_DAYS - 1) * DAY_S)
        return Period(start_s - start_s % DAY_S, period.end_s, "day")
    return Period(now_s - now_s % HOUR_S - (_CELLS - 1) * HOUR_S, now_s, "hour")


def facts(found: Named) -> list[tuple[str, str]]:
    """Return what the catalogue knows of a model."""
    model, rows = found.model, found.endpoints
    context = max((each.context_length or 0 for each in rows), default=0) or model.context_length
    most = max((each.max_output or 0 for each in rows), default=0) or model.max_output
    weights = {True: "open", False: "closed", None: None}[model.open_weights]
    if model.hugging_face_id:
        weights = f"{weights or 'published'}, {model.hugging_face_id}"
    told = (
        ("Context", f"{context:,} tokens" if context else None),
        ("Longest answer", f"{most:,} tokens" if most else None),
        ("Takes", ", ".join(model.input_modalities) if model.input_modalities else None),
        ("Gives", ", ".join(model.output_modalities)),
        ("Released", _day(model.created_s)),
        ("Knows until", model.knowledge_cutoff),
        ("Weights", weights),
        ("Tokenizer", model.tokenizer if model.tokenizer != "Other" else None),
    )
    return [(label, text) for label, text in told if text]


def aliases(model_id: str, known: Catalogue) -> list[str]:
    """Return other names that lead to a model."""
    tables = (known.aliases, known.latest, known.native)
    names = {name for table in tables for name, target in table.items() if target == model_id and "*" not in name}
    return sorted(names - {model_id}, key=lambda name: (len(name), name))[:_MOST_ALIASES]


def parameters(found: Named) -> list[str]:
    """Return every parameter that somebody takes."""
    taken = (each.supported_parameters or () for each in found.endpoints)
    return sorted(set(found.model.supported_parameters).union(*taken))


class Effective(msgspec.Struct, frozen=True):
    """What was really paid at one provider, in nano-dollars a million tokens."""

    provider: str
    requests: int
    prompt: float | None
    completion: float | None
    cache_rate: float | None
    cost_nano: int


def effective(past: ModelHistory, rows: list[Offer]) -> list[Effective]:
    """Return what was really paid at each provider, the cheapest prompt first."""
    uses = grouped_uses(past.uses, lambda cell: cell.provider)
    served = {row.endpoint.provider.slug for row in rows}
    found = [
        Effective(slug, use.requests, use.prompt_price, use.completion_price, use.cache_rate, use.cost_nano)
        for slug, use in uses.items()
        if slug and (use.tokens or slug in served)
    ]
    return sorted(found, key=lambda one: (one.prompt is None, one.prompt or 0, one.provider))


class DayPrices(msgspec.Struct, frozen=True):
    """Prices through a weekday; `days` are offered as a switch where weekdays differ."""

    figure: Figure
    days: list[tuple[str, str]]
    chosen: str
    is_timed: bool


def length_tiers(endpoints: tuple[Endpoint, ...], at_ns: int) -> list[tuple[str, list[Tier]]]:
    """Return, by tag, what longer prompts cost now; only endpoints where that differs."""
    found = [(each.tag, tiers(each.price, at_ns)) for each in endpoints]
    return [(tag, rows) for tag, rows in found if len(rows) > 1]


def _day_prices(visit: Visit, endpoints: tuple[Endpoint, ...]) -> DayPrices:
    at_ns = visit.now_s * _SECOND_NS
    chosen = visit.query.get("day") or WEEKDAYS[weekday_of(at_ns)]
    if chosen not in WEEKDAYS:
        raise invalid(f"`day` is `{chosen[:40]}`; it can be {', '.join(WEEKDAYS)}.", "day")
    days: list[tuple[str, str]] = []
    if any(has_weekdays(each.price) for each in endpoints):
        days = [(day, day[:3].capitalize()) for day in WEEKDAYS]
    timed = any(is_timed(each.price) for each in endpoints)
    return DayPrices(price_table(endpoints, WEEKDAYS.index(chosen), at_ns), days, chosen, timed)


def _day(at_s: int) -> str | None:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d") if at_s else None
