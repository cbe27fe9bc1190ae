"""What a server's processes know together, and where they keep and share it: health of endpoints, warm caches."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from wideband.routing.health import Health
from wideband.routing.stickiness import Sticky
from wideband.store.board import BoardFile, BoardLink, BoardRelay, Boards
from wideband.tasks import spawn


def boards_of(health: Health, sticky: Sticky) -> Boards:
    """Name the boards of a process; the names are those in the file and on the socket."""
    return {"health": health, "warm": sticky}


@asynccontextmanager
async def kept_boards(boards: Boards, home: Path) -> AsyncIterator[BoardFile]:
    """Bring back what a home's last server knew, and keep what is learned: for the one process that owns the home."""
    file = BoardFile(boards, home / "cache" / "board.bin")
    file.restore()
    keeper = spawn(file.keep(), name="keep the boards")
    try:
        yield file
    finally:
        keeper.cancel()
        file.close()


@asynccontextmanager
async def relayed_boards(home: Path) -> AsyncIterator[None]:
    """Let workers share their boards while this lasts: the parent has boards of its own only to know what they do."""
    boards = boards_of(Health(), Sticky())
    async with kept_boards(boards, home) as file:
        relay = BoardRelay(boards, board_socket(home), file.changed)
        await relay.start()
        try:
            yield
        finally:
            await relay.close()


@asynccontextmanager
async def linked_boards(boards: Boards, home: Path) -> AsyncIterator[None]:
    """Share a worker's boards with the other workers while this lasts."""
    link = BoardLink(boards, board_socket(home))
    teller = spawn(link.run(), name="share the boards")
    try:
        yield
    finally:
        teller.cancel()
        link.close()


def board_socket(home: Path) -> Path:
    """Return where workers meet."""
    return home / "run" / "board.sock"
