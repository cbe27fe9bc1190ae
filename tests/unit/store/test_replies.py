"""The file behind the response cache: what it finds, forgets and survives."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from wideband.store.replies import FILE, REST_NS, Replies

SECOND_NS = 1_000_000_000
MEGABYTE = 1024 * 1024


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_ns = 1_800_000_000 * SECOND_NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def replies(tmp_path: Path, clock: Clock) -> Iterator[Replies]:
    made = Replies(tmp_path, MEGABYTE, clock)
    yield made
    made.close()


def test_an_answer_is_found_under_its_key_with_its_times(replies: Replies, clock: Clock) -> None:
    replies.keep(b"k", b"answer", 300)
    found = replies.find(b"k")
    assert found is not None
    assert (found.answer, found.at_ns, found.expires_ns) == (b"answer", clock.now_ns, clock.now_ns + 300 * SECOND_NS)
    assert replies.find(b"other") is None


def test_an_answer_is_gone_the_moment_it_expires(replies: Replies, clock: Clock) -> None:
    replies.keep(b"k", b"answer", 300)
    clock.now_ns += 300 * SECOND_NS - 1
    assert replies.find(b"k") is not None
    clock.now_ns += 1
    assert replies.find(b"k") is None


def test_expired_answers_leave_the_disk(tmp_path: Path, replies: Replies, clock: Clock) -> None:
    replies.keep(b"k", b"a secret of somebody's", 1)
    clock.now_ns += SECOND_NS
    replies.close()
    reopened = Replies(tmp_path, MEGABYTE, clock)
    assert reopened.find(b"k") is None
    reopened.close()
    assert b"a secret" not in (tmp_path / FILE).read_bytes()


def test_a_newer_answer_takes_the_place_of_an_older_one(replies: Replies) -> None:
    replies.keep(b"k", b"old", 300)
    replies.keep(b"k", b"new", 300)
    found = replies.find(b"k")
    assert found is not None
    assert found.answer == b"new"


def test_a_dropped_answer_is_gone_and_another_is_not(replies: Replies) -> None:
    replies.keep(b"k", b"one", 300)
    replies.keep(b"l", b"two", 300)
    replies.drop(b"k")
    assert replies.find(b"k") is None
    assert replies.find(b"l") is not None


def test_the_oldest_answers_make_room(replies: Replies, clock: Clock, tmp_path: Path) -> None:
    for number in range(60):
        clock.now_ns += 1
        replies.keep(b"%d" % number, bytes(50_000), 300)
    assert replies.find(b"0") is None
    assert replies.find(b"59") is not None
    kept = [number for number in range(60) if replies.find(b"%d" % number)]
    assert kept == list(range(kept[0], 60))
    assert len(kept) * 50_000 <= MEGABYTE
    replies.close()
    assert (tmp_path / FILE).stat().st_size < 3 * MEGABYTE


def test_an_answer_that_would_push_out_most_others_is_not_kept(replies: Replies) -> None:
    replies.keep(b"k", bytes(MEGABYTE // 4), 300)
    assert replies.find(b"k") is None


def test_two_processes_share_their_answers(tmp_path: Path, replies: Replies, clock: Clock) -> None:
    other = Replies(tmp_path, MEGABYTE, clock)
    replies.keep(b"k", b"answer", 300)
    assert other.find(b"k") is not None
    other.keep(b"l", b"another", 300)
    assert replies.find(b"l") is not None
    other.drop(b"k")
    assert replies.find(b"k") is None
    other.close()


def test_the_limit_is_one_for_all_processes(tmp_path: Path, replies: Replies, clock: Clock) -> None:
    other = Replies(tmp_path, MEGABYTE, clock)
    for number in range(60):
        clock.now_ns += 1
        (replies, other)[number % 2].keep(b"%d" % number, bytes(50_000), 300)
    kept = [number for number in range(60) if replies.find(b"%d" % number)]
    assert kept == list(range(kept[0], 60))
    assert MEGABYTE // 2 < len(kept) * 50_000 <= MEGABYTE
    other.close()


def test_only_the_owner_can_read_the_files(tmp_path: Path, replies: Replies) -> None:
    replies.keep(b"k", b"answer", 300)
    folder = (tmp_path / FILE).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_damaged_file_is_said_and_begun_anew(tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_bytes(b"this is no database, whatever its name says" * 100)
    replies = Replies(tmp_path, MEGABYTE, clock)
    with caplog.at_level(logging.WARNING):
        assert replies.find(b"k") is None
    assert "is damaged and begins anew" in caplog.text
    replies.keep(b"k", b"answer", 300)
    assert replies.find(b"k") is not None
    replies.close()


def test_who_had_the_damaged_file_open_goes_over_to_the_new_one(tmp_path: Path, clock: Clock) -> None:
    first, second = Replies(tmp_path, MEGABYTE, clock), Replies(tmp_path, MEGABYTE, clock)
    first.keep(b"k", b"old", 300)
    assert second.find(b"k") is not None
    for path in (tmp_path / FILE).parent.iterdir():
        path.unlink()
    first.keep(b"k", b"new", 300)
    found = second.find(b"k")
    assert found is not None
    assert found.answer == b"new"
    first.close()
    second.close()


def test_a_disk_that_takes_nothing_is_said_once_and_hurts_nobody(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE.parent).write_text("a file where the folder should be")
    replies = Replies(tmp_path, MEGABYTE, clock)
    with caplog.at_level(logging.WARNING):
        replies.keep(b"k", b"answer", 300)
        assert replies.find(b"k") is None
    assert caplog.text.count("cannot be used") == 1
    (tmp_path / FILE.parent).unlink()
    clock.now_ns += REST_NS
    replies.keep(b"k", b"answer", 300)
    assert replies.find(b"k") is not None
    replies.close()


def test_who_finds_the_file_locked_waits_once_and_then_leaves_it_alone(
    tmp_path: Path, replies: Replies, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wideband.store.replies._BUSY_TIMEOUT_MS", 100)
    replies.keep(b"k", b"answer", 300)
    other = apsw.Connection(str(tmp_path / FILE))
    other.execute("BEGIN EXCLUSIVE")
    began_s = time.monotonic()
    for _ in range(20):
        replies.keep(b"k", b"new", 300)
        assert replies.find(b"k") is None
    assert time.monotonic() - began_s < 0.5
    other.execute("ROLLBACK")
    clock.now_ns += REST_NS
    found = replies.find(b"k")
    assert found is not None
    assert found.answer == b"answer"
    other.close()
