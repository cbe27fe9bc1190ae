"""Kept contents: nobody waits for them, they go in their time and on demand, and they are nobody else's business."""

import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from wideband.canon.faults import Faulted
from wideband.clock import now_ns
from wideband.store import contents as module
from wideband.store.contents import FILE, Content, Contents

DAY_NS = 86_400_000_000_000


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def __call__(self) -> int:
        return now_ns() + self.ahead_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(tmp_path: Path, clock: Clock) -> Iterator[Contents]:
    room = Contents(tmp_path, days=7, clock=clock)
    yield room
    room.close()


def content(name: str = "gen-1", at_ns: int | None = None, answer: bytes = b"answer") -> Content:
    return Content(id=name, at_ns=now_ns() if at_ns is None else at_ns, request=b'{"q": 1}', answer=answer)


def test_nothing_is_made_before_there_is_something_to_keep(kept: Contents, tmp_path: Path) -> None:
    kept.start()
    assert kept.find("gen-1") is None
    assert kept.drop("gen-1") is False
    assert not (tmp_path / FILE).exists()


def test_what_was_put_is_found_at_once_and_after_a_restart(kept: Contents, tmp_path: Path) -> None:
    one = content()
    kept.put(one)
    assert kept.find("gen-1") == one
    kept.close()
    again = Contents(tmp_path, days=7)
    assert again.find("gen-1") == one
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    again.close()


def test_content_is_not_shown_after_its_days_and_leaves_the_file(kept: Contents, clock: Clock, tmp_path: Path) -> None:
    kept.put(content("gen-old"))
    kept.flush()
    clock.ahead_ns = 7 * DAY_NS + 1_000_000_000
    assert kept.find("gen-old") is None
    kept.put(content("gen-new", clock()))
    kept.close()
    rows = apsw.Connection(str(tmp_path / FILE)).execute("SELECT id FROM content").fetchall()
    assert rows == [("gen-new",)]


def test_what_is_dropped_is_gone_though_it_still_waited_to_be_written(kept: Contents, tmp_path: Path) -> None:
    kept.put(content(answer=b"a secret that must not stay"))
    assert kept.drop("gen-1") is True
    assert kept.find("gen-1") is None
    kept.close()
    again = Contents(tmp_path, days=7)
    assert again.find("gen-1") is None
    again.close()


def test_all_before_an_instant_is_dropped_and_counted(kept: Contents) -> None:
    now = now_ns()
    for at, name in enumerate(("gen-a", "gen-b", "gen-c")):
        kept.put(content(name, now - (3 - at) * 1_000_000_000))
    assert kept.drop_before(now - 1_500_000_000) == 2
    assert [name for name in ("gen-a", "gen-b", "gen-c") if kept.find(name)] == ["gen-c"]


def test_when_too_much_waits_contents_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "QUEUE_ROWS", 3)
    monkeypatch.setattr(Contents, "start", lambda _room: None)
    room = Contents(tmp_path, days=7)
    for number in range(5):
        room.put(content(f"gen-{number}"))
    assert room.dropped == 2
    room._tidy()
    assert "2 contents were dropped" in caplog.text
    assert room.find("gen-2") is not None
    assert room.find("gen-3") is None
    room.close()


def test_a_file_that_cannot_be_used_costs_contents_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database, and is long enough to be taken for one" * 100)
    room = Contents(tmp_path, days=7)
    room.put(content())
    room.close()
    assert room.dropped == 1
    assert "contents are not kept" in caplog.text
    with pytest.raises(Faulted, match="cannot be used"):
        room.find("gen-1")


def test_what_was_forgotten_is_in_no_file_any_more_while_a_server_has_them_open(kept: Contents, tmp_path: Path) -> None:
    words = random.Random(1).randbytes(2000)
    written = zlib.compress(words, 1)[100:500]
    kept.put(content(answer=words))
    kept.flush()
    assert any(written in path.read_bytes() for path in tmp_path.iterdir())
    beside = Contents(tmp_path, days=7)
    assert beside.drop("gen-1")
    beside.close()
    assert not any(written in path.read_bytes() for path in tmp_path.iterdir())
