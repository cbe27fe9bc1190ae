"""A streamed answer in no protocol's words.

Order of the events of one answer: `Started` first if at all, then deltas; a tool's `ToolArgs` follow its `ToolOpened`;
`Finished` at most once a choice; `Counted` any number of times (the last wins, field by field); `Failed` ends all.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from wideband.canon.faults import Fault
from wideband.canon.request import Json
from wideband.canon.usage import Usage

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "error"]


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The provider opened the answer; nothing of it has been said yet."""

    id: str | None = None
    model: str | None = None
    created_s: int | None = None
    extras: dict[str, Json] = {}


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """More text."""

    text: str
    choice: int = 0


class ReasoningDelta(msgspec.Struct, frozen=True, gc=False):
    """More thinking; `block` tells one reasoning block from the next."""

    text: str
    choice: int = 0
    block: int = 0
    summary: bool = False
    format: str | None = None


class ReasoningSealed(msgspec.Struct, frozen=True, gc=False):
    """The seal of a reasoning block (`signature`), or a block that is only sealed `data`."""

    signature: str | None = None
    data: str | None = None
    choice: int = 0
    block: int = 0
    format: str | None = None
    id: str | None = None


class RefusalDelta(msgspec.Struct, frozen=True, gc=False):
    """More words of refusal."""

    text: str
    choice: int = 0


class ToolOpened(msgspec.Struct, frozen=True, gc=False):
    """The model begins a tool call; `index` counts the calls of a choice from 0. A `custom` tool gets free text."""

    index: int
    id: str
    name: str
    choice: int = 0
    custom: bool = False


class ToolArgs(msgspec.Struct, frozen=True, gc=False):
    """More of a call's JSON text, byte for byte as the model wrote it."""

    index: int
    fragment: str
    choice: int = 0


class Logprobs(msgspec.Struct, frozen=True, kw_only=True):
    """Log probabilities of tokens just sent, in OpenAI's shape: `{content: [...], refusal: [...]}`."""

    value: Json
    choice: int = 0


class OpaqueDelta(msgspec.Struct, frozen=True, kw_only=True):
    """Something only `dialect` understands; `kind` is a name in the losses table."""

    dialect: str
    kind: str
    raw: Json
    choice: int = 0


class Finished(msgspec.Struct, frozen=True, gc=False):
    """A choice is complete; `native` is the provider's own word for why."""

    reason: FinishReason
    native: str | None = None
    choice: int = 0
    stop_sequence: str | None = None


class Counted(msgspec.Struct, frozen=True):
    """Token counts so far."""

    usage: Usage


class Failed(msgspec.Struct, frozen=True):
    """The answer broke; nothing follows."""

    fault: Fault


Event = (
    Started
    | TextDelta
    | ReasoningDelta
    | ReasoningSealed
    | RefusalDelta
    | ToolOpened
    | ToolArgs
    | Logprobs
    | OpaqueDelta
    | Finished
    | Counted
    | Failed
)

# Events that, once shown to the caller, end invisible failover.
MEANINGFUL: frozenset[type] = frozenset(
    {TextDelta, ReasoningDelta, ReasoningSealed, RefusalDelta, ToolOpened, ToolArgs, Logprobs, OpaqueDelta, Finished}
)


def say_anything(events: Iterable[Event]) -> bool:
    """Tell whether events hold a piece of an answer, and not only how it ended."""
    return any(type(event) in MEANINGFUL and type(event) is not Finished for event in events)
