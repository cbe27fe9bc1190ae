"""`wideband analytics generate`: a home filled, refused where there is something, mixed in where that is asked for."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from wideband.cli import main
from wideband.generate import run
from wideband.store.archive import Archive
from wideband.store.engine import connect
from wideband.store.serverlock import ServerLock

RECORDS = 240


def generate(home: Path, *options: str) -> Result:
    words = ["analytics", "generate", "--records", str(RECORDS), "--days", "3", "--until", "2026-11-20", *options]
    return CliRunner().invoke(main, [*words, "--home", str(home)])


def asked(home: Path, sql: str) -> list[tuple[object, ...]]:
    archive = Archive(home)
    try:
        return archive.read(sql).rows
    finally:
        archive.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("home")
    done = generate(path)
    assert done.exit_code == 0, done.output
    assert f"{RECORDS} records of 3 days are in {path}" in done.output
    return path


def test_older_days_are_sealed_and_the_newest_hot(home: Path) -> None:
    files = sorted(path.name for path in (home / "analytics").iterdir())
    assert files == ["d=2026-11-18"]
    hot = asked(home, 'SELECT DISTINCT "at"::DATE::VARCHAR FROM generation ORDER BY 1')
    assert [row[0] for row in hot] == ["2026-11-19", "2026-11-20"]
    assert asked(home, "SELECT count(*), count(DISTINCT id) FROM record") == [(RECORDS, RECORDS)]


def test_cubes_are_folded_and_say_what_the_records_say(home: Path) -> None:
    (records,) = asked(
        home,
        "SELECT count(*), sum(tokens)::BIGINT, sum(cost_nano)::BIGINT, count(*) FILTER (outcome = 'ok') FROM record",
    )
    folded = "SELECT sum(requests)::BIGINT, sum(tokens)::BIGINT, sum(cost_nano)::BIGINT, sum(ok)::BIGINT FROM "
    assert asked(home, folded + "usage_day") == [records]
    # The last hour of the last day is not over for long enough: that day is not folded yet.
    sealed = asked(home, "SELECT count(*) FROM record WHERE \"at\" < DATE '2026-11-20'")
    assert asked(home, "SELECT sum(requests)::BIGINT FROM folded_usage_day") == sealed


def test_no_book_counts_what_was_made_up(home: Path) -> None:
    archive = Archive(home)
    try:
        assert archive.totals([]) == (0, 0, 0)
    finally:
        archive.close()


def test_a_home_with_records_is_left_alone_unless_they_are_to_be_mixed(home: Path) -> None:
    refused = generate(home, "--seed", "8")
    assert refused.exit_code == 1
    assert "has records already" in refused.output
    assert "--add" in refused.output
    assert asked(home, "SELECT count(*) FROM record") == [(RECORDS,)]
    assert generate(home, "--seed", "8", "--add").exit_code == 0
    assert asked(home, "SELECT count(*), count(DISTINCT id) FROM record") == [(2 * RECORDS, 2 * RECORDS)]
    assert asked(home, "SELECT sum(requests)::BIGINT FROM usage_day") == [(2 * RECORDS,)]


def test_a_home_that_is_served_is_refused(tmp_path: Path) -> None:
    lock = ServerLock(tmp_path)
    done = generate(tmp_path)
    lock.release()
    assert done.exit_code == 1
    assert "A server works in" in done.output


def test_without_an_end_it_ends_now(tmp_path: Path) -> None:
    began_s = datetime.now(UTC).timestamp()
    words = ["analytics", "generate", "--records", "60", "--days", "1", "--home", str(tmp_path)]
    assert CliRunner().invoke(main, words).exit_code == 0
    ((last_ns,),) = asked(tmp_path, "SELECT max(created_ns) FROM record")
    assert isinstance(last_ns, int)
    assert last_ns / 1e9 <= datetime.now(UTC).timestamp()
    assert last_ns / 1e9 > began_s - 86_400


def test_what_does_not_fit_into_memory_goes_into_the_home_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spilled: list[Path] = []

    def watched(**config: Any) -> Any:
        spilled.append(Path(config["temp_directory"]))
        return connect(**config)

    monkeypatch.setattr(run, "connect", watched)
    assert generate(tmp_path).exit_code == 0
    assert spilled
    assert all(tmp_path in folder.parents for folder in spilled)
    assert not any(folder.exists() for folder in spilled)
