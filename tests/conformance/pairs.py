"""Every dialect to every other: a case written in one, read from its bytes, written in the other and read again."""

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from tests.conformance.pair_cases import REPLIES, REQUESTS, reply

from wideband.canon.events import Event
from wideband.canon.reply import Reply, unfold
from wideband.canon.request import File, Loss, Opaque, Request, ServerTool
from wideband.canon.usage import Usage
from wideband.dialects.base import Called, Closing, Envelope, Target
from wideband.dialects.losses import LOSSES
from wideband.dialects.registry import DIALECTS
from wideband.gateway.lanes import only_allowed_tools
from wideband.wire import jsons, sse

# The dialects with a column of their own; legacy completions are a narrow door to the first of them.
NAMES = ("openai_chat", "openai_responses", "anthropic_messages", "gemini_generate")
PAIRS = [(source, other) for source in NAMES for other in NAMES]

# The widest endpoint of each dialect: what is lost here, the protocol itself cannot say.
TARGETS = {
    "openai_chat": Target(
        model="m", provider="p", quirks=frozenset({"cache_control", "custom_tools", "openrouter", "prefill"})
    ),
    "openai_responses": Target(model="m", provider="p", reasoning_format="openai-responses-v1"),
    "anthropic_messages": Target(model="m", provider="p", reasoning_format="anthropic-claude-v1"),
    "gemini_generate": Target(model="m", provider="p", reasoning_format="google-gemini-v1"),
}
# A tool that each dialect's providers run themselves.
SERVER_TOOLS = {
    "openai_chat": ServerTool(dialect="openai_chat", type="web_search", raw={"type": "web_search"}),
    "openai_responses": ServerTool(dialect="openai_responses", type="web_search", raw={"type": "web_search"}),
    "anthropic_messages": ServerTool(
        dialect="anthropic_messages",
        type="web_search_20250305",
        raw={"type": "web_search_20250305", "name": "web_search"},
    ),
    "gemini_generate": ServerTool(dialect="gemini_generate", type="googleSearch", raw={"googleSearch": {}}),
}
ENVELOPE = Envelope(
    id="gen-1", model="m", provider="P", created_s=1, include_usage=True, asked={"alt": jsons.Raw(b'"sse"')}
)
USAGE = Usage(prompt_tokens=90, completion_tokens=12, cached_tokens=40, cache_write_tokens=10, reasoning_tokens=5)
CLOSING = Closing(usage=USAGE, cost_nano=1000)

FOLDER = Path(__file__).parent
EXPECTED = FOLDER / "losses.toml"

Carry = Callable[[str, str, str], tuple[Any, Any, set[str]]]
Table = dict[str, dict[str, dict[str, list[str]]]]


def expected() -> dict[str, Table]:
    """Return what is known to get lost: by "requests", "replies" or "streams", source, other and case."""
    return tomllib.loads(EXPECTED.read_text())


def features(found: Iterable[Loss]) -> set[str]:
    names = {loss.feature for loss in found}
    assert names <= LOSSES.keys(), names - LOSSES.keys()
    return names


def of(dialect: str, request: Request) -> Request:
    """Take a case as one of a dialect's own: what is opaque in it is that dialect's."""

    def own(value: Any) -> Any:
        if isinstance(value, ServerTool):
            return SERVER_TOOLS[dialect]
        if isinstance(value, File) and dialect == "gemini_generate":
            # Which names no files, and calls a stored one by its URI.
            return msgspec.structs.replace(
                value, filename=None, extras={}, url=value.url or value.file_id, file_id=None
            )
        return msgspec.structs.replace(value, dialect=dialect) if isinstance(value, Opaque) else value

    messages = (msgspec.structs.replace(message, parts=tuple(map(own, message.parts))) for message in request.messages)
    output = request.output
    if output is not None and dialect == "gemini_generate":
        output = msgspec.structs.replace(output, name=None, strict=None)
    return msgspec.structs.replace(
        request, dialect=dialect, messages=tuple(messages), tools=tuple(map(own, request.tools)), output=output
    )


def arrived(dialect: str, path: str, body: bytes) -> Request:
    """Read a request as the server does that is asked at a path."""
    found = DIALECTS[dialect]
    if found.absorb is not None:
        place, _, query = path.partition("?")
        head, _, verb = place.rpartition(":")
        called = Called(
            path="/models/{model}:" + verb,
            model=head.removeprefix("/models/"),
            query=dict(pair.split("=") for pair in query.split("&") if pair),
        )
        body = found.absorb(called, body)
    return found.decode_request(body)


def passed_on(source: str, other: str, case: str) -> tuple[Request, Request, set[str]]:
    """Return a request as it sets out and as it arrives, and what was lost between."""
    request = only_allowed_tools(of(source, REQUESTS[case]))
    written = DIALECTS[source].encode_request(request, TARGETS[source])
    first = arrived(source, written.path, written.body)
    if source == other:
        return request, first, features(written.losses)
    draft = DIALECTS[other].encode_request(first, TARGETS[other])
    return first, arrived(other, draft.path, draft.body), features(draft.losses)


def answered(source: str, other: str, case: str) -> tuple[Reply, Reply, set[str]]:
    """Return a whole answer as it was given and as it is told, and what was lost between."""
    written, own_losses = DIALECTS[source].encode_reply(reply(case, source), ENVELOPE, CLOSING)
    given = DIALECTS[source].decode_reply(written)
    body, losses = DIALECTS[other].encode_reply(given, ENVELOPE, CLOSING)
    return given, DIALECTS[other].decode_reply(body), features(own_losses if source == other else losses)


def streamed(dialect: str, events: list[Event], closing: Closing = CLOSING) -> tuple[list[Event], set[str]]:
    """Return the events of a stream as a dialect tells them, and what it could not tell."""
    encoder, decoder = DIALECTS[dialect].stream_encoder(ENVELOPE), DIALECTS[dialect].stream_decoder()
    data = b"".join(encoder.feed([event]) for event in events) + encoder.close(closing)
    found = [event for frame in sse.Decoder().feed(data) for event in decoder.feed(frame)]
    return found + decoder.close(), features(encoder.losses)


def retold(source: str, other: str, case: str) -> tuple[list[Event], list[Event], set[str]]:
    """Return a streamed answer's events as they were given and as they are told, and what was lost between."""
    given, own_losses = streamed(source, unfold(reply(case, source)))
    back, losses = streamed(other, given)
    return given, back, own_losses if source == other else losses


def found_losses() -> dict[str, Table]:
    """Return what gets lost now, in the form of `expected`."""
    ways: dict[str, tuple[Carry, Iterable[str]]] = {
        "requests": (passed_on, REQUESTS),
        "replies": (answered, REPLIES),
        "streams": (retold, REPLIES),
    }
    table: dict[str, Table] = {}
    for way, (carry, cases) in ways.items():
        for source, other in PAIRS:
            lost = {case: sorted(carry(source, other, case)[2]) for case in cases}
            table.setdefault(way, {}).setdefault(source, {})[other] = {c: names for c, names in lost.items() if names}
    return table
