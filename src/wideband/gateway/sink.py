"""Where an answer goes; the server gives one for each request, tests give a list."""

from collections.abc import Callable
from typing import Protocol


class Sink(Protocol):
    """A client's end of the line. After the client left, sending does nothing."""

    @property
    def started(self) -> bool:
        """Whether an answer has begun."""
        ...

    @property
    def gone(self) -> bool:
        """Whether the client has left."""
        ...

    def on_gone(self, call: Callable[[], None]) -> None:
        """Have `call` called, once, the moment the client leaves before the end."""
        ...

    async def start(self, status: int, headers: dict[str, str]) -> None:
        """Send status and headers of an answer that comes in pieces."""
        ...

    async def send(self, data: bytes) -> None:
        """Send a piece; waits while the client is not reading."""
        ...

    async def end(self, data: bytes = b"") -> None:
        """Send the last piece."""
        ...

    async def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Send a whole answer."""
        ...
