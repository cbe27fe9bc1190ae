"""The data sets, against the same sums in Python."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

from tests.unit.analytics.filled import NOW_S, Filled

from wideband.analytics import datasets
from wideband.analytics.datasets import Every, TokenRow, topped
from wideband.metering.record import Generation

DAY_S = 86_400
END_S = NOW_S - NOW_S % DAY_S + DAY_S
START_S = END_S - 14 * DAY_S


def day(record: Generation) -> datetime:
    return datetime.fromtimestamp(record.created_ns / 1e9, UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def tokens(record: Generation) -> int:
    return record.prompt_tokens + record.completion_tokens


def within(filled: Filled, start_s: int = START_S, end_s: int = END_S) -> list[Generation]:
    return [record for record in filled.records if start_s * 10**9 <= record.created_ns < end_s * 10**9]


async def test_tokens_of_models_are_told_by_day_and_by_week(filled: Filled) -> None:
    by_day: Counter[tuple[str, str]] = Counter()
    by_week: Counter[tuple[str, str]] = Counter()
    for record in within(filled):
        monday = day(record) - timedelta(days=day(record).weekday())
        by_day[f"{day(record):%F}", record.model] += tokens(record)
        by_week[f"{monday:%F}", record.model] += tokens(record)
    expected: dict[Every, Counter[tuple[str, str]]] = {"day": by_day, "week": by_week}
    for every, sums in expected.items():
        rows = await datasets.model_tokens(filled.reader, START_S, END_S, every)
        assert {(row.date, row.model): row.tokens for row in rows} == dict(sums)


async def test_only_models_that_called_tools_are_told_where_that_is_asked(filled: Filled) -> None:
    called: Counter[tuple[str, str]] = Counter()
    for record in within(filled):
        called[f"{day(record):%F}", record.model] += record.tool_calls
    rows = await datasets.model_tokens(filled.reader, START_S, END_S, "day", with_tools=True)
    assert {(row.date, row.model) for row in rows} == {key for key, calls in called.items() if calls}
    assert len(rows) < len(called)


async def test_prompt_lengths_and_kinds_of_work_choose_requests(filled: Filled) -> None:
    long = sum(tokens(record) for record in within(filled) if 10_000 <= record.prompt_tokens < 100_000)
    code = sum(tokens(record) for record in within(filled) if (record.task_tag or "").startswith("code:"))
    rows = await datasets.context_tokens(filled.reader, START_S, END_S, "month", "100K")
    assert sum(row.tokens for row in rows) == long > 0
    rows = await datasets.task_tokens(filled.reader, START_S, END_S, "day", ["code:write", "code:review"])
    assert sum(row.tokens for row in rows) == code > 0


def test_what_is_not_among_the_first_is_one_row_at_the_end_of_its_date() -> None:
    rows = [TokenRow("2026-01-02", name, size) for name, size in (("d", 1), ("b", 7), ("a", 7), ("c", 9))]
    assert topped([*rows, TokenRow("2026-01-01", "z", 3)], most=2) == [
        TokenRow("2026-01-01", "z", 3),
        TokenRow("2026-01-02", "c", 9),
        TokenRow("2026-01-02", "a", 7),
        TokenRow("2026-01-02", "other", 8),
    ]


async def test_an_app_grows_by_what_it_used_beyond_the_mean_of_the_three_spans_before(filled: Filled) -> None:
    start_s = END_S - 7 * DAY_S
    now: Counter[str] = Counter()
    before: Counter[str] = Counter()
    requests: Counter[str] = Counter()
    names = {"Night Shift": "Night Shift", "https://docs.example:8443/chat": "docs.example"}
    for record in within(filled, start_s - 21 * DAY_S):
        title = (record.app_title or "").strip()
        name = title or names.get(record.app_url or "") or (record.user_agent or "").split("/")[0]
        (now if record.created_ns >= start_s * 10**9 else before)[name] += tokens(record)
        requests[name] += record.created_ns >= start_s * 10**9
    rows = await datasets.apps(filled.reader, start_s, END_S)
    assert {row.app: (row.tokens, row.requests) for row in rows} == {
        name: (now[name], requests[name]) for name in now if name
    }
    assert all(abs(row.growth - (now[row.app] - before[row.app] / 3)) < 1 for row in rows)


async def test_an_account_sees_its_own_days_and_those_of_one_key(filled: Filled) -> None:
    expected: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    mine = [record for record in within(filled) if record.account_id == "acme"]
    for record in mine:
        sums = expected[f"{day(record):%F}", record.model, record.endpoint_id or ""]
        sums[0] += 1
        sums[1] += record.cost_nano
        sums[2] += record.reasoning_tokens
    rows = await datasets.activity(filled.reader, START_S, END_S, "acme")
    found = {
        (row.date, row.model, row.endpoint_id): [row.requests, row.cost_nano, row.reasoning_tokens] for row in rows
    }
    assert found == dict(expected)
    assert [row.date for row in rows] == sorted((row.date for row in rows), reverse=True)
    of_key = await datasets.activity(filled.reader, START_S, END_S, "acme", "2" * 64)
    assert sum(row.requests for row in of_key) == sum(record.key_hash == "2" * 64 for record in mine) > 0
