"""One provider: what it serves and how well, hour by hour and failure by failure."""

import asyncio
from collections.abc import Sequence
from difflib import get_close_matches

import msgspec
from markupsafe import Markup
from starlette.responses import Response

from wideband.analytics.periods import DAY_S, HOUR_S, Period, period_of
from wideband.analytics.providers import Failures, ProviderHistory, Week, failures, history, week
from wideband.analytics.reliability import CAUSES, incidents, outages, uptime
from wideband.analytics.use import Speeds, Use, grouped_uses, merged_speeds, total_use, was_used
from wideband.catalog.rows import Catalogue, Endpoint, Provider
from wideband.site.charts.bars import stacked_bars
from wideband.site.charts.figure import Axis, Figure, Series
from wideband.site.charts.heat import heat
from wideband.site.charts.lines import lines
from wideband.site.charts.topping import top
from wideband.site.charts.uptime import cells, uptime_cells
from wideband.site.views.model import cell_period
from wideband.site.views.model_figures import axis_of, bins_of
from wideband.site.views.offers import Past, book, offers, variables, worst
from wideband.site.visit import Visit

_DAYS = 90
_MOST_INCIDENTS = 30
_HOURS = tuple(f"{hour:02}" for hour in range(24))
_ANY_DAY = Axis(tuple(hour * HOUR_S for hour in range(24)), "hour", DAY_S)
_DAYS_OF_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Failing(msgspec.Struct, frozen=True):
    """How a provider's tries failed in a period."""

    figure: Figure | None
    tries: int
    limited: int

    @property
    def limit_rate(self) -> float | None:
        """The share of tries that met a rate limit."""
        return self.limited / self.tries if self.tries else None


async def show(visit: Visit) -> Response:
    """Show a provider, or say which names are near."""
    slug, exchange = visit.request.path_params["slug"], visit.house.exchange
    known = book(exchange)
    found = exchange.catalogue.providers.get(slug) or known.providers.get(slug)
    if found is None:
        found = await _gone(visit, slug)
    if found is None:
        near = get_close_matches(slug, known.providers, n=6, cutoff=0.4)
        return await visit.page("provider_missing.html", 404, name=slug[:200], near=near)
    return await _page(visit, found, served_by(known, slug) or served_by(exchange.catalogue, slug))


async def _gone(visit: Visit, slug: str) -> Provider | None:
    """Return a provider that is in no catalogue any more, if it answered within a year."""
    year = period_of({"period": "1y"}, visit.now_s)
    found = await was_used(visit.house.reader, year, "provider", slug)
    return Provider(slug=slug, name=slug, dialect="", base_url="") if found else None


def served_by(catalogue: Catalogue, slug: str) -> tuple[Endpoint, ...]:
    """Return the endpoints of a provider."""
    return tuple(each for rows in catalogue.endpoints.values() for each in rows if each.provider.slug == slug)


async def _page(visit: Visit, found: Provider, endpoints: Sequence[Endpoint]) -> Response:
    period, reader, now_s = visit.period(), visit.house.reader, visit.now_s
    spans, long = cell_period(period, now_s), _quarter(now_s)
    axis = axis_of(spans)
    past, uptimes, by_day, fallen, hours, failed = await asyncio.gather(
        history(reader, period, found.slug),
        uptime(reader, spans, "endpoint", provider=found.slug),
        uptime(reader, long, "provider", provider=found.slug),
        incidents(reader, long, now_s, provider=found.slug),
        week(reader, now_s, found.slug),
        failures(reader, period, found.slug),
    )
    days, told = by_day.get(found.slug), outages(fallen)
    by_endpoint = Past(
        grouped_uses(past.uses, lambda served: served.endpoint_id),
        past.by_endpoint,
        uptimes,
    )
    rows = offers(visit.house.exchange, endpoints, by_endpoint, now_s * 1_000_000_000)
    return await visit.page(
        "provider.html",
        period=period,
        provider=found,
        facts=facts(found, endpoints),
        offers=sorted(rows, key=lambda row: (-row.use.tokens, row.endpoint.model)),
        cells={row.endpoint.id: cells(axis, row.uptime.shares) for row in rows if row.uptime},
        cell_words=f"{len(spans.starts)} {spans.width}s",
        state=worst(row.status for row in rows if row.status.kind != "muted"),
        total=total_use(past.uses.values()),
        speeds=merged_speeds(past.by_endpoint.values()),
        days=days,
        long_cells=None if days is None else uptime_cells("", axis_of(long), days.shares),
        outages=told[:_MOST_INCIDENTS],
        outage_count=len(told),
        variables=variables(endpoints, visit.house.exchange.catalogue),
        pattern=pattern(hours),
        over_time=over_time(period, past),
        tokens=tokens_by_model(period, past),
        failing=failing(period, failed),
    )


def facts(found: Provider, endpoints: Sequence[Endpoint]) -> list[tuple[str, str, str | None]]:
    """Return what the catalogue knows of a provider: a label, its text, and where it leads."""
    quirks = sorted(found.quirks.union(*(each.quirks for each in endpoints)))
    cache = None if found.cache_ttl_s is None else f"{found.cache_ttl_s // 60} minutes after the last use"
    spoken = (found.dialect, *found.also, *found.by_author.values())
    told = (
        ("Headquarters", found.headquarters, None),
        ("Data centres", ", ".join(found.datacenters), None),
        ("Protocols", ", ".join(filter(None, dict.fromkeys(spoken))), None),
        ("Prompts stay cached", cache, None),
        ("Billing of broken streams", "ends with the connection" if found.stops_billing else None, None),
        ("Quirks", ", ".join(quirk.replace("_", " ") for quirk in quirks), None),
        ("Privacy policy", "read", found.privacy_policy_url),
        ("Terms of service", "read", found.terms_of_service_url),
        ("Status page", "see", found.status_page_url),
    )
    return [(label, text, href) for label, text, href in told if text and (href or text not in ("read", "see"))]


def pattern(found: Week) -> list[Figure]:
    """Draw how fast a provider is at each hour: of the week as a grid, of the day as a line."""
    if not any(hour.ttft or hour.speed for day in found.hours for hour in day):
        return []
    by_hour = found.by_hour
    speeds = [Series("all days", tuple(hour.speed_p50 for hour in by_hour))]
    waits = [
        Series("p50", tuple(hour.ttft_p50 for hour in by_hour)),
        Series("p99", tuple(hour.ttft_p99 for hour in by_hour)),
    ]
    return [
        heat(
            "Tokens a second, p50, by hour of the week",
            _HOURS,
            _DAYS_OF_WEEK,
            [[hour.speed_p50 for hour in day] for day in found.hours],
            "speed",
        ),
        heat(
            "Time to first token, p50, by hour of the week",
            _HOURS,
            _DAYS_OF_WEEK,
            [[hour.ttft_p50 for hour in day] for day in found.hours],
            "ms",
        ),
        _undated(lines("Tokens a second, p50, by hour of the day", _ANY_DAY, speeds, "speed")),
        _undated(lines("Time to first token by hour of the day", _ANY_DAY, waits, "ms")),
    ]


def _undated(figure: Figure) -> Figure:
    """Return a chart over the hours of any day, without the day that its axis had to have."""
    return msgspec.structs.replace(
        figure,
        svg=figure.svg.replace("1970-01-01 ", "").replace(Markup(">1 Jan<"), Markup(">00:00<")),
        rows=tuple((row[0].removeprefix("1970-01-01 "), *row[1:]) for row in figure.rows),
        head=("Hour (UTC)", *figure.head[1:]),
        zooms=False,
    )


def over_time(period: Period, past: ProviderHistory) -> list[Figure]:
    """Draw a provider's speeds over a period."""
    bins = bins_of(period)
    told = [past.by_bin.get(at_s, Speeds()) for at_s in bins.starts]
    if not past.by_bin:
        return []
    ttft = (
        Series("p50", tuple(each.ttft_p50 for each in told)),
        Series("p99", tuple(each.ttft_p99 for each in told)),
    )
    speed = (Series("p50", tuple(each.speed_p50 for each in told)),)
    return [
        lines("Time to first token", bins.axis, ttft, "ms"),
        lines("Tokens a second", bins.axis, speed, "speed"),
    ]


def tokens_by_model(period: Period, past: ProviderHistory) -> Figure | None:
    """Draw a provider's tokens by model."""
    uses = grouped_uses(past.uses, lambda served: (served.model, served.at_s))
    series = [
        Series(
            model,
            tuple(uses.get((model, at_s), Use()).tokens for at_s in period.starts),
            f"/models/{model}",
        )
        for model in past.models
    ]
    series = [each for each in series if any(each.values)]
    return stacked_bars("Tokens by model", axis_of(period), top(series), "tokens") if series else None


def failing(period: Period, found: Sequence[Failures]) -> Failing:
    """Draw failed tries by cause."""
    by_bar = {row.at_s: row for row in found}
    series = [
        Series(words, tuple(by_bar[at_s].causes[cause] if at_s in by_bar else 0 for at_s in period.starts))
        for cause, words in CAUSES.items()
    ]
    limited = tuple(by_bar[at_s].limited if at_s in by_bar else 0 for at_s in period.starts)
    drawn = [each for each in (*series, Series("rate limits", limited)) if any(each.values)]
    figure = stacked_bars("Failed tries by cause", axis_of(period), drawn, "whole") if drawn else None
    return Failing(figure, sum(row.tries for row in found), sum(row.limited for row in found))


def _quarter(now_s: int) -> Period:
    start_s = now_s - (_DAYS - 1) * DAY_S
    return Period(start_s - start_s % DAY_S, now_s + 1, "day")
