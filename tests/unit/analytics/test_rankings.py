"""Rankings, against sums in plain Python over the same records."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from tests.unit.analytics import oracle
from tests.unit.analytics.filled import NOW_S, Filled, filled as fill, records

from wideband.analytics import forecasts, rankings
from wideband.analytics.periods import DAY_S, HOUR_S, Period, period_of
from wideband.analytics.rankings import AppsAsked, Bars, Metric, Named, Past, Volume
from wideband.metering.record import Generation

NAMES = ("1h", "24h", "7d", "30d", "90d", "1y")
OPEN = "moonshotai/kimi-k2"
METRICS: tuple[Metric, ...] = ("tokens", "requests", "spend")


def within(given: Sequence[Generation], start_s: float, end_s: float) -> list[Generation]:
    return [record for record in given if start_s <= record.created_ns / 1e9 < end_s]


def answered(record: Generation) -> bool:
    return oracle.outcome(record) != "failed"


def volume(given: Iterable[Generation]) -> Volume:
    own = list(given)
    return Volume(
        requests=sum(map(answered, own)),
        tokens=sum(record.prompt_tokens + record.completion_tokens for record in own),
        cost_nano=sum(record.cost_nano for record in own),
    )


def plain(row: Volume) -> tuple[int, int, int]:
    return row.requests, row.tokens, row.cost_nano


@pytest.mark.parametrize("name", NAMES)
async def test_every_model_has_the_sums_of_its_records(filled: Filled, name: str) -> None:
    period = period_of({"period": name}, NOW_S)
    own = within(filled.records, period.start_s, period.end_s)
    found = {row.model: row for row in await rankings.models(filled.reader, period, simulated=True)}
    assert found.keys() == {record.model for record in own}
    for model, row in found.items():
        mine = [record for record in own if record.model == model]
        assert plain(row) == plain(volume(mine))
        assert row.author == model.split("/")[0]
        assert row.simulated == sum(record.simulated for record in mine if answered(record))
        assert row.tool_calls == sum(record.tool_calls for record in mine)
        assert row.tool_requests == sum(record.tool_calls > 0 for record in mine)
        assert row.tools_judged == sum(record.tool_verdict is not None for record in mine)
        assert row.tools_valid == sum(record.tool_verdict == "valid" for record in mine)


async def test_a_name_that_nobody_serves_is_no_model(tmp_path: Path) -> None:
    good, other = [record for record in records(40, days=1) if answered(record)][:2]
    refused = msgspec.structs.replace(
        other, model="typed/wrongly", status=400, fault="model_not_found", cancelled=False, prompt_tokens=0,
        completion_tokens=0, cost_nano=0,
    )  # fmt: skip
    made = fill(tmp_path, [good, refused])
    period = period_of({"period": "30d"}, NOW_S)
    found = await rankings.models(made.reader, period, simulated=True)
    bars = (await rankings.told(made.reader, period, Named(models=[good.model]), simulated=True)).models
    made.archive.close()
    assert [(row.model, row.requests) for row in found] == [(good.model, 1)]
    assert sum(bars.totals("requests")) == 1


async def test_simulated_traffic_can_be_left_out(filled: Filled) -> None:
    period = period_of({"period": "30d"}, NOW_S)
    own = [record for record in within(filled.records, period.start_s, period.end_s) if answered(record)]
    real = [record for record in own if not record.simulated]
    assert await rankings.kinds(filled.reader, period) == (len(real), len(own) - len(real))
    found = await rankings.models(filled.reader, period, simulated=False)
    assert sum(row.requests for row in found) == len(real) < len(own)
    assert not any(row.simulated for row in found)
    apps, _ = await rankings.apps(filled.reader, period, NOW_S, AppsAsked(simulated=False))
    assert sum(row.requests for row in apps) == sum(oracle.app(record) != "" for record in real)


@pytest.mark.parametrize("name", ["24h", "7d"])
async def test_the_period_before_is_compared_by_equal_times(filled: Filled, name: str) -> None:
    period = period_of({"period": name}, NOW_S)
    length_s = period.end_s - period.start_s
    # Told by whole hours, so the span before is up to an hour longer, and what it holds is made up for.
    before_s = (period.start_s - length_s) // HOUR_S * HOUR_S
    past = await rankings.models_before(filled.reader, period, NOW_S, simulated=True)
    before = within(filled.records, before_s, period.start_s)
    assert before
    assert past.factor == pytest.approx(length_s / (period.start_s - before_s))
    for model in {record.model for record in filled.records}:
        own = volume(record for record in before if record.model == model)
        assert plain(past.volumes.get(model, Volume())) == plain(own)
        assert past.is_new(model) == (own.requests == 0)
        if own.requests and past.factor:
            twice = Volume(requests=2 * own.requests)
            assert past.change(model, twice, "requests") == pytest.approx(2 / past.factor - 1)


async def test_nothing_is_compared_with_days_before_the_first_record(filled: Filled) -> None:
    past = await rankings.models_before(filled.reader, period_of({"period": "30d"}, NOW_S), NOW_S, simulated=True)
    assert past.factor is None
    assert past.change("openai/gpt-5-mini", Volume(tokens=5), "tokens") is None
    assert not past.is_new("nobody/asked-for-it")


def test_a_change_is_a_share_of_what_was_expected() -> None:
    past = Past({"a/b": Volume(tokens=100)}, 0.5)
    assert past.change("a/b", Volume(tokens=75), "tokens") == pytest.approx(0.5)
    assert past.change("a/b", Volume(tokens=25), "tokens") == pytest.approx(-0.5)
    assert past.change("a/c", Volume(tokens=25), "tokens") is None
    both = rankings.by_author(Past({"a/b": Volume(tokens=100), "a/c": Volume(tokens=50, requests=1)}, 1.0))
    assert both.volumes == {"a": Volume(tokens=150, requests=1)}


@pytest.mark.parametrize("name", ["1h", "7d", "1y"])
async def test_bars_add_up_to_what_was_used(filled: Filled, name: str) -> None:
    period = period_of({"period": name}, NOW_S)
    model = "openai/gpt-5-mini"
    names = Named(models=[model], authors=["openai"], opened=[OPEN], closed=[model])
    told = await rankings.told(filled.reader, period, names, simulated=True)
    bars, by_author, weights = told.models, told.authors, told.weights
    ends = (*period.starts[1:], period.end_s)
    for index, (start_s, end_s) in enumerate(zip(period.starts, ends, strict=True)):
        own = within(filled.records, start_s, end_s)
        mine = [record for record in own if record.model == model]
        for metric in METRICS:
            assert (
                bars.values(model, metric)[index]
                == by_author.values("openai", metric)[index]
                == volume(mine).by(metric)
            )
            assert bars.totals(metric)[index] == volume(own).by(metric)
            assert weights.values("closed", metric)[index] == volume(mine).by(metric)
            assert weights.values("open", metric)[index] == volume(r for r in own if r.model == OPEN).by(metric)
            assert weights.totals(metric)[index] == by_author.totals(metric)[index] == volume(own).by(metric)
        assert told.tool_calls[index] == sum(record.tool_calls for record in own)


def apps_of(given: Iterable[Generation]) -> dict[str, list[Generation]]:
    found: dict[str, list[Generation]] = {}
    for record in given:
        if oracle.app(record):
            found.setdefault(oracle.app(record), []).append(record)
    return found


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", ["24h", "30d"])
async def test_apps_are_ranked_with_the_models_they_used_most(filled: Filled, name: str, metric: Metric) -> None:
    period = period_of({"period": name}, NOW_S)
    own = apps_of(within(filled.records, period.start_s, period.end_s))
    rows, _ = await rankings.apps(filled.reader, period, NOW_S, AppsAsked(metric))
    assert [row.app for row in rows] == sorted(own, key=lambda app: (-volume(own[app]).by(metric), app))
    for row in rows:
        assert plain(row) == plain(volume(own[row.app]))
        models = {record.model for record in own[row.app]}
        order = sorted(
            models, key=lambda model: (-volume(r for r in own[row.app] if r.model == model).by(metric), model)
        )
        assert row.models == tuple(order[:3])


async def test_trending_is_what_exceeds_the_mean_of_three_spans_before(filled: Filled) -> None:
    period = period_of({"period": "24h"}, NOW_S)
    length_s = period.end_s - period.start_s
    whole_s = -(-length_s // HOUR_S) * HOUR_S
    now = apps_of(within(filled.records, period.start_s, period.end_s))
    earlier = apps_of(within(filled.records, period.start_s - 3 * whole_s, period.start_s))
    growth = {
        app: volume(own).tokens - volume(earlier.get(app, ())).tokens * length_s / whole_s / 3
        for app, own in now.items()
    }
    rows, factor = await rankings.apps(filled.reader, period, NOW_S, AppsAsked(trending=True))
    assert {row.app: row.growth for row in rows} == pytest.approx(growth)
    assert [row.app for row in rows] == sorted(growth, key=lambda app: -growth[app])
    before = apps_of(within(filled.records, period.start_s - whole_s, period.start_s))
    assert {row.app: plain(row.before) for row in rows} == {
        row.app: plain(volume(before.get(row.app, ()))) for row in rows
    }
    assert factor == pytest.approx(length_s / whole_s)


async def test_apps_of_a_week_are_told_by_whole_days(filled: Filled) -> None:
    period = period_of({"period": "7d"}, NOW_S)
    start_s = period.start_s // DAY_S * DAY_S
    rows, _ = await rankings.apps(filled.reader, period, NOW_S, AppsAsked(most=2))
    own = apps_of(within(filled.records, start_s, period.end_s))
    assert len(rows) == 2 < len(own)
    assert {row.app: plain(row) for row in rows} == {row.app: plain(volume(own[row.app])) for row in rows}


async def test_requests_without_an_app_are_counted_apart(filled: Filled) -> None:
    period = period_of({"period": "30d"}, NOW_S)
    own = within(filled.records, period.start_s, period.end_s)
    count = await rankings.nameless(filled.reader, period, NOW_S, simulated=True)
    assert count == sum(oracle.app(record) == "" and answered(record) for record in own) > 0


@pytest.mark.parametrize(
    ("start_s", "width", "expected"),
    [(NOW_S - 1800, "minute", "hour"), (NOW_S - 5 * DAY_S, "hour", "hour"), (NOW_S - 20 * DAY_S, "hour", "day")],
)
def test_coarse_cubes_are_asked_for_what_they_keep(start_s: int, width: str, expected: str) -> None:
    span = rankings.coarse(Period(start_s, start_s + 1800, "minute" if width == "minute" else "hour"), NOW_S)
    assert span.width == expected
    assert span.start_s % (HOUR_S if expected == "hour" else DAY_S) == 0
    assert 0 <= start_s - span.start_s < DAY_S


def test_what_passed_of_a_week_weighs_as_its_days_do() -> None:
    weights = [5.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    assert forecasts.passed_share(weights, 1.0) == pytest.approx(0.5)
    assert forecasts.passed_share(weights, 1.5) == pytest.approx(0.55)
    assert forecasts.passed_share(weights, 7.0) == pytest.approx(1.0)


async def test_the_running_week_is_foretold_from_own_weekdays(filled: Filled) -> None:
    period = period_of({"period": "1y"}, NOW_S)
    monday = period.starts[-1]
    bars = (await rankings.told(filled.reader, period, Named(), simulated=True)).models
    ahead = await forecasts.forecast(filled.reader, period, bars, "tokens", now_s=NOW_S)
    first_s = int(filled.records[0].created_ns / 1e9) // DAY_S * DAY_S
    weeks = (monday - first_s) // (7 * DAY_S)
    assert ahead is not None
    assert ahead.weeks == weeks >= 4
    by_day: Counter[int] = Counter()
    for record in within(filled.records, monday - weeks * 7 * DAY_S, monday):
        by_day[datetime.fromtimestamp(record.created_ns / 1e9, UTC).weekday()] += volume([record]).tokens
    days = (NOW_S - monday) / DAY_S
    share = (sum(by_day[day] for day in range(int(days))) + by_day[int(days)] * (days % 1)) / by_day.total()
    so_far = volume(within(filled.records, monday, NOW_S)).tokens
    assert ahead.value == pytest.approx(so_far / share)


async def test_without_four_weeks_time_runs_evenly(tmp_path: Path) -> None:
    made = fill(tmp_path, records(50, days=6))
    period = period_of({"period": "30d"}, NOW_S)
    bars = (await rankings.told(made.reader, period, Named(), simulated=True)).models
    ahead = await forecasts.forecast(made.reader, period, bars, "requests", now_s=NOW_S)
    made.archive.close()
    assert ahead is not None
    assert ahead.weeks == 0
    today = volume(within(made.records, NOW_S // DAY_S * DAY_S, NOW_S)).requests
    assert ahead.value == pytest.approx(today * DAY_S / (NOW_S % DAY_S))


@pytest.mark.parametrize("name", ["1h", "24h", "7d"])
async def test_bars_of_hours_are_not_foretold(filled: Filled, name: str) -> None:
    period = period_of({"period": name}, NOW_S)
    bars = Bars(period.starts, {})
    assert await forecasts.forecast(filled.reader, period, bars, "tokens", now_s=NOW_S) is None


async def test_what_is_over_is_not_foretold(filled: Filled) -> None:
    period = period_of({"from": "2026-11-01", "to": "2026-11-10T12:00Z"}, NOW_S)
    bars = (await rankings.told(filled.reader, period, Named(), simulated=True)).models
    assert await forecasts.forecast(filled.reader, period, bars, "tokens", now_s=NOW_S) is None
