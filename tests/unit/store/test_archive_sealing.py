"""Sealing days: whatever is killed when, each record is there once; late ones join their day; old days are let go."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.analytics.filled import NOW_S, begun, records

from wideband.canon.faults import Faulted
from wideband.metering.record import Generation
from wideband.store import sealing
from wideband.store.archive import FILE, FOLDER, Archive
from wideband.store.keeping import Keeping
from wideband.store.upkeep import Upkeep
from wideband.wire import jsons

DAY_S = 86_400
GIVEN = records(60, days=6)
SEALED_BEFORE_S = NOW_S // DAY_S * DAY_S - 2 * DAY_S


def encoded(given: Sequence[Generation]) -> list[bytes]:
    return [jsons.encode(record) for record in given]


@contextmanager
def opened(home: Path, **keeping: int) -> Iterator[Archive]:
    archive = (Archive if any(home.iterdir()) else begun)(home, Keeping(**keeping))
    try:
        yield archive
    finally:
        archive.close()


def day_files(home: Path) -> list[Path]:
    return sorted(path for path in (home / FOLDER).rglob("*") if path.is_file())


def same(home: Path, other: Path | None) -> bool:
    """Tell whether the same files lie in two homes."""
    held = [
        {path.relative_to(one): path.read_bytes() for path in one.rglob("*") if path.is_file()}
        for one in (home, other)
        if one is not None
    ]
    return len(held) == 2 and held[0] == held[1]


def check_whole(archive: Archive, given: Sequence[Generation] = GIVEN) -> None:
    """Every record is there once, wherever one looks."""
    tokens = sum(record.prompt_tokens + record.completion_tokens for record in given)
    tries = sum(len(record.tries) for record in given)
    assert archive.totals([]) == (len(given), 0, sum(record.cost_nano for record in given))
    whole = [(len(given), len(given), tokens)]
    assert archive.read("SELECT count(*), count(DISTINCT id), sum(tokens)::BIGINT FROM record").rows == whole
    for width in ("hour", "day"):
        usage = f"SELECT sum(requests)::BIGINT, sum(tokens)::BIGINT FROM usage_{width}"
        assert archive.read(usage).rows == [(len(given), tokens)]
        assert archive.read(f"SELECT sum(tries)::BIGINT FROM tries_{width}").rows == [(tries,)]
    for record in (given[0], given[-1]):
        assert archive.find(record.id) == jsons.encode(record)


def snapshots(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Copy the home before and after each step of sealing, as it would lie there after a kill at that moment."""
    made: list[Path] = []

    def watched(name: str) -> Callable[..., Any]:
        step = getattr(sealing, name)

        def copied() -> None:
            made.append(Path(shutil.copytree(home, home.parent / f"{len(made)}-{name}")))

        def run(*arguments: Any) -> Any:
            copied()
            result = step(*arguments)
            copied()
            return result

        return run

    for name in ("next_file", "settle", "write", "take_over", "sweep"):
        monkeypatch.setattr(sealing, name, watched(name))
    return made


@pytest.mark.parametrize("is_again", [False, True], ids=["first", "again"])
def test_a_kill_at_any_step_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_again: bool
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    # One day is enough: the first one, of which some come late where it is sealed again.
    first_day = GIVEN[0].created_ns // (DAY_S * 10**9)
    given = [record for record in GIVEN if record.created_ns // (DAY_S * 10**9) == first_day]
    late = given[1:3] if is_again else []
    with opened(home) as archive:
        archive.append(encoded([record for record in given if record not in late]))
        upkeep = Upkeep(archive)
        upkeep.fold(NOW_S)
        if is_again:
            assert upkeep.seal(NOW_S) == 1
            archive.append(encoded(late))
            upkeep.fold(NOW_S)
        made = snapshots(home, monkeypatch)
        assert upkeep.seal(NOW_S) == 1
    monkeypatch.undo()
    assert len(made) == 10
    # Much of a step is in no file before its transaction ends: what lies there is the same as before it.
    distinct = [copy for copy, before in zip(made, [None, *made], strict=False) if not same(copy, before)]
    assert len(distinct) > 4
    for copy in distinct:
        with opened(copy) as archive:
            check_whole(archive, given)
            Upkeep(archive).tidy(NOW_S)
            check_whole(archive, given)
            assert archive.read("SELECT count(*) FROM generation").rows == [(0,)]
            assert len(day_files(copy)) == 1


def test_a_step_that_fails_is_done_another_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with opened(tmp_path) as archive:
        archive.append(encoded(GIVEN))
        upkeep = Upkeep(archive)
        with monkeypatch.context() as patch:
            patch.setattr(sealing, "settle", full)
            with pytest.raises(Faulted, match="No space left"):
                upkeep.tidy(NOW_S)
        check_whole(archive)
        upkeep.tidy(NOW_S)
        check_whole(archive)
        assert day_files(tmp_path) == sorted((tmp_path / FOLDER).glob("d=*/records.parquet"))


def test_only_days_that_are_over_for_long_enough_are_sealed(tmp_path: Path) -> None:
    with opened(tmp_path, hot_days=2) as archive:
        archive.append(encoded(GIVEN))
        Upkeep(archive).tidy(NOW_S)
        oldest = archive.read("SELECT min(created_ns) FROM generation").rows[0][0] // 10**9
        assert oldest >= SEALED_BEFORE_S
        days = {record.created_ns // 10**9 // DAY_S * DAY_S for record in GIVEN}
        assert [day.day_s for day in archive.state.days] == sorted(day for day in days if day < SEALED_BEFORE_S)
        check_whole(archive)


def test_what_comes_late_joins_its_day_once(tmp_path: Path) -> None:
    # The first day, which is sealed, and the last one, which is not.
    first_day, last_day = (GIVEN[number].created_ns // (DAY_S * 10**9) for number in (0, -1))
    given = [record for record in GIVEN if record.created_ns // (DAY_S * 10**9) in (first_day, last_day)]
    with opened(tmp_path) as archive:
        upkeep = Upkeep(archive)
        archive.append(encoded(given[::2]))
        upkeep.tidy(NOW_S)
        for _ in range(2):  # the second time all of them are doubles, of sealed ones as well
            archive.append(encoded(given))
            check_whole(archive, given)
            Upkeep(archive).tidy(NOW_S)
            check_whole(archive, given)
        assert len(day_files(tmp_path)) == 1
        assert len({path.parent for path in day_files(tmp_path)}) == len(day_files(tmp_path))


def test_days_that_are_too_old_are_deleted_and_what_they_added_up_to_stays(tmp_path: Path) -> None:
    with opened(tmp_path, keep_days=3) as archive:
        archive.append(encoded(GIVEN))
        upkeep = Upkeep(archive)
        upkeep.tidy(NOW_S)
        kept_s = NOW_S // DAY_S * DAY_S - 3 * DAY_S
        kept = [record for record in GIVEN if record.created_ns // 10**9 >= kept_s]
        assert archive.read("SELECT count(*) FROM record").rows == [(len(kept),)]
        assert archive.find(GIVEN[0].id) is None
        for _ in range(2):
            assert archive.read("SELECT sum(requests)::BIGINT FROM usage_day").rows == [(len(GIVEN),)]
            assert archive.read("SELECT sum(requests)::BIGINT FROM person_month").rows == [(len(GIVEN),)]
            assert archive.totals([]) == (len(GIVEN), 0, sum(record.cost_nano for record in GIVEN))
            upkeep.rebuild(NOW_S)
    assert all(path.parent.name >= "d=2026-11-19" for path in day_files(tmp_path))


def test_a_lost_database_is_made_anew_from_the_day_files(tmp_path: Path) -> None:
    with opened(tmp_path, hot_days=0) as archive:
        archive.append(encoded(GIVEN))
        Upkeep(archive).tidy(NOW_S)
        hot = {row[0] for row in archive.read("SELECT id FROM generation").rows}
    (tmp_path / FILE).unlink()
    with opened(tmp_path) as archive:
        left = [record for record in GIVEN if record.id not in hot]
        check_whole(archive, left)
        Upkeep(archive).tidy(NOW_S)
        check_whole(archive, left)
        archive.append(encoded(GIVEN))
        check_whole(archive)


@pytest.mark.parametrize("nth", [0, -1])
def test_a_day_file_that_was_cut_short_costs_its_own_records_only(
    tmp_path: Path, nth: int, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path, hot_days=0) as archive:
        archive.append(encoded(GIVEN))
        Upkeep(archive).tidy(NOW_S)
        count = archive.read("SELECT count(*) FROM record").rows[0][0]
        file = archive.folder / str([day.file for day in archive.state.days][nth])
        ((lost,),) = archive.read(f"SELECT count(*) FROM read_parquet('{file}')").rows
    with file.open("r+b") as end:
        end.truncate(file.stat().st_size // 2)
    with opened(tmp_path) as archive:
        assert archive.read("SELECT count(*) FROM record").rows == [(count - lost,)]
        assert str(file) in caplog.text
        Upkeep(archive).rebuild(NOW_S)
        assert archive.read("SELECT sum(requests)::BIGINT FROM usage_day").rows == [(count,)], "sums are kept"
    (tmp_path / FILE).unlink()
    with opened(tmp_path) as archive:
        ((left,),) = archive.read("SELECT count(*) FROM record").rows
        assert 0 < left < count
    assert file.exists(), "it may be mended"


def test_made_up_records_are_left_out_of_the_books(tmp_path: Path) -> None:
    made_up = [msgspec.structs.replace(record, usage_source="generated") for record in GIVEN[:20]]
    cost = sum(record.cost_nano for record in GIVEN[20:])
    with opened(tmp_path) as archive:
        archive.append(encoded([*made_up, *GIVEN[20:]]))
        assert archive.totals([]) == (len(GIVEN) - 20, 0, cost)
        Upkeep(archive).tidy(NOW_S)
        assert archive.totals([]) == (len(GIVEN) - 20, 0, cost)
        # One that still waits in the outbox, whose day is sealed, is not counted either.
        waiting = next(record for record in GIVEN[20:] if record.cost_nano)
        assert archive.totals([waiting.id]) == (len(GIVEN) - 21, 0, cost - waiting.cost_nano)
        counted = sum(row[2] for row in archive.spent_by_task(0))
        assert counted == sum(bool(record.task_tag and record.endpoint_id) for record in GIVEN[20:])


def test_what_comes_late_right_before_its_day_is_deleted_takes_no_sums_along(tmp_path: Path) -> None:
    late = GIVEN[1]
    with opened(tmp_path, keep_days=3) as archive:
        upkeep = Upkeep(archive)
        archive.append(encoded([record for record in GIVEN if record is not late]))
        upkeep.fold(NOW_S)
        upkeep.seal(NOW_S)
        archive.append(encoded([late]))
        assert upkeep.drop(NOW_S) == 0
        upkeep.fold(NOW_S)
        assert upkeep.drop(NOW_S) > 0
        upkeep.fold(NOW_S)
        assert archive.read("SELECT sum(requests)::BIGINT FROM usage_day").rows == [(len(GIVEN),)]
        assert archive.totals([])[0] == len(GIVEN)


def test_days_that_are_too_old_are_deleted_also_where_sealing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError("No space left on device")

    with opened(tmp_path, keep_days=3) as archive:
        archive.append(encoded(GIVEN))
        monkeypatch.setattr(sealing, "write", full)
        with pytest.raises(Faulted, match="No space left"):
            Upkeep(archive).tidy(NOW_S)
        ((oldest_s,),) = archive.read("SELECT min(created_ns) // 1000000000 FROM record").rows
        assert oldest_s >= NOW_S // DAY_S * DAY_S - 3 * DAY_S
        assert archive.read("SELECT sum(requests)::BIGINT FROM usage_day").rows == [(len(GIVEN),)]
