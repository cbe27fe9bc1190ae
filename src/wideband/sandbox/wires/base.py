"""What the sandbox needs of a protocol: reading requests, writing answers whole, in frames, and as errors."""

from collections.abc import Callable, Iterator

import msgspec

from wideband.canon.faults import Fault
from wideband.canon.reply import Reply
from wideband.canon.request import Task
from wideband.sandbox.asked import Asked
from wideband.sandbox.prose import CHARS_PER_TOKEN
from wideband.sandbox.sealing import Sealing

# Bytes of one or more server-sent events, and how many tokens they carry (0 for what only frames the answer).
Frames = Iterator[tuple[int, bytes]]


class Method(msgspec.Struct, frozen=True):
    """What can be asked of a provider at one path: `read(body)` -> `Asked` (raises `Faulted`).

    `count` writes the answer of a method that only counts the prompt's tokens.
    """

    read: Callable[[bytes], Asked]
    count: Callable[[int], bytes] | None = None


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """One protocol of a simulated provider.

    `method(path)` -> what is asked at a path after the version, its query included, None for nothing (raises
    `Faulted`). `whole(reply, asked)` -> body. `frames(reply, asked, step)` -> events that carry at most `step` tokens
    each, after one of none that opens the stream. `error(status, message, fault)` -> body, `fault` None when the
    failure is only played; `error_event(message)` -> the same inside a stream. `task` is what its models do.
    """

    task: Task = "generate"
    method: Callable[[str], Method | None]
    overloaded_status: int
    whole: Callable[[Reply, Asked], bytes]
    frames: Callable[[Reply, Asked, int], Frames]
    error: Callable[[int, str, Fault | None], bytes]
    error_event: Callable[[str], bytes]
    # None where thinking goes without a seal.
    sealing: Sealing | None = None


def at_paths(methods: dict[str, Method]) -> Callable[[str], Method | None]:
    """Serve each method at a path of its own, whatever the query says."""
    return lambda path: methods.get(path.partition("?")[0])


def slices(text: str, step: int, lead: int) -> Iterator[str]:
    """Cut a text into a first piece of `lead` tokens and others of `step`; an empty text is one empty piece."""
    first = lead * CHARS_PER_TOKEN
    yield text[:first]
    for at in range(first, len(text), step * CHARS_PER_TOKEN):
        yield text[at : at + step * CHARS_PER_TOKEN]
