"""Analytics queries: what may be asked, what it is compiled to, and that the numbers are those of the records."""

import statistics
from collections import Counter, defaultdict
from typing import Any

import msgspec
import pytest
from tests.unit.analytics.filled import NOW_S, Filled

from wideband.analytics import asking
from wideband.analytics.asking import Asked, Filter, Order
from wideband.canon.faults import Faulted

DAY_S = 86_400
END_S = NOW_S - NOW_S % DAY_S + DAY_S
PLAIN = Asked(
    metrics=("request_count",),
    dimensions=(),
    filters=(),
    granularity=None,
    start_s=END_S - 30 * DAY_S,
    end_s=END_S,
    order=None,
    limit=1000,
)


def asked(**changes: Any) -> Asked:
    return msgspec.structs.replace(PLAIN, **changes)


def recent(filled: Filled, account: str | None = "acme") -> list[Any]:
    return [
        record
        for record in filled.records
        if record.created_ns >= PLAIN.start_s * 10**9 and account in (None, record.account_id)
    ]


@pytest.mark.parametrize("offset_s", [0, 3600], ids=["by whole days, from the cube", "from the records"])
async def test_volumes_by_model_and_key_are_the_same_from_cube_and_records(filled: Filled, offset_s: int) -> None:
    question = asked(
        metrics=("request_count", "tokens_total", "total_usage", "cache_hit_rate", "error_rate"),
        dimensions=("model", "api_key_id"),
        # Nothing is that young: both spans hold the same records.
        end_s=END_S + offset_s,
    )
    asking.check(question)
    assert asking.uses_cube(question) == (offset_s == 0)
    rows, truncated = await asking.rows(filled.reader, question, "acme")
    groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for record in recent(filled):
        groups[record.model, record.key_hash].append(record)
    assert not truncated
    assert {(row["model"], row["api_key_id"]): row["total_usage"] for row in rows} == {
        key: sum(record.cost_nano for record in group) for key, group in groups.items()
    }
    for row in rows:
        group = groups[row["model"], row["api_key_id"]]
        prompt = sum(record.prompt_tokens for record in group)
        assert row["request_count"] == len(group)
        assert row["tokens_total"] == prompt + sum(record.completion_tokens for record in group)
        assert row["cache_hit_rate"] == pytest.approx(sum(record.cached_tokens for record in group) / prompt)
        failed = [record for record in group if record.status not in (200, 499)]
        assert row["error_rate"] == pytest.approx(len(failed) / len(group))


async def test_percentiles_are_exact(filled: Filled) -> None:
    question = asked(metrics=("p50_latency", "p99_latency", "avg_latency"), dimensions=("provider",))
    rows, _ = await asking.rows(filled.reader, question, None)
    times: dict[str, list[float]] = defaultdict(list)
    for record in recent(filled, None):
        if record.ttft_ms is not None:
            times[record.provider or ""].append(record.ttft_ms)
    for row in rows:
        if values := times.get(row["provider"]):
            assert row["p50_latency"] == pytest.approx(statistics.median(values))
            assert row["avg_latency"] == pytest.approx(statistics.fmean(values))
            assert row["p99_latency"] <= max(values)
    assert {row["provider"] for row in rows} >= times.keys()


async def test_rows_by_hour_come_in_order_of_time(filled: Filled) -> None:
    question = asked(granularity="hour", start_s=END_S - 2 * DAY_S, dimensions=("outcome",))
    rows, _ = await asking.rows(filled.reader, question, None)
    expected = Counter(
        record.created_ns // 10**9 // 3600 * 3600
        for record in recent(filled, None)
        if record.created_ns >= question.start_s * 10**9
    )
    found: Counter[int] = Counter()
    for row in rows:
        found[row["date"]] += row["request_count"]
    assert found == expected
    assert [row["date"] for row in rows] == sorted(row["date"] for row in rows)


@pytest.mark.parametrize(
    ("condition", "keeps"),
    [
        (Filter("model", "eq", "moonshotai/kimi-k2"), lambda record: record.model == "moonshotai/kimi-k2"),
        (Filter("model", "neq", "moonshotai/kimi-k2"), lambda record: record.model != "moonshotai/kimi-k2"),
        (Filter("provider", "in", ["groq", "azure"]), lambda record: record.provider in ("groq", "azure")),
        (
            Filter("provider", "in", ["groq"], include_unset=True),
            lambda record: record.provider in ("groq", None),
        ),
        (Filter("provider", "not_in", ["groq"]), lambda record: record.provider != "groq"),
        (Filter("task", "gte", "general"), lambda record: (record.task_tag or "") >= "general"),
        (Filter("app", "eq", "'; DROP TABLE generation; --"), lambda _record: False),
    ],
    ids=lambda value: value.operator if isinstance(value, Filter) else "",
)
async def test_a_filter_keeps_what_it_says(filled: Filled, condition: Filter, keeps: Any) -> None:
    question = asked(filters=(condition,), end_s=END_S + 60)
    asking.check(question)
    ((row,), _) = await asking.rows(filled.reader, question, None)
    assert row["request_count"] == sum(keeps(record) for record in recent(filled, None))


async def test_rows_come_in_the_order_asked_for_and_not_more_than_that(filled: Filled) -> None:
    question = asked(dimensions=("generation_id",), metrics=("tokens_total",), limit=5, order=Order("tokens_total"))
    rows, truncated = await asking.rows(filled.reader, question, None)
    expected = sorted((r.prompt_tokens + r.completion_tokens for r in recent(filled, None)), reverse=True)[:5]
    assert ([row["tokens_total"] for row in rows], truncated) == (expected, True)


async def test_a_group_can_be_held_to_some_rows(filled: Filled) -> None:
    question = asked(granularity="day", dimensions=("model",), group_limit=2)
    rows, _ = await asking.rows(filled.reader, question, None)
    assert max(Counter(row["model"] for row in rows).values()) == 2


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"metrics": ()}, "metrics"),
        ({"metrics": ("sum(1)",)}, "metrics"),
        ({"dimensions": ("model", "provider", "app")}, "dimensions"),
        ({"dimensions": ("model; DROP TABLE generation",)}, "dimensions"),
        ({"filters": (Filter("nothing", "eq", 1),)}, "filters"),
        ({"filters": (Filter("model", "like", "x"),)}, "operator"),
        ({"filters": (Filter("model", "in", "x"),)}, "filters"),
        ({"filters": (Filter("model", "eq", ["x"]),)}, "filters"),
        ({"filters": (Filter("model", "eq", "x"),) * 21}, "filters"),
        ({"limit": 10_001}, "limit"),
        ({"group_limit": 0}, "group_limit"),
        ({"end_s": PLAIN.start_s}, "time_range"),
        ({"granularity": "minute"}, "granularity"),
        ({"metrics": ("p99_latency",), "start_s": END_S - 40 * DAY_S}, "time_range"),
        ({"start_s": END_S - 400 * DAY_S}, "time_range"),
        ({"order": Order("tokens_total")}, "order_by"),
        ({"order": Order("date")}, "order_by"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(changes: dict[str, Any], param: str) -> None:
    with pytest.raises(Faulted) as refused:
        asking.check(asked(**changes))
    assert refused.value.fault.param == param


def test_every_metric_and_dimension_can_be_asked_for(filled: Filled) -> None:
    for name in asking.DIMENSIONS:
        question = asked(metrics=tuple(asking.METRICS), dimensions=(name,), granularity="day", order=Order("date"))
        sql, parameters = asking.compiled(question, "acme")
        assert filled.archive.read(sql, parameters).columns == ("date", name, *asking.METRICS)
