"""Shares of spend: kept up to date, and shown by kind of work."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.routing.auto import TaskRow
from wideband.server.shares import classifications, keep_shares
from wideband.store.shares import ShareFile, TaskShares

ROWS = (
    TaskRow("math", "a/one", 2, 300, 10),
    TaskRow("math", "b/two", 1, 100, 30),
    TaskRow("data:sql", "a/one", 1, 600, 60),
)


def test_each_kind_of_work_has_its_share_of_all_and_of_its_category() -> None:
    shown = classifications(TaskShares(rows=ROWS), {})["data"]
    sql, math = shown["classifications"]
    assert (sql["tag"], sql["macro_category"], sql["usage_share"], sql["category_usage_share"]) == (
        "data:sql",
        "data",
        0.6,
        1.0,
    )
    assert (math["display_name"], math["usage_share"], math["token_share"]) == ("Mathematics", 0.4, 0.4)
    assert math["models"] == [
        {"id": "a/one", "tag_usage_share": 0.75, "tag_token_share": 0.25},
        {"id": "b/two", "tag_usage_share": 0.25, "tag_token_share": 0.75},
    ]
    assert [(row["key"], row["usage_share"]) for row in shown["macro_categories"]] == [
        ("code", 0.0),
        ("data", 0.6),
        ("agent", 0.0),
        ("general", 0.4),
    ]


def test_nothing_was_spent_yet_and_other_windows_are_refused() -> None:
    assert classifications(TaskShares(), {"window": "7d"})["data"]["classifications"] == []
    with pytest.raises(Faulted, match="7d"):
        classifications(TaskShares(), {"window": "30d"})


async def test_they_are_added_up_again_and_again_also_after_a_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[Any] = [
        Faulted(Fault(kind=FaultKind.UNAVAILABLE, message="locked")),
        [tuple(row) for row in _plain()],
    ]

    def spent_by_task(_since_ns: int) -> Any:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Faulted):
            raise answer
        return answer

    ledger = cast("Any", SimpleNamespace(home=tmp_path, archive=SimpleNamespace(spent_by_task=spent_by_task)))
    keeper = asyncio.ensure_future(keep_shares(ledger, 0.0, 0.001))
    async with asyncio.timeout(5):
        while not (told := ShareFile(tmp_path).read()).rows:
            await asyncio.sleep(0.005)
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    assert told.rows == ROWS
    assert "locked" in caplog.text


def _plain() -> list[tuple[Any, ...]]:
    return [(row.tag, row.model, row.requests, row.cost_nano, row.tokens) for row in ROWS]
