"""Boards of several processes: what one learns all know, what all know outlives them, and nothing of it can break."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import pytest

from wideband.store import board as boards_module
from wideband.store.board import BoardFile, BoardLink, BoardRelay
from wideband.store.lines import Line
from wideband.tasks import spawn

SOON_S = 5.0


class Tally:
    """The least that a board can be: how often each word was counted, by everybody."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._fresh: dict[str, int] = {}

    def count(self, word: str) -> None:
        self._fresh[word] = self._fresh.get(word, 0) + 1
        self._add({word: 1})

    def take_delta(self) -> bytes | None:
        fresh, self._fresh = self._fresh, {}
        return msgspec.msgpack.encode(fresh) if fresh else None

    def merge(self, delta: bytes, now_ns: int) -> None:
        assert now_ns > 0
        self._add(msgspec.msgpack.decode(delta, type=dict[str, int]))

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode(self.counts)

    def restore(self, data: bytes, now_ns: int) -> None:
        self.merge(data, now_ns)

    def _add(self, counts: dict[str, int]) -> None:
        for word, count in counts.items():
            self.counts[word] = self.counts.get(word, 0) + count


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards_module, "TELL_EVERY_S", 0.01)
    monkeypatch.setattr(boards_module, "RECONNECT_S", 0.01)
    monkeypatch.setattr(boards_module, "KEEP_EVERY_S", 0.01)
    monkeypatch.setattr(boards_module, "MOST_TIME", 0.5)
    monkeypatch.setattr(boards_module, "LAST_WORDS_S", 0.1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "board.sock"


class Parent:
    """The parent's boards, and how often they changed."""

    def __init__(self, path: Path) -> None:
        self.tally = Tally()
        self.changes = 0
        self.relay = BoardRelay({"tally": self.tally}, path, self._change)

    def _change(self) -> None:
        self.changes += 1


@pytest.fixture
async def parent(path: Path) -> AsyncIterator[Parent]:
    made = Parent(path)
    await made.relay.start()
    yield made
    await made.relay.close()


@asynccontextmanager
async def worker(path: Path) -> AsyncIterator[Tally]:
    """A worker that tells and hears until it goes."""
    tally = Tally()
    link = BoardLink({"tally": tally}, path)
    task = spawn(link.run(), name="link")
    try:
        yield tally
    finally:
        task.cancel()
        link.close()
        await asyncio.sleep(0.01)


async def until(tally: Tally, counts: dict[str, int]) -> None:
    async with asyncio.timeout(SOON_S):
        while tally.counts != counts:
            await asyncio.sleep(0.005)


async def test_what_one_worker_learns_the_parent_and_the_others_know(parent: Parent, path: Path) -> None:
    async with worker(path) as one, worker(path) as two, worker(path) as three:
        one.count("a")
        for known in (parent.tally, two, three):
            await until(known, {"a": 1})
        two.count("a")
        two.count("b")
        for known in (parent.tally, one, two, three):
            await until(known, {"a": 2, "b": 1})
    assert parent.changes == 2


async def test_a_worker_that_joins_late_is_told_everything(parent: Parent, path: Path) -> None:
    async with worker(path) as one:
        one.count("a")
        await until(parent.tally, {"a": 1})
        async with worker(path) as late:
            await until(late, {"a": 1})
            late.count("b")
            await until(one, {"a": 1, "b": 1})


async def test_nothing_is_sent_while_nothing_is_learned(parent: Parent, path: Path) -> None:
    async with worker(path) as one, worker(path) as two:
        one.count("a")
        await until(two, {"a": 1})
        await asyncio.sleep(0.05)
    assert parent.changes == 1


async def test_the_last_words_of_a_worker_are_heard(parent: Parent, path: Path) -> None:
    async with worker(path) as one:
        one.count("a")
        await until(parent.tally, {"a": 1})
        one.count("b")
    await parent.relay.close()
    assert parent.tally.counts == {"a": 1, "b": 1}


async def test_a_worker_alone_goes_on_says_so_once_and_catches_up(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wideband.store")
    async with worker(path) as one:
        one.count("a")
        await asyncio.sleep(0.1)
        assert one.counts == {"a": 1}
        assert len([line for line in caplog.messages if "no board" in line]) == 1
        parent = Parent(path)
        parent.tally.count("earlier")
        await parent.relay.start()
        await until(parent.tally, {"earlier": 1, "a": 1})
        await until(one, {"earlier": 1, "a": 1})
        await parent.relay.close()
    assert len([line for line in caplog.messages if "again" in line]) == 1


async def test_a_worker_comes_back_to_a_parent_that_was_away(parent: Parent, path: Path) -> None:
    async with worker(path) as one:
        one.count("a")
        await until(parent.tally, {"a": 1})
        await parent.relay.close()
        one.count("b")
        again = Parent(path)
        again.tally.restore(parent.tally.snapshot(), 1)
        await again.relay.start()
        for known in (again.tally, one):
            await until(known, {"a": 1, "b": 1})
        await again.relay.close()


@pytest.mark.parametrize(
    "frame", [b"", b"\xc1", msgspec.msgpack.encode(["nobody", b""]), msgspec.msgpack.encode(["tally", b"\xc1"])]
)
async def test_a_frame_that_cannot_be_read_is_left_out(parent: Parent, path: Path, frame: bytes) -> None:
    loop = asyncio.get_running_loop()
    async with worker(path) as one:
        _, line = await loop.create_unix_connection(Listener, str(path))
        line.send(frame)
        line.send(msgspec.msgpack.encode(["tally", msgspec.msgpack.encode({"a": 1}), False]))
        await until(one, {"a": 1})
        line.hang_up()
    assert parent.changes == 1


async def test_a_worker_that_takes_nothing_is_hung_up_on(
    parent: Parent, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards_module, "MOST_BACKLOG_BYTES", 100_000)
    stuck = await asyncio.get_running_loop().create_unix_connection(Listener, str(path))
    stuck[0].pause_reading()
    async with worker(path) as one:
        for number in range(200):
            one.count(f"{number} " + "x" * 20_000)
            await asyncio.sleep(0)
        await until(parent.tally, one.counts)
        stuck[0].resume_reading()
        async with asyncio.timeout(SOON_S):
            await stuck[1].gone.wait()


class Listener(Line):
    """A line that keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = asyncio.Event()

    def frame(self, data: bytes) -> None:
        pass

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.gone.set()


def test_only_this_user_can_join(tmp_path: Path) -> None:
    async def look() -> int:
        made = Parent(tmp_path / "board.sock")
        await made.relay.start()
        mode = (tmp_path / "board.sock").stat().st_mode & 0o777
        await made.relay.close()
        return mode

    assert asyncio.run(look()) == 0o600
    assert not (tmp_path / "board.sock").exists()


# The file.


@contextmanager
def kept(tally: Tally, path: Path) -> Iterator[BoardFile]:
    """A process that brings a board back at its start and keeps it at its end."""
    file = BoardFile({"tally": tally}, path)
    file.restore()
    yield file
    file.close()


def test_a_board_outlives_its_process(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "board.bin"
    first, second = Tally(), Tally()
    with kept(first, path):
        first.count("a")
    with kept(second, path):
        assert second.counts == {"a": 1}
    assert [one.name for one in path.parent.iterdir()] == ["board.bin"]


async def test_a_board_that_changed_is_written_while_the_process_runs(tmp_path: Path) -> None:
    path = tmp_path / "board.bin"
    tally = Tally()
    file = BoardFile({"tally": tally}, path)
    task = spawn(file.keep(), name="keep")
    await asyncio.sleep(0.05)
    assert not path.exists(), "nothing was learned"
    tally.count("a")
    for told in ("by its own", "by another's"):
        async with asyncio.timeout(SOON_S):
            while not path.exists():
                await asyncio.sleep(0.005)
        path.unlink()
        await asyncio.sleep(0.05)
        assert not path.exists(), f"what changed it {told} is written once"
        file.changed()
    task.cancel()


async def test_a_board_that_takes_long_to_put_into_bytes_is_written_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards_module, "MOST_TIME", 0.1)
    tally = Tally()
    calls = 0

    def snapshot() -> bytes:
        nonlocal calls
        calls += 1
        time.sleep(0.01)
        return b"\x80"

    monkeypatch.setattr(tally, "snapshot", snapshot)
    file = BoardFile({"tally": tally}, tmp_path / "board.bin")
    task = spawn(file.keep(), name="keep")
    for _ in range(20):
        file.changed()
        await asyncio.sleep(0.01)
    task.cancel()
    assert 1 <= calls <= 3, "a tenth of a fifth of a second, by a hundredth"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xc1 no board",
        msgspec.msgpack.encode({"version": 1, "boards": {"tally": b"\xc1"}}),
        msgspec.msgpack.encode({"version": 1, "boards": "tally"}),
    ],
)
def test_a_broken_file_is_said_once_and_written_anew(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "board.bin"
    path.write_bytes(content)
    tally = Tally()
    with kept(tally, path):
        assert tally.counts == {}
        tally.count("a")
    assert len(caplog.messages) == 1
    with kept(Tally(), path) as file:
        file.changed()
    assert len(caplog.messages) == 1


def test_the_file_of_another_version_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "board.bin"
    tally = Tally()
    tally.count("a")
    path.write_bytes(msgspec.msgpack.encode({"version": 99, "boards": {"tally": tally.snapshot()}}))
    with kept(other := Tally(), path):
        assert other.counts == {}
    assert not caplog.messages


def test_a_disk_that_takes_nothing_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "cache").write_text("in the way")
    tally = Tally()
    with kept(tally, tmp_path / "cache" / "board.bin") as file:
        caplog.clear()
        for _ in range(3):
            tally.count("a")
            file.close()
    assert len(caplog.messages) == 1
