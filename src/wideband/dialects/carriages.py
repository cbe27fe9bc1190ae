"""How platforms pack somebody else's protocol: the paths, bodies and streams in which it travels there.

A dialect that has no packing on a platform travels as it is.
"""

import base64
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from wideband.canon.faults import invalid
from wideband.canon.request import Loss
from wideband.dialects.base import Draft, Target
from wideband.wire import eventstream, jsons, sse
from wideband.wire.sse import Frame

_VERSION, _BETA = "anthropic-version", "anthropic-beta"

# Features of Anthropic's own API that the platforms know too; a request that names another is refused as a whole.
_BEDROCK_BETAS = frozenset(
    {
        "compact-2026-01-12", "computer-use-2024-10-22", "computer-use-2025-01-24", "computer-use-2025-11-24",
        "context-1m-2025-08-07", "context-management-2025-06-27", "dev-full-thinking-2025-05-14", "effort-2025-11-24",
        "fine-grained-tool-streaming-2025-05-14", "interleaved-thinking-2025-05-14",
        "mid-conversation-tool-changes-2026-07-01", "output-128k-2025-02-19", "token-efficient-tools-2025-02-19",
        "tool-examples-2025-10-29", "tool-search-tool-2025-10-19",
    }
)  # fmt: skip
_VERTEX_BETAS = frozenset(
    {
        "compact-2026-01-12", "computer-use-2025-01-24", "computer-use-2025-11-24", "context-1m-2025-08-07",
        "context-management-2025-06-27", "interleaved-thinking-2025-05-14", "per-turn-control-2026-07-01",
        "tool-search-tool-2025-10-19", "web-search-2025-03-05",
    }
)  # fmt: skip
# Features that the platforms know under a name of their own.
_RENAMED = {"advanced-tool-use-2025-11-20": "tool-search-tool-2025-10-19"}

# What breaks off a stream on Bedrock, in Anthropic's words.
_ERRORS = {
    "accessDeniedException": "permission_error",
    "internalServerException": "api_error",
    "modelStreamErrorException": "api_error",
    "modelTimeoutException": "timeout_error",
    "resourceNotFoundException": "not_found_error",
    "serviceUnavailableException": "overloaded_error",
    "throttlingException": "rate_limit_error",
    "validationException": "invalid_request_error",
}


class Frames(Protocol):
    """Cuts a stream into frames. `feed` raises `TooLargeError` or `BrokenError` for one that is lost."""

    def feed(self, chunk: bytes) -> list[Frame]: ...
    def close(self) -> list[Frame]: ...


def _unchanged(body: bytes) -> bytes:
    return body


class Packing(msgspec.Struct, frozen=True, kw_only=True):
    """How one dialect travels on one platform.

    `address(draft, target, stream)` -> the draft as the platform takes it; its headers hold the caller's too.
    `frames()` cuts the platform's streams into the dialect's frames; `refusal(body)` -> the body of an error answer
    as the dialect has it.
    """

    address: Callable[[Draft, Target, bool], Draft]
    frames: Callable[[], Frames] = sse.Decoder
    refusal: Callable[[bytes], bytes] = _unchanged


class _Chunk(msgspec.Struct, gc=False):
    bytes: str = ""


class _Kind(msgspec.Struct, gc=False):
    type: str | None = None


class _Told(msgspec.Struct):
    message: str | None = None
    Message: str | None = None


_read_chunk, _read_kind, _read_told = jsons.Reader(_Chunk), jsons.Reader(_Kind), jsons.Reader(_Told)


class BedrockFrames:
    """Bedrock's event stream of Anthropic's events."""

    def __init__(self) -> None:
        self._messages = eventstream.Decoder()

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the frames that this chunk completes."""
        frames = (_frame(message) for message in self._messages.feed(chunk))
        return [frame for frame in frames if frame is not None]

    def close(self) -> list[Frame]:
        """Return nothing: a message that has not come whole says nothing."""
        return []


def _frame(message: eventstream.Message) -> Frame | None:
    headers = message.headers
    if headers.get(":message-type", "event") != "event":
        code = headers.get(":exception-type") or headers.get(":error-code") or ""
        return _error_frame(code, headers.get(":error-message") or _said(message.payload))
    if headers.get(":event-type") != "chunk":
        return None
    try:
        data = base64.b64decode(_read_chunk(message.payload).bytes, validate=True)
    except (jsons.DecodeError, ValueError):
        raise eventstream.BrokenError("an event's chunk cannot be read") from None
    try:
        return Frame(data, _read_kind(data).type)
    except jsons.DecodeError:
        # The dialect's decoder says what it thinks of it.
        return Frame(data)


def _error_frame(code: str, message: str | None) -> Frame:
    kind = _ERRORS.get(code[:1].lower() + code[1:], "api_error")
    error = {"type": kind, "message": message or f"The provider broke off: {code or 'it did not say why'}."}
    return Frame(jsons.encode({"type": "error", "error": error}), "error")


def _said(body: bytes) -> str | None:
    """Return the message of an error in Amazon's words."""
    try:
        told = _read_told(body)
    except jsons.DecodeError:
        return None
    return told.message or told.Message


def _bedrock_refusal(body: bytes) -> bytes:
    message = _said(body)
    return body if message is None else jsons.encode({"type": "error", "error": {"message": message}})


def _bedrock_messages(draft: Draft, target: Target, stream: bool) -> Draft:
    betas, losses = _betas(draft, _BEDROCK_BETAS)
    fields = _fields(draft.body)
    fields.pop("stream", None)
    fields["anthropic_version"] = "bedrock-2023-05-31"
    if betas:
        fields["anthropic_beta"] = betas
    verb = "invoke-with-response-stream" if stream else "invoke"
    headers = {name: value for name, value in draft.headers.items() if name not in {_VERSION, _BETA}}
    return Draft(
        path=f"/model/{quote(target.model, safe='')}/{verb}",
        body=_written(fields),
        headers=headers,
        losses=(*draft.losses, *losses),
    )


def _vertex_messages(draft: Draft, target: Target, stream: bool) -> Draft:
    betas, losses = _betas(draft, _VERTEX_BETAS)
    fields = _fields(draft.body)
    fields["anthropic_version"] = "vertex-2023-10-16"
    headers = {name: value for name, value in draft.headers.items() if name not in {_VERSION, _BETA}}
    if betas:
        headers[_BETA] = ",".join(betas)
    verb = "streamRawPredict" if stream else "rawPredict"
    return Draft(
        path=f"/publishers/anthropic/models/{quote(target.model, safe='@')}:{verb}",
        body=_written(fields),
        headers=headers,
        losses=(*draft.losses, *losses),
    )


def _below(path: str) -> Callable[[Draft, Target, bool], Draft]:
    """Make the packing of a dialect that only has its paths below another."""

    def address(draft: Draft, _target: Target, _stream: bool) -> Draft:
        return msgspec.structs.replace(draft, path=path + draft.path)

    return address


def _vertex_gemini(draft: Draft, target: Target, stream: bool) -> Draft:
    """Ask for a class of service in a header: Vertex AI has no field for it."""
    draft = _below("/publishers/google")(draft, target, stream)
    if target.service_tier is None:
        return draft
    fields: dict[str, Any] = dict(jsons.fields(draft.body))
    fields.pop("serviceTier", None)
    headers = {**draft.headers, "x-vertex-ai-llm-shared-request-type": target.service_tier}
    return msgspec.structs.replace(draft, body=_written(fields), headers=headers)


def _vertex_refusal(body: bytes) -> bytes:
    """Take the error out of the list in which Google's streams tell it."""
    try:
        found = jsons.decode(body)
    except jsons.DecodeError:
        return body
    return jsons.encode(found[0]) if isinstance(found, list) and found else body


def _betas(draft: Draft, known: frozenset[str]) -> tuple[list[str], list[Loss]]:
    """Return the beta features to ask the platform for, and the loss of the others."""
    told = [name.strip() for name in draft.headers.get(_BETA, "").split(",")]
    names = dict.fromkeys(_RENAMED.get(name, name) for name in told if name)
    unknown = [name for name in names if name not in known]
    losses = [Loss("beta_feature", ", ".join(unknown))] if unknown else []
    return [name for name in names if name in known], losses


def _fields(body: bytes) -> dict[str, Any]:
    """Return a body's top level without the model, which the path says."""
    fields: dict[str, Any] = dict(jsons.fields(body))
    fields.pop("model", None)
    return fields


def _written(fields: dict[str, Any]) -> bytes:
    try:
        return jsons.encode(fields)
    except jsons.EncodeError as error:
        raise invalid(f"The request cannot be written ({error}); nest it less deeply.") from None


# By carriage, then by dialect.
CARRIAGES: dict[str, dict[str, Packing]] = {
    "bedrock": {
        "anthropic_messages": Packing(address=_bedrock_messages, frames=BedrockFrames, refusal=_bedrock_refusal),
    },
    "vertex": {
        "anthropic_messages": Packing(address=_vertex_messages, refusal=_vertex_refusal),
        "gemini_generate": Packing(address=_vertex_gemini, refusal=_vertex_refusal),
        "openai_chat": Packing(address=_below("/endpoints/openapi"), refusal=_vertex_refusal),
    },
}
