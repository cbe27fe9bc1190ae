"""`generationConfig`: how a caller wants to be answered."""

from typing import Any, Final, cast, get_args

import msgspec

from wideband.canon.faults import invalid
from wideband.canon.request import Effort, Json, OutputFormat, ReasoningAsk, Sampling
from wideband.dialects.gemini_generate import proto, words
from wideband.dialects.gemini_generate.proto import Fields
from wideband.dialects.gemini_generate.tools import decode_schema

_AT: Final = "generationConfig"
_THINKING: Final = f"{_AT}.thinkingConfig"
_JSON: Final = "application/json"
MOST_CANDIDATES: Final = 128

# What is read here, in its camelCase; all else only Gemini has words for.
_READ: Final = frozenset(
    {
        "candidateCount", "frequencyPenalty", "logprobs", "maxOutputTokens", "presencePenalty", "responseJsonSchema",
        "responseLogprobs", "responseMimeType", "responseSchema", "seed", "stopSequences", "temperature",
        "thinkingConfig", "topK", "topP",
    }
)  # fmt: skip
_SPELLED: Final = _READ | {words.snake(name) for name in _READ} | {"_responseJsonSchema"}
# What goes without saying.
_TEXT_ONLY: Final = (["TEXT"], ["text"])


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What a `generationConfig` asks for; `rest` holds what this vocabulary has no word for."""

    max_tokens: int | None = None
    n: int = 1
    stop: tuple[str, ...] = ()
    sampling: Sampling = Sampling()
    output: OutputFormat | None = None
    reasoning: ReasoningAsk | None = None
    shows_thoughts: bool = False
    rest: dict[str, Json] = {}


def decode_config(body: Fields) -> Config:
    """Read a body's `generationConfig`. Raises `Faulted` naming the field."""
    config = proto.obj(body, _AT) or {}
    max_tokens, n = proto.whole(config, "maxOutputTokens", _AT), proto.whole(config, "candidateCount", _AT)
    if max_tokens is not None and not 0 < max_tokens < words.MOST_TOKENS:
        raise invalid(f"`{_AT}.maxOutputTokens` must be a whole number above 0.", f"{_AT}.maxOutputTokens")
    if n is not None and not 0 < n <= MOST_CANDIDATES:
        message = f"`{_AT}.candidateCount` must be a whole number from 1 to {MOST_CANDIDATES}."
        raise invalid(message, f"{_AT}.candidateCount")
    thinking = proto.obj(config, "thinkingConfig", _AT)
    return Config(
        max_tokens=max_tokens,
        n=n or 1,
        stop=proto.texts(config, "stopSequences", _AT),
        sampling=_sampling(config),
        output=_output(config),
        reasoning=None if thinking is None else _reasoning(thinking),
        shows_thoughts=bool(thinking and proto.flag(thinking, "includeThoughts", _THINKING)),
        rest=_rest(config),
    )


def _sampling(config: Fields) -> Sampling:
    return Sampling(
        temperature=proto.number(config, "temperature", _AT),
        top_p=proto.number(config, "topP", _AT),
        top_k=proto.whole(config, "topK", _AT),
        frequency_penalty=proto.number(config, "frequencyPenalty", _AT),
        presence_penalty=proto.number(config, "presencePenalty", _AT),
        seed=proto.whole(config, "seed", _AT),
        logprobs=proto.flag(config, "responseLogprobs", _AT),
        top_logprobs=proto.whole(config, "logprobs", _AT),
    )


def _mime_type(config: Fields) -> str | None:
    told = proto.text(config, "responseMimeType", _AT)
    return told.partition(";")[0].strip().lower() if told else None


def _output(config: Fields) -> OutputFormat | None:
    """Return the form of the answer; a schema without a type asks for JSON, as there is nothing else it could mean."""
    kind = _mime_type(config)
    if kind not in (None, _JSON):
        return None
    schema = words.pick(config, "responseJsonSchema")
    if schema is None:
        schema = config.get("_responseJsonSchema")
    if schema is None:
        schema = decode_schema(proto.obj(config, "responseSchema", _AT), f"{_AT}.responseSchema")
    if isinstance(schema, dict):
        return OutputFormat(type="json_schema", schema=schema)
    if schema is not None and not isinstance(schema, bool):
        raise invalid(f"`{_AT}.responseJsonSchema` must be a JSON Schema object.", f"{_AT}.responseJsonSchema")
    return OutputFormat(type="json_object") if kind == _JSON else None


def _reasoning(thinking: Fields) -> ReasoningAsk:
    """Return how much thinking is asked for; to see thoughts is to ask others for a summary of them."""
    shows = proto.flag(thinking, "includeThoughts", _THINKING)
    budget = proto.whole(thinking, "thinkingBudget", _THINKING)
    level = (proto.word(thinking, "thinkingLevel", _THINKING) or "").lower()
    effort = cast("Effort", level) if level in get_args(Effort) else None
    asked: dict[str, Any] = {"summary": "auto", "display": "summarized"} if shows else {}
    if budget == 0:
        return ReasoningAsk(enabled=False)
    if budget is not None and budget > 0:
        return ReasoningAsk(enabled=True, max_tokens=budget, effort=effort, **asked)
    is_dynamic = budget is not None
    return ReasoningAsk(enabled=True if is_dynamic or effort else None, effort=effort, adaptive=is_dynamic, **asked)


def _rest(config: Fields) -> dict[str, Json]:
    rest = {name: value for name, value in config.items() if name not in _SPELLED and value is not None}
    for name in ("responseModalities", "response_modalities"):
        if rest.get(name) in _TEXT_ONLY:
            del rest[name]
    kind = _mime_type(config)
    if kind not in (None, _JSON, "text/plain"):
        # An answer that is one word of a list, or a format nobody else knows: with its schema, for Gemini alone.
        names = ("responseMimeType", "responseSchema", "responseJsonSchema")
        rest |= {name: value for name in names if (value := words.pick(config, name)) is not None}
    return rest
