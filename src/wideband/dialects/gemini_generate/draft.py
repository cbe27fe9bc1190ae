"""A canonical request, whatever dialect it came in, as a call to a Gemini upstream."""

from collections.abc import Iterable
from typing import Any

import msgspec

from wideband.canon.faults import invalid
from wideband.canon.request import Loss, Request, ServerTool, Tool, ToolCall
from wideband.dialects import quirks
from wideband.dialects.base import Draft, Target
from wideband.dialects.bodies import unwritable
from wideband.dialects.custom_tools import as_function
from wideband.dialects.gemini_generate import words
from wideband.dialects.gemini_generate.media import Block
from wideband.dialects.gemini_generate.schemas import gemini_schema
from wideband.dialects.gemini_generate.thinking import takes_levels, thinking_config
from wideband.dialects.gemini_generate.turns import Turns, stand_in_for_seals
from wideband.dialects.noting import note, of_extras
from wideband.wire import jsons

MOST_STOPS = 5

# The knobs of `generationConfig`, by the names under which quirks and `supported_parameters` know them.
KNOBS: dict[str, str] = {
    "max_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "seed": "seed",
    "stop": "stopSequences",
    "n": "candidateCount",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
# Of these, the ones an answer survives without.
DISPENSABLE = frozenset(KNOBS) - {"max_tokens", "n"}
# Knobs Gemini does not have, each with the value that asks for nothing.
_UNSAID: dict[str, float | dict[str, float]] = {"logit_bias": {}, "min_p": 0, "repetition_penalty": 1, "top_a": 0}
# Gemini takes a seed of 32 bits.
_SEEDS = 2**31
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}
_JSON = "application/json"
_JSON_OBJECT = "Answer with one valid JSON object and nothing else."
_JSON_SCHEMA = "Answer with one JSON value that is valid under this JSON Schema, and nothing else:\n"


def encode_request(request: Request, target: Target) -> Draft:
    """Write a request for `target`; what Gemini cannot be asked stands in the draft's losses."""
    losses: list[Loss] = []
    turns = Turns(request, target, losses)
    if takes_levels(target):
        stand_in_for_seals(turns.contents)
    tools, names = _tools(request, losses)
    output, instruction = _output(request, target, tools, losses)
    system = [*turns.system, *([{"text": instruction}] if instruction else [])]
    body: dict[str, Any] = {
        "contents": turns.contents,
        "systemInstruction": {"parts": system} if system else None,
        "tools": tools,
        "toolConfig": _tool_config(request, names, losses),
        "generationConfig": {**_knobs(request, target, losses), **output},
        "serviceTier": request.service_tier if request.dialect == words.NAME or target.service_tier else None,
    }
    config = body["generationConfig"]
    config["thinkingConfig"] = thinking_config(request, target, config.get("maxOutputTokens"), losses)
    _add_extras(request, body, losses)
    _note_unsaid(request, target, losses)
    body["generationConfig"] = {name: value for name, value in config.items() if value is not None}
    said = {name: value for name, value in body.items() if value or name == "contents"}
    try:
        return Draft(path=model_path(target, stream=request.stream), body=jsons.encode(said), losses=tuple(losses))
    except jsons.EncodeError as error:
        raise unwritable(error) from None


def model_path(target: Target, *, stream: bool) -> str:
    """Return the path under which an upstream answers with a model; a stream always comes as events."""
    path = words.STREAM_PATH + "?alt=sse" if stream else words.GENERATE_PATH
    return path.replace("{model}", words.in_path(target.model))


def lowered(wanted: int | None, target: Target, losses: list[Loss]) -> int | None:
    """Return how many tokens may be asked for, which is no more than the endpoint gives."""
    if wanted is None or target.max_output is None or wanted <= target.max_output:
        return wanted
    note(losses, "max_tokens", f"{wanted} lowered to {target.max_output}")
    return target.max_output


def refused(names: Iterable[str], target: Target) -> set[str]:
    """Return which knobs, by their common names, the endpoint refuses."""
    taken = target.supported_parameters
    unknown = set() if taken is None else (set(names) & DISPENSABLE) - taken
    dropped = {name for quirk in target.quirks & quirks.QUIRKS.keys() for name in quirks.QUIRKS[quirk].drop}
    return unknown | (set(names) & dropped)


def _knobs(request: Request, target: Target, losses: list[Loss]) -> dict[str, Any]:
    asked = {name: value for name, value in msgspec.structs.asdict(request.sampling).items() if name in KNOBS}
    if asked["seed"] is not None:
        asked["seed"] %= _SEEDS
    if not asked["logprobs"]:
        asked["logprobs"] = asked["top_logprobs"] = None
    if len(request.stop) > MOST_STOPS:
        note(losses, "stop", f"{len(request.stop) - MOST_STOPS} beyond the fifth")
    asked |= {
        "max_tokens": lowered(request.max_tokens, target, losses),
        "stop": list(request.stop[:MOST_STOPS]) or None,
        "n": request.n if request.n > 1 else None,
    }
    said = {name: value for name, value in asked.items() if value is not None}
    unwanted = refused(said, target)
    losses.extend(Loss("unsupported_field", name) for name in said if name in unwanted)
    return {KNOBS[name]: value for name, value in said.items() if name not in unwanted}


def _tools(request: Request, losses: list[Loss]) -> tuple[list[Block], set[str]]:
    """Return the tools, all functions in one, and the functions' names."""
    called = {part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)}
    functions: list[Block] = []
    others: list[Block] = []
    for tool in request.tools:
        if isinstance(tool, ServerTool):
            if tool.dialect == words.NAME:
                others.append(tool.raw)
            else:
                note(losses, "server_tools", tool.type)
        elif tool.deferred and tool.name not in called:
            note(losses, "deferred_tool", tool.name)
        else:
            functions.append(_function(as_function(tool, losses), request, losses))
    declared = [{"functionDeclarations": functions}] if functions else []
    return [*declared, *others], {function["name"] for function in functions}


def _function(tool: Tool, request: Request, losses: list[Loss]) -> Block:
    function: Block = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters:
        schema = gemini_schema(tool.parameters, losses)
        function["parametersJsonSchema"] = schema if "type" in schema else {"type": "object"} | schema
    if tool.strict:
        note(losses, "strict", tool.name)
    if tool.cache is not None:
        note(losses, "cache_control", "Gemini caches what repeats by itself")
    if request.dialect == words.NAME:
        function |= tool.extras
    elif tool.extras:
        note(losses, "tool_extras", ", ".join(sorted(tool.extras)))
    return function


def _tool_config(request: Request, names: set[str], losses: list[Loss]) -> Block | None:
    if not names:
        return None
    if request.parallel_tool_calls is False:
        note(losses, "parallel_tool_calls", "Gemini may call several at once")
    choice = request.tool_choice
    if choice is None:
        return None
    if choice.mode == "tool" and choice.name not in names:
        note(losses, "tool_choice", f"{choice.name} is not among what can be offered")
        return None
    only = {"allowedFunctionNames": [choice.name]} if choice.mode == "tool" else {}
    return {"functionCallingConfig": {"mode": _MODES[choice.mode], **only}}


def _output(request: Request, target: Target, tools: list[Block], losses: list[Loss]) -> tuple[Block, str | None]:
    """Return the form of the answer for `generationConfig`, or the instruction that has to stand for it.

    Before Gemini 3 a request may ask for JSON or offer tools, but not both.
    """
    output = request.output
    if output is None or output.type == "text":
        return {}, None
    schema = output.schema if output.type == "json_schema" else None
    if tools and not takes_levels(target):
        note(losses, "json_object" if schema is None else "json_schema", "said as an instruction")
        return {}, _JSON_OBJECT if schema is None else _JSON_SCHEMA + _written(schema)
    if schema is None:
        return {"responseMimeType": _JSON}, None
    if (output.name or output.description) and request.dialect != words.NAME:
        note(losses, "json_schema_name", "only the schema itself is said")
    return {"responseMimeType": _JSON, "responseJsonSchema": gemini_schema(schema, losses)}, None


def _written(schema: Block) -> str:
    try:
        return jsons.encode(schema).decode()
    except jsons.EncodeError as error:
        raise invalid(f"The schema cannot be passed on: {error}. Nest it less deeply.") from None


def _add_extras(request: Request, body: dict[str, Any], losses: list[Loss]) -> None:
    """Add what only this dialect has words for; what was said of a field already wins."""
    if request.dialect != words.NAME:
        losses.extend(of_extras(request.extras))
        return
    for name, value in request.extras.items():
        said = body.get(name)
        if isinstance(said, dict) and isinstance(value, dict):
            said.update({key: inner for key, inner in value.items() if key not in said})
        elif not said:
            body[name] = value


def _note_unsaid(request: Request, target: Target, losses: list[Loss]) -> None:
    for name, neutral in _UNSAID.items():
        value = getattr(request.sampling, name)
        if value is not None and value != neutral:
            note(losses, name)
    is_own = request.dialect == words.NAME or target.service_tier is not None
    told = {
        "cache_control": request.cache,
        "cache_key": request.cache_key,
        "metadata": request.metadata,
        "service_tier": None if request.service_tier in {"auto", "default"} or is_own else request.service_tier,
        "verbosity": request.verbosity,
    }
    for name, said in told.items():
        if said:
            note(losses, name)
    if request.user:
        note(losses, "unsupported_field", "user")
    if request.prefill and "prefill" not in target.quirks:
        note(losses, "prefill")
