"""What the processes of one server know together: each tells the others what it learned, and a file keeps it all.

A board is advice. When it cannot be shared or kept, requests are served as well as one process knows.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from wideband.clock import monotonic_ns, now_ns
from wideband.store.files import write_whole
from wideband.store.lines import Line, bind_at

TELL_EVERY_S = 0.3
KEEP_EVERY_S = 10.0
# Requests wait while the boards are put into bytes: for at most this part of the time.
MOST_TIME = 0.001
RECONNECT_S = 1.0
# A worker that takes nothing for so long that this much waits for it is hung up on; it gets the whole when it is back.
MOST_BACKLOG_BYTES = 4 * 1024 * 1024
LAST_WORDS_S = 1.0
VERSION = 1

log = logging.getLogger("wideband.store")


class Shared(Protocol):
    """A board of one process.

    `take_delta` returns what this process learned since the last call, None when that is nothing; what was merged is
    not among it. `merge` adds another's delta, `snapshot` returns all there is and `restore` adds that of another.
    Both raise `ValueError` for what they cannot read, and then add nothing.
    """

    def take_delta(self) -> bytes | None: ...
    def merge(self, delta: bytes, now_ns: int) -> None: ...
    def snapshot(self) -> bytes: ...
    def restore(self, data: bytes, now_ns: int) -> None: ...


Boards = Mapping[str, Shared]


class _Said(msgspec.Struct, frozen=True, array_like=True):
    """A frame: a delta of a board, or the whole of it."""

    board: str
    data: bytes
    is_whole: bool = False


class _Kept(msgspec.Struct, frozen=True):
    """The file: every board whole, by its name."""

    version: int
    boards: dict[str, bytes]


_encode = msgspec.msgpack.Encoder().encode
_said = msgspec.msgpack.Decoder(_Said)
_kept = msgspec.msgpack.Decoder(_Kept)


class BoardRelay:
    """The parent's end: keeps boards of its own, tells every worker what another learned, and a new one everything."""

    def __init__(self, boards: Boards, path: Path, on_change: Callable[[], None]) -> None:
        self._boards = boards
        self._path = path
        self._on_change = on_change
        self._lines: set[_RelayLine] = set()
        self._alone = asyncio.Event()
        self._alone.set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; only this user can connect."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _RelayLine(self), sock=bind_at(self._path))

    async def close(self) -> None:
        """Hear the last words of workers that are going, and stop."""
        if self._server is not None:
            self._server.close()
        await self._until_alone()
        for line in list(self._lines):
            line.hang_up()
        await self._until_alone()
        self._path.unlink(missing_ok=True)

    async def _until_alone(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self._alone.wait()

    def joined(self, line: "_RelayLine") -> None:
        """Tell a worker everything."""
        self._lines.add(line)
        self._alone.clear()
        for name, board in self._boards.items():
            line.send(_encode(_Said(name, board.snapshot(), is_whole=True)))

    def left(self, line: "_RelayLine") -> None:
        """Forget a worker."""
        self._lines.discard(line)
        if not self._lines:
            self._alone.set()

    def heard(self, line: "_RelayLine", frame: bytes) -> None:
        """Take in what a worker learned, and pass it on."""
        said = _read(self._boards, frame)
        if said is None or not _take_in(self._boards[said.board], said):
            return
        self._on_change()
        for other in list(self._lines):
            if other is not line:
                other.send(frame)
                if other.backlog_bytes > MOST_BACKLOG_BYTES:
                    other.drop()


class _RelayLine(Line):
    """The connection of one worker."""

    def __init__(self, relay: BoardRelay) -> None:
        super().__init__()
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._relay.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._relay.left(self)

    def frame(self, data: bytes) -> None:
        self._relay.heard(self, data)


class BoardLink:
    """A worker's end: tells the parent what it learned, several times a second, and hears what the others did."""

    def __init__(self, boards: Boards, path: Path) -> None:
        self._boards = boards
        self._path = path
        self._line: _LinkLine | None = None
        self._begun: set[str] = set()
        self._was_lost = False

    async def run(self) -> None:
        """Stay connected and keep telling, until cancelled."""
        while True:
            if self._line is None or not self._line.is_open:
                await self._connect()
            self.tell()
            await asyncio.sleep(TELL_EVERY_S if self._line is not None else RECONNECT_S)

    def tell(self) -> None:
        """Send what was learned since the last time; it is kept for later while nobody listens."""
        line = self._line
        if line is None or not line.is_open:
            return
        for name, board in self._boards.items():
            if (delta := board.take_delta()) is not None:
                line.send(_encode(_Said(name, delta)))

    def close(self) -> None:
        """Tell the rest and hang up."""
        self.tell()
        if self._line is not None:
            self._line.hang_up()

    async def _connect(self) -> None:
        self._line = None
        loop = asyncio.get_running_loop()
        try:
            _, self._line = await loop.create_unix_connection(
                lambda: _LinkLine(self._boards, self._begun), str(self._path)
            )
        except OSError as error:
            if not self._was_lost:
                log.warning("this worker goes by what it sees itself: no board at `%s`: %s", self._path, error)
            self._was_lost = True
        else:
            if self._was_lost:
                log.info("this worker hears of the others again")
            self._was_lost = False


class _LinkLine(Line):
    """The connection to the parent.

    `begun` are the boards that have had a whole: another would add the same once more, so who comes back only misses
    what was said while it was away.
    """

    def __init__(self, boards: Boards, begun: set[str]) -> None:
        super().__init__()
        self._boards = boards
        self._begun = begun

    def frame(self, data: bytes) -> None:
        said = _read(self._boards, data)
        if said is None or (said.is_whole and said.board in self._begun):
            return
        if said.is_whole:
            self._begun.add(said.board)
        _take_in(self._boards[said.board], said)


def _read(boards: Boards, frame: bytes) -> _Said | None:
    """Return what a frame says, None when it cannot be read or is for no board there is."""
    try:
        said = _said.decode(frame)
    except ValueError as error:
        log.warning("a frame of %d bytes is left out: %s", len(frame), error)
        return None
    return said if said.board in boards else None


def _take_in(board: Shared, said: _Said) -> bool:
    """Take what was said into a board; returns whether it could be read."""
    try:
        if said.is_whole:
            board.restore(said.data, now_ns())
        else:
            board.merge(said.data, now_ns())
    except ValueError as error:
        log.warning("what was said of `%s` is left out: %s", said.board, error)
        return False
    return True


class BoardFile:
    """The boards of a home on its disk: read at the start, written when something changed and at the end."""

    def __init__(self, boards: Boards, path: Path) -> None:
        self._boards = boards
        self._path = path
        self._is_changed = False
        self._is_failing = False

    def changed(self) -> None:
        """Say that the boards hold something new."""
        self._is_changed = True

    def restore(self) -> None:
        """Bring back what was kept, as far as it can be read."""
        try:
            kept = _kept.decode(self._path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            log.warning("`%s` cannot be read: %s; what providers did before is forgotten", self._path, error)
            return
        for name, board in self._boards.items():
            if kept.version != VERSION or name not in kept.boards:
                continue
            try:
                board.restore(kept.boards[name], now_ns())
            except ValueError as error:
                log.warning("`%s` holds no `%s` that can be read: %s", self._path, name, error)

    async def keep(self) -> None:
        """Write now and then, when something changed, until cancelled; no request waits for the disk."""
        pause_s = KEEP_EVERY_S
        while True:
            await asyncio.sleep(pause_s)
            if self._has_news():
                began_ns = monotonic_ns()
                data = self._whole()
                pause_s = max(KEEP_EVERY_S, (monotonic_ns() - began_ns) / 1e9 / MOST_TIME)
                await asyncio.to_thread(self._write, data)

    def close(self) -> None:
        """Write what is not written yet."""
        if self._has_news():
            self._write(self._whole())

    def _has_news(self) -> bool:
        """Say whether something changed since the last call: here, where nobody else takes the deltas, or elsewhere."""
        own = [board.take_delta() for board in self._boards.values()]
        changed, self._is_changed = self._is_changed or any(delta is not None for delta in own), False
        return changed

    def _whole(self) -> bytes:
        return _encode(_Kept(VERSION, {name: board.snapshot() for name, board in self._boards.items()}))

    def _write(self, data: bytes) -> None:
        try:
            write_whole(self._path, data)
        except OSError as error:
            if not self._is_failing:
                log.warning("`%s` cannot be written: %s", self._path, error)
            self._is_failing = True
        else:
            self._is_failing = False
