"""`wideband analytics`, over a home with records of some days."""

import csv
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from tests.unit.analytics.filled import begun, records

from wideband.cli import main
from wideband.store.archive import FILE, FOLDER, Archive
from wideband.store.serverlock import ServerLock
from wideband.wire import jsons

RECORDS = records(40, days=7)


@pytest.fixture(scope="module")
def filled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    archive = begun(home)
    archive.append([jsons.encode(record) for record in RECORDS])
    archive.close()
    return home


@pytest.fixture
def home(filled_home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled_home, tmp_path / "home"))


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["analytics", *arguments, "--home", str(home)])


def asked(home: Path, sql: str) -> list[tuple[Any, ...]]:
    archive = Archive(home)
    try:
        return archive.read(sql).rows
    finally:
        archive.close()


def test_status_tells_what_is_kept(home: Path) -> None:
    found = jsons.decode(run(home, "status", "--json").stdout)
    assert (found["hot_records"], found["sealed_records"], found["folded_until_s"]) == (40, 0, None)
    assert found["oldest_s"] == RECORDS[0].created_ns // 10**9
    lines = run(home, "status").stdout
    assert "40 records" in lines
    assert "0 records of 0 days" in lines


def test_seal_and_a_rebuild_without_the_database_lose_nothing(home: Path) -> None:
    days = {record.created_ns // 86_400_000_000_000 for record in RECORDS}
    done = run(home, "seal")
    assert done.exit_code == 0, done.output
    sealed = int(done.stdout.split()[0])
    assert len(days) - 3 <= sealed <= len(days)
    before = asked(home, "SELECT sum(requests)::BIGINT, sum(tokens)::BIGINT FROM usage_day")
    hot = asked(home, "SELECT count(*), coalesce(sum(tokens), 0)::BIGINT FROM generation")
    (home / FILE).unlink()
    done = run(home, "rebuild")
    assert done.exit_code == 0, done.output
    after = asked(home, "SELECT sum(requests)::BIGINT, sum(tokens)::BIGINT FROM usage_day")
    lost = [tuple(a - b for a, b in zip(before[0], hot[0], strict=True))]
    assert after == lost


def test_a_broken_database_is_put_aside_when_asked_to(home: Path) -> None:
    run(home, "seal")
    hot = asked(home, "SELECT id FROM generation")
    with (home / FILE).open("r+b") as file:
        file.truncate((home / FILE).stat().st_size // 3)
    done = run(home, "rebuild")
    assert done.exit_code == 1
    assert "rebuild --aside" in done.output
    done = run(home, "rebuild", "--aside")
    assert done.exit_code == 0, done.output
    assert f"{FILE}.aside-1" in done.stderr
    assert (home / f"{FILE}.aside-1").is_file()
    assert asked(home, "SELECT sum(requests)::BIGINT FROM usage_day") == [(len(RECORDS) - len(hot),)]


def test_day_files_are_read_by_other_tools(home: Path) -> None:
    run(home, "seal")
    days = str(home / FOLDER / "*" / "records.parquet")
    found = duckdb.connect().execute(
        'SELECT count(*), sum(len(tries)), count(DISTINCT d), bool_and("at"::DATE = d) FROM read_parquet(?)', (days,)
    )
    ((count, tries, dates, agree),) = found.fetchall()
    hot = {row[0] for row in asked(home, "SELECT id FROM generation")}
    sealed = [record for record in RECORDS if record.id not in hot]
    assert (count, tries, agree) == (len(sealed), sum(len(record.tries) for record in sealed), True)
    assert dates == len({record.created_ns // 86_400_000_000_000 for record in sealed})


@pytest.mark.parametrize("is_sealed", [False, True])
def test_export_writes_the_records_of_a_span(home: Path, tmp_path: Path, is_sealed: bool) -> None:
    if is_sealed:
        run(home, "seal")
    file = tmp_path / "records.csv"
    done = run(home, "export", str(file), "--from", "2026-11-17", "--to", "2026-11-21")
    assert done.exit_code == 0, done.output
    span_s = (1_794_873_600, 1_795_219_200)
    wanted = [record for record in RECORDS if span_s[0] <= record.created_ns // 10**9 < span_s[1]]
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["id"] for row in rows] == [record.id for record in wanted]
    assert [int(row["cost_nano"]) for row in rows] == [record.cost_nano for record in wanted]
    assert [len(jsons.decode(row["tries"])) for row in rows] == [len(record.tries) for record in wanted]


def test_a_parquet_export_has_every_column(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.parquet"
    assert "40 records" in run(home, "export", str(file)).output
    columns = {row[0] for row in duckdb.connect().execute(f"DESCRIBE FROM '{file}'").fetchall()}
    assert {"id", "tries", "at", "outcome", "tokens_per_s", "task_tag"} <= columns


def test_a_home_that_is_served_is_left_alone(home: Path) -> None:
    lock = ServerLock(home)
    for command in ("status", "rebuild", "seal"):
        done = run(home, command)
        assert done.exit_code == 1
        assert "Another server" in done.output
    lock.release()


def test_what_cannot_be_meant_is_told(home: Path, tmp_path: Path) -> None:
    assert "ends neither" in run(home, "export", "records.txt").output
    assert "before --to" in run(home, "export", "a.csv", "--from", "2026-11-02", "--to", "2026-11-01").output
    assert "no date" in run(home, "export", "a.csv", "--from", "soon").output
    assert "no home" in run(tmp_path / "nowhere", "status").output
