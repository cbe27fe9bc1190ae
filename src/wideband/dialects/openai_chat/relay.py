"""The fast lane: a provider's chunks go to the client as they are, re-addressed; what is odd is said anew.

A plain chunk keeps its bytes, but for `id`, `object`, `created`, `model` and `provider`. A chunk that a strict client
could not read, or whose meaning differs from its events (a provider's own spelling of reasoning or of tool calls), is
replaced by what `StreamEncoder` writes for those events. So is the end, which is why both lanes close alike.
"""

import contextlib
import re
from typing import Annotated, Any, Final

import msgspec

from wideband.canon.events import (
    Counted,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.openai_chat import words
from wideband.dialects.openai_chat.encoder import StreamEncoder, is_reasoning
from wideband.wire import jsons
from wideband.wire.sse import Frame


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str = ""


class _Call(msgspec.Struct, gc=False):
    index: int
    function: _Function
    id: str | None = None


class _Delta(msgspec.Struct, gc=False):
    role: str | None = None
    content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct, gc=False):
    """A choice as strict clients need it: these keys are there and of these types."""

    index: Annotated[int, msgspec.Meta(ge=0)]
    delta: _Delta
    finish_reason: None


class _Rest(msgspec.Struct, gc=False):
    """A chunk from `choices` on; an address standing after them, be it null, is not where it can be exchanged."""

    choices: list[_Choice]
    id: Any = msgspec.UNSET
    object: Any = msgspec.UNSET
    created: Any = msgspec.UNSET
    model: Any = msgspec.UNSET
    provider: Any = msgspec.UNSET
    # Strict clients take no null here.
    system_fingerprint: str = ""

    @property
    def is_addressed(self) -> bool:
        return (self.id, self.object, self.created, self.model, self.provider) != (msgspec.UNSET,) * 5


_read_rest = jsons.Reader(_Rest)

# What most chunks are from `choices` on, as most providers write it: more text of the one answer, and nothing else. All
# but the text is fixed, and the decoder has read the text, so nothing is left to be checked.
_PLAIN: Final = re.compile(
    rb'"choices":\[\{"index":0,"delta":\{"content":"(?:[^"\\\x00-\x1f]|\\.)*+"\},(?:"logprobs":null,)?'
    rb'"finish_reason":null\}\](?:,"usage":null)?(?:,"obfuscation":"\w*")?\}'
)

_CHOICES: Final = b'"choices"'
_ADDRESS: Final = frozenset({"id", "object", "created", "model", "provider", "choices"})
# Not the provider's to say to the client: counts and faults are told at the end, with the money.
_WITHHELD: Final = frozenset({"usage", "x_groq", "error"})
_ENDING: Final = frozenset({Finished, Counted, Failed})


class Relay:
    """Implements `dialects.base.Relay`."""

    def __init__(self, envelope: Envelope) -> None:
        self._encoder = StreamEncoder(envelope)
        self._envelope = envelope
        # The bytes before `choices`, the same in nearly every chunk of a stream, and what stands in their place.
        self._seen = b""
        self._head = b""

    def feed(self, frame: Frame, events: list[Event]) -> bytes:
        data = frame.data
        if self._is_more_text(data, events):
            return self._head + data[len(self._seen) :] + b"\n\n"
        for event in events:
            if type(event) in _ENDING:
                return self._ending(data, events)
        if self._envelope.hides_reasoning and any(map(is_reasoning, events)):
            return self._encoder.feed(events)
        at = data.find(_CHOICES)
        try:
            if data[:at] != self._seen:
                self._learn(data[:at])
            rest = data[at:]
            told = _read_rest(b"{" + rest)
        except jsons.DecodeError:
            return self._encoder.feed(events)
        if told.is_addressed or not _is_one_clean_line(rest) or not self._is_plain(told.choices, events):
            return self._encoder.feed(events)
        for choice in told.choices:
            self._encoder.assume_role(choice.index)
        return self._head + rest + b"\n\n"

    def close(self, closing: Closing) -> bytes:
        return self._encoder.close(closing)

    def _is_more_text(self, data: bytes, events: list[Event]) -> bool:
        return (
            len(events) == 1
            and type(events[0]) is TextDelta
            and self._seen != b""
            and data.startswith(self._seen)
            and self._encoder.said_role(0)
            and _PLAIN.fullmatch(data, len(self._seen)) is not None
        )

    def _learn(self, before: bytes) -> None:
        """Exchange the address in the bytes before `choices`. Raises `DecodeError` when they are no such thing."""
        fields = words.spoken(jsons.decode_as(before + b'"choices":0}', dict[str, Any]))
        del fields["choices"]
        for name in _WITHHELD & fields.keys():
            del fields[name]
        told = self._envelope
        fields |= {
            "id": told.id,
            "object": "chat.completion.chunk",
            "created": told.created_s,
            "model": told.model,
            "provider": told.provider,
        } | told.tier_field
        self._head = b"data: " + jsons.encode(fields)[:-1] + b","
        self._seen = before

    def _ending(self, data: bytes, events: list[Event]) -> bytes:
        """Hold finish and counts back, and keep what else the provider says at the top level for the last chunks."""
        written = self._encoder.feed(events)
        with contextlib.suppress(jsons.DecodeError):
            fields = jsons.fields(data)
            told = {name: jsons.decode(raw) for name, raw in fields.items() if name not in _ADDRESS | _WITHHELD}
            self._encoder.extras |= words.spoken(told)
        return written

    def _is_plain(self, choices: list[_Choice], events: list[Event]) -> bool:
        """Tell whether a strict client would take the chunk for what its events say."""
        calls = thought = False
        for choice in choices:
            if not (choice.delta.role or self._encoder.said_role(choice.index)):
                return False
            calls = calls or choice.delta.tool_calls is not None
            thought = thought or choice.delta.reasoning is not None
        for event in events:
            calls = calls or isinstance(event, ToolOpened | ToolArgs)
            thought = thought or isinstance(event, ReasoningDelta)
        if not choices or (calls and _calls_shown(choices) != _calls_meant(events)):
            return False
        return not thought or _thought_shown(choices) == _thought_meant(events)


def _is_one_clean_line(rest: bytes) -> bool:
    """Tell whether bytes may stand in a `data:` line of a UTF-8 stream."""
    if b"\n" in rest or b"\r" in rest:
        return False
    if rest.isascii():
        return True
    try:
        str(rest, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _calls_shown(choices: list[_Choice]) -> list[Any]:
    shown: list[Any] = []
    for choice in choices:
        for call in choice.delta.tool_calls or ():
            if call.id or call.function.name:
                shown.append((choice.index, call.index, call.id, call.function.name))
            if call.function.arguments:
                shown.append((choice.index, call.index, call.function.arguments))
    return shown


def _calls_meant(events: list[Event]) -> list[Any]:
    meant: list[Any] = []
    for event in events:
        if isinstance(event, ToolOpened):
            meant.append((event.choice, event.index, event.id, event.name))
        elif isinstance(event, ToolArgs):
            meant.append((event.choice, event.index, event.fragment))
    return meant


def _thought_shown(choices: list[_Choice]) -> list[Any]:
    return [(choice.index, choice.delta.reasoning) for choice in choices if choice.delta.reasoning]


def _thought_meant(events: list[Event]) -> list[Any]:
    return [(event.choice, event.text) for event in events if isinstance(event, ReasoningDelta)]
