"""A caller's request, read in full into canonical values."""

from typing import Final

from wideband.canon.faults import invalid
from wideband.canon.request import Json, Message, OutputFormat, ReasoningAsk, Request, Sampling, Text
from wideband.dialects import loose, offering
from wideband.dialects.base import Ask, Offer
from wideband.dialects.bodies import read_json
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.ask import Body, check
from wideband.dialects.openai_responses.items import decode_items
from wideband.dialects.openai_responses.tools import cache_mark, decode_choice, decode_tools, gathered
from wideband.wire import jsons

_SAMPLING: Final = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "top_logprobs")
# Top-level fields that have a place in `Request`; all others are `extras`.
_KNOWN: Final = frozenset(
    {
        "cache_control",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "metadata",
        "model",
        "parallel_tool_calls",
        "prompt_cache_key",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "stop",
        "stream",
        "stream_options",
        "text",
        "tool_choice",
        "tools",
        "user",
        *_SAMPLING,
    }
)
# Fields that ask for nothing when they say this.
_UNASKED: Final[dict[str, Json]] = {
    "background": False,
    "conversation": "",
    "previous_response_id": "",
    "prompt": {},
    "store": False,
    "truncation": "disabled",
}


def decode_request(body: bytes) -> Request:
    """Read a request in full; see `dialects.base.Dialect.decode_request`."""
    told = check(body)
    fields: dict[str, Json] = {name: value for name, value in read_json(body).items() if value is not None}
    messages = decode_items(fields["input"])
    if told.instructions:
        messages = (Message(role="system", parts=(Text(text=told.instructions),)), *messages)
    choice = decode_choice(fields.get("tool_choice"))
    return Request(
        dialect=words.NAME,
        model=told.model or (told.models or [""])[0],
        messages=messages,
        tools=decode_tools(gathered(fields.get("tools"), fields["input"])),
        tool_choice=choice,
        parallel_tool_calls=told.parallel_tool_calls,
        max_tokens=told.max_output_tokens,
        stop=(told.stop,) if isinstance(told.stop, str) else tuple(told.stop or ()),
        stream=bool(told.stream),
        sampling=_sampling(told, fields),
        output=_output(told, fields),
        reasoning=_reasoning(told),
        verbosity=told.text.verbosity if told.text else None,
        service_tier=told.service_tier,
        user=told.user or told.safety_identifier,
        metadata=told.metadata,
        cache=cache_mark(fields),
        cache_key=told.prompt_cache_key,
        prefill=bool(messages) and messages[-1].role == "assistant",
        extras=_extras(told, fields) | ({"tool_choice": fields["tool_choice"]} if _is_unread(choice, fields) else {}),
    )


def offered(ask: Ask) -> Offer:
    """Return what the model may write for programs; see `dialects.base.Dialect.offered`."""
    fields, items = offering.told(ask.fields, "text", "tools"), ask.fields.get("input", jsons.Raw())
    # What tools a search found stands in the conversation, as do those that came later.
    more = loose.rows(jsons.decode(items)) if b'"tools"' in bytes(items) else []
    found = [{**item, "type": words.MORE_TOOLS} for item in more if isinstance(item.get("tools"), list)]
    form = loose.obj(loose.obj(fields.get("text")).get("format"))
    return offering.offer(
        decode_tools(gathered(fields.get("tools"), found)),
        OutputFormat(type="json_schema", schema=form.get("schema")) if form.get("type") == "json_schema" else None,
    )


def _is_unread(choice: Json, fields: dict[str, Json]) -> bool:
    """Tell whether a tool was chosen that there is no word for: the choice then stays as it came."""
    return choice is None and "tool_choice" in fields


def _sampling(told: Body, fields: dict[str, Json]) -> Sampling:
    knobs = {name: fields[name] for name in _SAMPLING if name in fields}
    wants = words.LOGPROBS in (told.include or ()) or told.top_logprobs
    return Sampling(**knobs, logprobs=True if wants else None)


def _output(told: Body, fields: dict[str, Json]) -> OutputFormat | None:
    form = told.text.format if told.text else None
    if form is not None and form.type == "json_object":
        return OutputFormat(type="json_object")
    if form is None or form.type != "json_schema":
        return None
    if form.schema is None:
        raise invalid("`text.format.schema` is missing. Send a JSON Schema object.", "text.format.schema")
    return OutputFormat(
        type="json_schema",
        name=form.name,
        schema=fields["text"]["format"]["schema"],
        strict=form.strict,
        description=form.description,
    )


def _reasoning(told: Body) -> ReasoningAsk | None:
    asked = told.reasoning
    if asked is None:
        return None
    return ReasoningAsk(
        enabled=asked.enabled,
        effort=asked.effort,
        max_tokens=asked.max_tokens,
        exclude=bool(asked.exclude),
        summary=asked.summary,
    )


def _extras(told: Body, fields: dict[str, Json]) -> dict[str, Json]:
    kept = {
        name: value
        for name, value in fields.items()
        if name not in _KNOWN | words.GATEWAY_FIELDS and not (name in _UNASKED and value == _UNASKED[name])
    }
    # Seals come unasked for, and log probabilities are a knob.
    include = [entry for entry in told.include or () if entry not in (words.ENCRYPTED, words.LOGPROBS)]
    if include:
        kept["include"] = include
    form = told.text.format if told.text else None
    if form is not None and form.type not in ("text", "json_object", "json_schema"):
        kept["text"] = fields["text"]
    return kept
