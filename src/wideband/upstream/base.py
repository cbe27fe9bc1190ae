"""The one protocol behind which the HTTP client sits, so that it can be exchanged."""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One POST to a provider. `first_byte_s` bounds the wait for response headers."""

    url: str
    body: bytes
    headers: dict[str, str]
    connect_s: float
    first_byte_s: float

    def __repr__(self) -> str:
        """Show neither the key nor the prompt."""
        return f"Call({self.url!r})"


class Answer(Protocol):
    """A provider's response while it comes in."""

    status: int
    headers: Mapping[str, str]

    async def chunk(self) -> bytes:
        """Return the next bytes, as they come; b"" at the proper end.

        Raises `Faulted` (provider_cut, provider_unreachable, provider_garbled) when the body breaks off or cannot
        be framed.
        """
        ...

    async def read(self, limit: int) -> bytes:
        """Return the rest of the body. Raises as `chunk` does, and provider_garbled past `limit` bytes."""
        ...

    def release(self) -> None:
        """Give the connection up: kept alive if the body was read to its end, closed at once if not. Idempotent."""
        ...


class Upstream(Protocol):
    """Something that can be asked: HTTP, or a script in tests."""

    async def send(self, call: Call) -> Answer:
        """Send a call and wait for the response headers.

        Raises `Faulted`: provider_unreachable when no connection could be made or it was lost before headers,
        provider_timeout when headers did not come in time. Cancelling closes the connection at once.
        """
        ...

    async def close(self) -> None: ...
