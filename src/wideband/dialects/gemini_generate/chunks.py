"""A chunk of a Gemini answer as it stands on the wire; a whole answer is one chunk."""

from typing import Any

import msgspec

from wideband.canon.events import OpaqueDelta
from wideband.canon.faults import Fault, FaultKind
from wideband.dialects.excerpts import excerpt, masked
from wideband.dialects.gemini_generate import words
from wideband.dialects.google_upstream_faults import WireError
from wideband.wire import jsons

# Endings that are no answer, where they mean anything but that the model went astray.
_ENDINGS: dict[str, FaultKind] = {"MISSING_THOUGHT_SIGNATURE": FaultKind.PROVIDER_REJECTED}
_MEDIA = frozenset({"inlineData", "fileData"})
# Fields of a part that are read one by one.
_READ = frozenset({"functionCall", "text", "thought", "thoughtSignature"})


class WireCall(msgspec.Struct, gc=False):
    """A call of a function; the arguments stay the bytes they were."""

    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = msgspec.Raw()


class WirePart(msgspec.Struct, gc=False, rename="camel"):
    """The parts that this vocabulary has words for; one that says nothing here is of another kind."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: WireCall | None = None


class _Content(msgspec.Struct):
    parts: list[WirePart] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    """One of the answers."""

    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None
    logprobs_result: Any = None
    citation_metadata: Any = None
    grounding_metadata: Any = None
    url_context_metadata: Any = None

    @property
    def says_more(self) -> bool:
        """Whether there is anything beside the content."""
        return bool(self.citation_metadata or self.grounding_metadata or self.url_context_metadata)

    def parts(self) -> list[WirePart]:
        return (self.content.parts if self.content is not None else None) or []


class PromptFeedback(msgspec.Struct, rename="camel"):
    """Why a prompt was not answered."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class Chunk(msgspec.Struct, rename="camel"):
    """One frame of a stream, or a whole answer."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: msgspec.Raw = msgspec.Raw()
    model_version: str | None = None
    response_id: str | None = None
    error: WireError | None = None


read_chunk = jsons.Reader(Chunk)


def ending_fault(candidate: Candidate) -> Fault | None:
    """Return the fault of an answer that ended without being one, such as a call that cannot be read."""
    native = candidate.finish_reason or ""
    if words.FINISH.get(native) != "error":
        return None
    said = candidate.finish_message
    return Fault(
        kind=_ENDINGS.get(native, FaultKind.PROVIDER_ERROR),
        message=masked(said) if said else f"The model broke off its answer ({native}).",
        provider_code=native,
    )


def block_fault(feedback: PromptFeedback, raw: bytes) -> Fault:
    """Return the fault of a prompt that was refused."""
    said, reason = feedback.block_reason_message, feedback.block_reason or "OTHER"
    return Fault(
        kind=FaultKind.CONTENT_POLICY,
        message=masked(said) if said else f"The provider refused the prompt ({reason}).",
        provider_code=reason,
        raw=excerpt(raw),
        details={"reasons": [reason]},
    )


def other_part(data: bytes, candidate: int, at: int, *, choice: int) -> OpaqueDelta | None:
    """Return a part of a kind of its own: the one at a place of a chunk, without its seal; None if it is empty."""
    part = jsons.decode(data)["candidates"][candidate]["content"]["parts"][at]
    part.pop("thoughtSignature", None)
    kinds = [name for name, value in part.items() if name not in _READ and value is not None]
    if not kinds:
        return None
    kind = "output_media" if _MEDIA & set(kinds) else words.PART_FEATURES.get(kinds[0], "unknown_block")
    return OpaqueDelta(dialect=words.NAME, kind=kind, raw=part, choice=choice)


def beside(candidate: Candidate, choice: int) -> list[OpaqueDelta]:
    """Return what a candidate says beside its content, each under its own field."""
    found = {
        "citationMetadata": candidate.citation_metadata,
        "groundingMetadata": candidate.grounding_metadata,
        "urlContextMetadata": candidate.url_context_metadata,
    }
    return [
        OpaqueDelta(dialect=words.NAME, kind="grounding", raw={name: value}, choice=choice)
        for name, value in found.items()
        if value
    ]


def openai_logprobs(result: Any) -> dict[str, Any] | None:
    """Say `logprobsResult` in OpenAI's shape; None when there is nothing to say."""
    chosen = _rows(result, "chosenCandidates")
    tops = _rows(result, "topCandidates")
    if not chosen:
        return None
    content = []
    for at, row in enumerate(chosen):
        beside_it = _rows(tops[at], "candidates") if at < len(tops) else []
        content.append({**_token(row), "top_logprobs": [_token(top) for top in beside_it]})
    return {"content": content}


def _rows(holder: Any, name: str) -> list[Any]:
    rows = holder.get(name) if isinstance(holder, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _token(row: dict[str, Any]) -> dict[str, Any]:
    token = row.get("token")
    text = token if isinstance(token, str) else ""
    return {"token": text, "logprob": row.get("logProbability") or 0.0, "bytes": list(text.encode())}
