"""The traffic of seven days by kind of work, from records to the file that every process reads."""

from typing import Any

import msgspec
from tests.unit.store.money import make_hold, make_key, settle_hold

from wideband.clock import now_ns
from wideband.metering.record import Generation
from wideband.routing.auto import TaskRow
from wideband.store.ledger import LocalLedger
from wideband.store.shares import WINDOW_NS, ShareFile, TaskShares
from wideband.wire import jsons


def shipped(ledger: LocalLedger, *rows: dict[str, Any]) -> None:
    plain = jsons.decode_as(settle_hold(make_hold(make_key()), 0).record, Generation)
    made = [msgspec.structs.replace(plain, id=f"gen-{number}", **row) for number, row in enumerate(rows)]
    ledger.archive.append([jsons.encode(each) for each in made])


async def test_spend_is_added_up_by_kind_of_work_and_model_for_seven_days(ledger: LocalLedger) -> None:
    at_ns = now_ns()
    served = {"endpoint_id": "e", "created_ns": at_ns, "prompt_tokens": 10, "completion_tokens": 5}
    shipped(
        ledger,
        {**served, "task_tag": "math", "model": "a/one", "cost_nano": 100},
        {**served, "task_tag": "math", "model": "a/one", "cost_nano": 50},
        {**served, "task_tag": "math", "model": "b/two", "cost_nano": 900},
        {**served, "task_tag": "editing", "model": "a/one", "cost_nano": 1},
        {**served, "task_tag": None, "model": "a/one", "cost_nano": 1},
        {**served, "task_tag": "math", "model": "a/one", "endpoint_id": None, "cost_nano": 0},
        {**served, "task_tag": "math", "model": "a/one", "cost_nano": 7, "created_ns": at_ns - WINDOW_NS - 10**12},
    )
    file = ShareFile(ledger.home)
    assert file.read() == TaskShares()
    made = ShareFile(ledger.home).renew(ledger.archive)
    assert made.rows == (
        TaskRow("math", "b/two", 1, 900, 15),
        TaskRow("math", "a/one", 2, 150, 30),
        TaskRow("editing", "a/one", 1, 1, 15),
    )
    assert file.read() == made
    assert file.read() is file.read()


async def test_a_file_that_cannot_be_read_says_nothing(ledger: LocalLedger) -> None:
    file = ShareFile(ledger.home)
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(b"{")
    assert file.read() == TaskShares()
