"""Kept contents made readable: the bytes of a request and its answer, of any dialect, as messages and a reply."""

from typing import Any

import msgspec

from wideband.canon.faults import Faulted
from wideband.canon.reply import Reply, fold
from wideband.canon.request import Reasoning, Refusal, Request, Text, ToolCall
from wideband.dialects.base import Called, Dialect, Target
from wideband.dialects.registry import DIALECTS
from wideband.metering.record import Generation
from wideband.store.contents import Content
from wideband.wire import jsons, sse

_CHAT = DIALECTS["openai_chat"]


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """What was said. None where the bytes were cut off, or are nothing that can be read."""

    request: Request | None
    reply: Reply | None

    @property
    def completion(self) -> str | None:
        """The words of the answer's first choice."""
        return self._text((Text, Refusal))

    @property
    def reasoning(self) -> str | None:
        """The thinking before it, as far as it was shown."""
        return self._text((Reasoning,))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """What the first choice calls."""
        parts = self.reply.choices[0].parts if self.reply and self.reply.choices else ()
        return tuple(part for part in parts if isinstance(part, ToolCall))

    def _text(self, kinds: tuple[type, ...]) -> str | None:
        if self.reply is None or not self.reply.choices:
            return None
        texts = [getattr(part, "text", "") for part in self.reply.choices[0].parts if isinstance(part, kinds)]
        return "".join(texts) if texts else None


def transcript(record: Generation, content: Content) -> Transcript:
    """Read what was kept of a request."""
    dialect = DIALECTS[record.dialect_in]
    return Transcript(request=_request(dialect, record, content.request), reply=_reply(dialect, record, content.answer))


def chat_messages(request: Request) -> list[dict[str, Any]]:
    """Return the messages of a request of any dialect as chat completions write them."""
    draft = _CHAT.encode_request(request, Target(model=request.model, provider=""))
    messages: list[dict[str, Any]] = jsons.decode(draft.body).get("messages", [])
    return messages


def input_object(record: Generation, content: Content) -> dict[str, Any]:
    """Return what was asked, as OpenRouter tells it: `messages` as they were sent, else a `prompt` or our messages."""
    try:
        body = jsons.decode(content.request)
    except jsons.DecodeError:
        return {"prompt": content.request.decode("utf-8", "replace")}
    if isinstance(body, dict):
        for name in ("messages", "prompt"):
            if name in body:
                return {name: body[name]}
    request = _request(DIALECTS[record.dialect_in], record, content.request)
    if request is None or request.task != "generate":
        return {"prompt": content.request.decode("utf-8", "replace")}
    return {"messages": chat_messages(request)}


def _request(dialect: Dialect, record: Generation, body: bytes) -> Request | None:
    try:
        return dialect.decode_request(_absorbed(dialect, record, body))
    except Faulted:
        return None


def _absorbed(dialect: Dialect, record: Generation, body: bytes) -> bytes:
    """Return a body with what its URL said, which the record remembers."""
    if dialect.absorb is None:
        return body
    path = next((path for path in dialect.paths if ("stream" in path.lower()) == record.streamed), dialect.paths[0])
    return dialect.absorb(Called(path=path, model=record.requested_model), body)


def _reply(dialect: Dialect, record: Generation, answer: bytes) -> Reply | None:
    if not answer or (record.fault is not None and not record.streamed):
        return None
    if not record.streamed:
        try:
            return dialect.decode_reply(answer)
        except Faulted:
            return None
    frames = _frames(answer)
    if not frames:
        return None
    decoder = dialect.stream_decoder()
    events = [event for frame in frames for event in decoder.feed(frame)]
    reply = fold([*events, *decoder.close()])
    return reply if reply.choices else None


def _frames(answer: bytes) -> list[sse.Frame]:
    """Cut a stream into frames: server-sent events, or the members of an array."""
    if answer.lstrip()[:1] == b"[":
        try:
            return [sse.Frame(bytes(one)) for one in jsons.decode_as(answer, list[jsons.Raw])]
        except jsons.DecodeError:
            return []
    decoder = sse.Decoder(max(sse.MAX_EVENT_BYTES, len(answer)))
    return [*decoder.feed(answer), *decoder.close()]
