"""What the sandbox needs of a protocol: reading requests, writing answers whole, in frames, and as errors."""

from collections.abc import Callable, Iterator

import msgspec

from wideband.canon.faults import Fault
from wideband.canon.reply import Reply
from wideband.sandbox.asked import Asked
from wideband.sandbox.prose import CHARS_PER_TOKEN

# Bytes of one or more server-sent events, and how many tokens they carry (0 for what only frames the answer).
Frames = Iterator[tuple[int, bytes]]


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """One protocol of a simulated provider.

    `read(body)` -> `Asked` (raises `Faulted`). `whole(reply, asked)` -> body. `frames(reply, asked, step)` -> events
    that carry at most `step` tokens each. `error(status, message, fault)` -> body, `fault` None when the failure is
    only played; `error_event(message)` -> the same inside a stream.
    """

    path: str
    overloaded_status: int
    read: Callable[[bytes], Asked]
    whole: Callable[[Reply, Asked], bytes]
    frames: Callable[[Reply, Asked, int], Frames]
    error: Callable[[int, str, Fault | None], bytes]
    error_event: Callable[[str], bytes]


def slices(text: str, step: int, lead: int) -> Iterator[str]:
    """Cut a text into a first piece of `lead` tokens and others of `step`; an empty text is one empty piece."""
    first = lead * CHARS_PER_TOKEN
    yield text[:first]
    for at in range(first, len(text), step * CHARS_PER_TOKEN):
        yield text[at : at + step * CHARS_PER_TOKEN]
