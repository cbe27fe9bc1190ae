"""What a caller of models needs of whoever brings the words there and back."""

from collections.abc import AsyncGenerator
from typing import Protocol

from wideband.canon.events import Event
from wideband.canon.reply import Reply
from wideband.canon.request import Request


class ChatClient(Protocol):
    """Somebody who takes a canonical request to a model."""

    async def complete(self, request: Request) -> Reply:
        """Return the whole answer. Raises `Faulted` when there is none."""
        ...

    def stream(self, request: Request) -> AsyncGenerator[Event]:
        """Give the answer's events as they come; one that breaks off ends with `Failed`.

        Raises `Faulted` when it is refused before it begins. Closing the generator cancels the request.
        """
        ...

    async def close(self) -> None: ...
