"""A canonical request, whatever dialect it came in, as a call to a Responses upstream."""

import hashlib
from typing import Any, Final

from wideband.canon.request import Json, Loss, OutputFormat, Request, ServerTool, Tool, ToolCall, ToolChoice
from wideband.dialects import edits, loose
from wideband.dialects.base import Draft, Target
from wideband.dialects.noting import of_extras
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.narrow import draft, effort_of, thinks
from wideband.dialects.openai_responses.turns import cache_field, encode_turns

Body = dict[str, Any]

# Knobs this protocol does not have, each with the value that asks for nothing.
_UNSAID: Final[dict[str, Json]] = {
    "frequency_penalty": 0,
    "logit_bias": {},
    "min_p": 0,
    "presence_penalty": 0,
    "repetition_penalty": 1,
    "seed": None,
    "top_a": 0,
    "top_k": None,
}
# Of those, what OpenRouter takes here all the same.
_WIDER: Final = frozenset({"frequency_penalty", "presence_penalty", "top_k"})
# OpenAI refuses to be asked for less.
_LEAST_OUTPUT: Final = 16
# OpenAI's classes of service; other providers' have the same names and mean something else.
_TIERS: Final = frozenset({"auto", "default", "flex", "priority", "scale"})
# Top-level fields that OpenAI's chat protocol has under the same names.
_SHARED: Final = frozenset({"prompt_cache_options", "prompt_cache_retention", "safety_identifier", "store"})


def encode_request(request: Request, target: Target) -> Draft:
    """Write a request for `target`; what cannot be asked stands in the draft's losses."""
    losses: list[Loss] = []
    instructions, items = encode_turns(request, target, losses)
    tools = _tools(request, target, losses)
    body: Body = {
        "model": target.model,
        "instructions": instructions,
        "input": items,
        "tools": tools or None,
        "tool_choice": _tool_choice(request.tool_choice, tools, losses),
        "parallel_tool_calls": request.parallel_tool_calls,
        "max_output_tokens": _limit(request, losses),
        "text": _text(request),
        "reasoning": _reasoning(request, target),
        "include": _include(request, target) or None,
        **_sampling(request, target, losses),
        "prompt_cache_key": _cache_key(request),
        **cache_field(request.cache, target, losses),
        "user": request.user,
        "metadata": request.metadata,
        "service_tier": _service_tier(request, losses),
        "stream": True if request.stream else None,
    }
    body = {name: value for name, value in body.items() if value is not None}
    _add_extras(body, request, losses)
    if request.stop:
        losses.append(Loss("stop"))
    if request.n > 1:
        losses.append(Loss("n", f"{request.n} asked, 1 given"))
    if request.prefill:
        losses.append(Loss("prefill"))
    return draft(body, target, losses)


def _tools(request: Request, target: Target, losses: list[Loss]) -> list[Body]:
    called = {part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)}
    is_own = request.dialect == words.NAME
    tools: list[Body] = []
    for tool in request.tools:
        if isinstance(tool, ServerTool):
            if tool.dialect == words.NAME:
                tools.append(tool.raw)
            else:
                losses.append(Loss("server_tools", tool.type))
        elif tool.deferred and not is_own and tool.name not in called:
            losses.append(Loss("deferred_tool", tool.name))
        else:
            if tool.extras and not is_own:
                losses.append(Loss("tool_extras", ", ".join(sorted(tool.extras))))
            told = _tool(tool, is_own) | cache_field(tool.cache, target, losses)
            tools.append(told | tool.extras if is_own else told)
    return tools


def _tool(tool: Tool, is_own: bool) -> Body:
    told: Body = {"type": "custom" if tool.custom else "function", "name": tool.name}
    if tool.description is not None:
        told["description"] = tool.description
    if tool.custom:
        if isinstance(tool.grammar, dict):
            # Chat has the same object one level deeper.
            told["format"] = {"type": "grammar", **loose.obj(tool.grammar.get("grammar") or tool.grammar)}
    else:
        told["parameters"] = tool.parameters or {"type": "object", "properties": {}}
        if tool.strict is not None or not is_own:
            # Strict is what is meant here without a word; elsewhere it is not.
            told["strict"] = bool(tool.strict)
    return told | ({"defer_loading": True} if tool.deferred and is_own else {})


def _tool_choice(choice: ToolChoice | None, tools: list[Body], losses: list[Loss]) -> Json:
    if choice is None or not tools:
        return None
    if choice.mode != "tool":
        return choice.mode
    for tool in tools:
        if tool.get("name") == choice.name and tool["type"] in {"custom", "function"}:
            return {"type": tool["type"], "name": choice.name}
    if any(tool.get("type") == choice.name for tool in tools):
        return {"type": choice.name}
    losses.append(Loss("tool_choice", f"{choice.name} is not among what can be offered"))
    return None


def _limit(request: Request, losses: list[Loss]) -> int | None:
    asked = request.max_tokens
    if asked is None or asked >= _LEAST_OUTPUT:
        return asked
    losses.append(Loss("max_tokens", f"{asked} to {_LEAST_OUTPUT}"))
    return _LEAST_OUTPUT


def _text(request: Request) -> Body | None:
    told: Body = {}
    if (form := _format(request.output)) is not None:
        told["format"] = form
    if request.verbosity is not None:
        told["verbosity"] = request.verbosity
    return told or None


def _format(output: OutputFormat | None) -> Json:
    if output is None or output.type == "text":
        return None
    if output.type == "json_object" or output.schema is None:
        return {"type": "json_object"}
    told = {
        "type": "json_schema",
        "name": output.name or "answer",
        "description": output.description,
        "schema": output.schema,
        "strict": output.strict,
    }
    return {name: value for name, value in told.items() if value is not None}


def _reasoning(request: Request, target: Target) -> Body | None:
    """Ask for as much thinking as the caller did, and for its summary if it is to be seen."""
    ask = request.reasoning
    if ask is None:
        return None
    effort = effort_of(ask, request.max_tokens, target)
    hidden = ask.is_off or ask.exclude or ask.display == "omitted"
    told: Body = {"effort": effort, "summary": None if hidden else ask.summary or "auto"}
    if "openrouter" in target.quirks:
        told |= {"max_tokens": ask.max_tokens, "enabled": ask.enabled, "exclude": ask.exclude or None}
        if ask.max_tokens is not None or ask.enabled is not None:
            told["effort"] = None if ask.max_tokens is not None else ask.effort
    return {name: value for name, value in told.items() if value is not None} or None


def _include(request: Request, target: Target) -> list[str]:
    """Return what the answer is to hold beside the answer.

    The seal of its thinking, whenever the endpoint is known to think, asked or not: without it the next turn would have
    to think everything again. Of an endpoint nothing is known of, only who asks for thinking is taken to get any, for
    models that do not think refuse to be asked for seals.
    """
    ask = request.reasoning
    told = request.extras.get("include") if request.dialect == words.NAME else None
    include = [entry for entry in told if isinstance(entry, str)] if isinstance(told, list) else []
    if thinks(target, asked=ask is not None) and not (ask is not None and ask.is_off):
        include.append(words.ENCRYPTED)
    if request.sampling.logprobs:
        include.append(words.LOGPROBS)
    return list(dict.fromkeys(include))


def _sampling(request: Request, target: Target, losses: list[Loss]) -> Body:
    asked = request.sampling
    said: Body = {"temperature": asked.temperature, "top_p": asked.top_p, "top_logprobs": asked.top_logprobs}
    for name, neutral in _UNSAID.items():
        value = getattr(asked, name)
        if value is None or value == neutral:
            continue
        if name in _WIDER and "openrouter" in target.quirks:
            said[name] = value
        else:
            losses.append(Loss(name))
    return said


def _cache_key(request: Request) -> str | None:
    """Return the caller's key, shortened to what OpenAI takes; equal keys stay equal."""
    key = request.cache_key
    if key is None or len(key) <= edits.MAX_ID:
        return key
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _service_tier(request: Request, losses: list[Loss]) -> str | None:
    tier = request.service_tier
    if tier is None or tier in _TIERS or request.dialect == words.NAME:
        return tier
    losses.append(Loss("service_tier", tier))
    return None


def _add_extras(body: Body, request: Request, losses: list[Loss]) -> None:
    """Add what only callers of the same or a kindred protocol say."""
    kindred = request.dialect.startswith("openai_")
    for name, value in request.extras.items():
        if name == "include" and request.dialect == words.NAME:
            continue
        if request.dialect == words.NAME and name == "text":
            body["text"] = loose.obj(value) | loose.obj(body.get("text"))
        elif request.dialect == words.NAME or (kindred and name in _SHARED):
            body[name] = value
        else:
            losses.extend(of_extras({name: value}))
