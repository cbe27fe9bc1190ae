"""The archive: what may be asked of it, what the answers are made of, and homes from before there were cubes."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import msgspec
import pytest
from tests.unit.analytics.filled import NOW_S, begun, records
from tests.unit.analytics.oracle import app, outcome, usage

from wideband.canon.faults import Faulted, FaultKind
from wideband.clock import now_ns
from wideband.store.archive import FILE, Archive
from wideband.store.base import Table
from wideband.store.cubes import DERIVED
from wideband.store.hub import Hub
from wideband.store.keeping import Keeping
from wideband.store.ledger import LocalLedger
from wideband.store.upkeep import Upkeep
from wideband.wire import jsons

GIVEN = records(40, days=6)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Open one to read from."""
    archive = begun(tmp_path_factory.mktemp("archive"))
    archive.append([jsons.encode(record) for record in GIVEN])
    yield archive
    archive.close()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM generation",
        "COPY generation TO '/tmp/never.csv'",
        "SELECT 1; DROP TABLE generation",
        "SET memory_limit = '8GB'",
        "ATTACH '/tmp/never.duckdb'",
        "CREATE TABLE t (x INTEGER)",
        "",
        "SELECT FROM nowhere WHERE",
    ],
)
def test_only_one_statement_that_reads_is_asked(archive: Archive, sql: str) -> None:
    with pytest.raises(Faulted) as caught:
        archive.read(sql)
    assert caught.value.fault.kind is FaultKind.UNAVAILABLE
    assert archive.read("FROM (SELECT count(*) FROM generation)").rows == [(len(GIVEN),)]


def test_answers_survive_a_socket(archive: Archive) -> None:
    found = archive.read(
        "SELECT sum(prompt_tokens), 1.5::DECIMAL(5, 2), 7::DECIMAL(9, 0), TIMESTAMP '2026-11-22 12:30:00',"
        " DATE '2026-11-22', '6f4d2a10-0000-4000-8000-67656e657261'::UUID,"
        " 10::HUGEINT ** 30, [1::HUGEINT], MAP {1: 2::HUGEINT}, {'a': 3.0::DECIMAL}, INTERVAL 90 SECOND, NULL, 'x'"
        " FROM generation"
    )
    over = msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Table)
    assert over == found
    assert found.rows == [
        (
            *(sum(record.prompt_tokens for record in GIVEN), 1.5, 7, NOW_S, "2026-11-22"),
            *("6f4d2a10-0000-4000-8000-67656e657261", 1e30, [1], {1: 2}, {"a": 3}, 90.0, None, "x"),
        )
    ]


def test_reading_waits_for_no_writer(archive: Archive) -> None:
    archive.read("SELECT 1")
    with archive.lock:  # as while a batch is added, or an hour folded
        answers: list[Table] = []
        reader = threading.Thread(target=lambda: answers.append(archive.read("SELECT count(*) FROM usage_day")))
        reader.start()
        reader.join(20)
    assert answers


def test_a_home_from_before_there_were_cubes_gets_them(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.append([jsons.encode(record) for record in GIVEN])
    archive.close()
    with duckdb.connect(str(tmp_path / FILE)) as older:
        for kind, name in older.execute(
            "SELECT 'VIEW', view_name FROM duckdb_views() WHERE NOT internal"
            " UNION ALL SELECT 'TABLE', table_name FROM duckdb_tables() WHERE table_name NOT IN ('generation', 'try')"
        ).fetchall():
            older.execute(f"DROP {kind} {name}")
        for name in DERIVED:
            older.execute(f'ALTER TABLE generation DROP COLUMN "{name}"')
        older.execute('ALTER TABLE "try" DROP COLUMN "at"')
    rows = archive.read("SELECT id, outcome, coalesce(app, ''), try_count, epoch_us(\"at\") FROM record").rows
    wanted = {(r.id, outcome(r), app(r), len(r.tries), r.created_ns // 1000) for r in GIVEN}
    assert set(rows) == wanted
    assert archive.read("SELECT sum(tries)::BIGINT FROM tries_minute").rows == [(sum(len(r.tries) for r in GIVEN),)]
    assert archive.find(GIVEN[0].id) == jsons.encode(GIVEN[0])
    archive.close()


def test_a_measure_that_a_cube_has_gained_is_added_up_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path, Keeping(hot_days=1))
    archive.append([jsons.encode(record) for record in GIVEN])
    Upkeep(archive).tidy(NOW_S)
    archive.close()
    with duckdb.connect(str(tmp_path / FILE)) as older:
        older.execute("ALTER TABLE folded_usage_day DROP COLUMN tool_calls")
        older.execute("ALTER TABLE folded_usage_day DROP COLUMN latency")
        older.execute("DELETE FROM folded_as")
    sql = "SELECT sum(tool_calls)::BIGINT, sum(list_sum(map_values(latency)))::BIGINT FROM usage_day"
    wanted = [(sum(record.tool_calls for record in GIVEN), len(GIVEN))]
    assert archive.read(sql).rows == wanted
    Upkeep(archive).fold(NOW_S)
    assert archive.read(sql).rows == wanted
    archive.close()


def test_a_measure_that_means_something_else_now_is_added_up_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.append([jsons.encode(record) for record in GIVEN])
    Upkeep(archive).tidy(NOW_S)
    archive.close()
    with duckdb.connect(str(tmp_path / FILE)) as older:
        older.execute("UPDATE folded_usage_day SET saved = 7000")
        older.execute("UPDATE folded_as SET shape = 'of yesterday'")
    sql = "SELECT sum(saved)::BIGINT FROM usage_day"
    wanted = [(sum(usage(record)["saved"] for record in GIVEN),)]
    assert archive.read(sql).rows == wanted
    Upkeep(archive).fold(NOW_S)
    assert archive.read(sql).rows == wanted
    archive.close()
    again = Archive(tmp_path)
    assert again.state.hour_s > 0, "what is folded stays when nothing has changed"
    again.close()


async def test_the_running_hub_folds_and_seals(tmp_path: Path) -> None:
    ledger = LocalLedger(tmp_path)
    await asyncio.to_thread(ledger.archive.append, [jsons.encode(record) for record in GIVEN])
    assert now_ns() > GIVEN[0].created_ns
    hub = Hub(ledger, interval_s=0.01, upkeep_s=0.01)
    hub.start()
    async with asyncio.timeout(20):
        while not (await asyncio.to_thread(lambda: ledger.archive.state)).days:
            await asyncio.sleep(0.02)
    await hub.close()
    assert (await ledger.read("SELECT sum(requests)::BIGINT FROM usage_day")).rows == [(len(GIVEN),)]
    await ledger.close()
