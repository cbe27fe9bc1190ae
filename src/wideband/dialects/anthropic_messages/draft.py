"""A canonical request, whatever dialect it came in, as a call to an Anthropic upstream."""

from typing import Any

from wideband.canon.request import Loss, ReasoningAsk, Request, Tool, ToolCall
from wideband.dialects import budgets, quirks
from wideband.dialects.anthropic_messages import words
from wideband.dialects.anthropic_messages.blocks import Block
from wideband.dialects.anthropic_messages.turns import Turns
from wideband.dialects.base import Draft, Target
from wideband.dialects.custom_tools import as_function
from wideband.dialects.noting import note, of_extras

# Knobs Anthropic does not have, each with the value that asks for nothing.
_UNSAID: dict[str, float | bool | dict[str, float] | None] = {
    "frequency_penalty": 0,
    "logit_bias": {},
    "logprobs": False,
    "min_p": 0,
    "presence_penalty": 0,
    "repetition_penalty": 1,
    "seed": None,
    "top_a": 0,
    "top_logprobs": 0,
}
_JSON_OBJECT = "Answer with one valid JSON object and nothing else."
_JSON_SCHEMA = "Answer with one JSON value that is valid under this JSON Schema, and nothing else:\n"
# An endpoint with this quirk thinks as much as it sees fit and takes no budget.
ADAPTIVE = "adaptive_thinking"


def encode_request(request: Request, target: Target) -> Draft:
    """Write a request for `target`; what Anthropic cannot be asked stands in the draft's losses."""
    losses: list[Loss] = []
    turns = Turns(request, target.reasoning_format or words.REASONING_FORMAT, losses)
    max_tokens = _max_tokens(request, target, losses)
    thinking, config = _thinking(request, target, max_tokens, turns, losses)
    output_format, instruction = _output(request, target, losses)
    if output_format is not None:
        config["format"] = output_format
    system = [*turns.system, *([{"type": "text", "text": instruction}] if instruction else [])]
    thinks = thinking is not None and thinking["type"] != "disabled"
    tools = _tools(request, turns, losses)
    body: dict[str, Any] = {
        "model": target.model,
        "max_tokens": max_tokens,
        "system": _system_text(system),
        "messages": turns.turns,
        "tools": tools,
        "tool_choice": _tool_choice(request, thinks, losses) if tools else None,
        "stop_sequences": _stop(request, target, losses),
        **_sampling(request, target, thinks, losses),
        "thinking": thinking,
        "metadata": _metadata(request, losses),
        "service_tier": _service_tier(request, losses),
        **turns.cache(request.cache),
        **_extras(request, losses),
        "output_config": {**_own_extra(request, "output_config"), **config},
        "stream": request.stream,
    }
    _note_unsaid(request, losses)
    _limit_cache_marks(tools, system, turns.turns, words.MAX_CACHE_MARKS - (request.cache is not None), losses)
    said = {name: value for name, value in body.items() if value or (name in _ALWAYS and value is not None)}
    said, found = quirks.apply(said, target.quirks)
    return Draft(
        path=words.PATH,
        body=words.written(said),
        headers={"anthropic-version": words.VERSION},
        losses=(*losses, *found),
    )


# Fields that mean something when they are zero or empty.
_ALWAYS = frozenset({"messages", "temperature", "top_p", "top_k"})


def _supports(target: Target, parameter: str) -> bool:
    return target.supported_parameters is None or parameter in target.supported_parameters


def _max_tokens(request: Request, target: Target, losses: list[Loss]) -> int:
    wanted = request.max_tokens or target.max_output or words.DEFAULT_MAX_TOKENS
    if target.max_output is not None and wanted > target.max_output:
        note(losses, "max_tokens", f"{wanted} lowered to {target.max_output}")
        return target.max_output
    return wanted


def _thinking(
    request: Request, target: Target, max_tokens: int, turns: Turns, losses: list[Loss]
) -> tuple[Block | None, Block]:
    """Return `thinking` and what goes to `output_config`."""
    ask = request.reasoning
    own = _own_extra(request, "thinking")
    if ask is None or own:
        return own or None, {}
    effort = {"minimal": "low"}.get(ask.effort or "", ask.effort)
    if ask.enabled is False or effort == "none":
        return {"type": "disabled"}, {}
    if not _supports(target, "reasoning"):
        note(losses, "reasoning", "the endpoint does not think")
        return None, {}
    display = {"display": "omitted"} if ask.exclude else {"display": ask.display} if ask.display else {}
    if ask.adaptive or ADAPTIVE in target.quirks:
        return {"type": "adaptive", **display}, {"effort": effort} if effort else {}
    config = {"effort": effort} if effort and request.dialect == words.NAME else {}
    if ask.max_tokens is None and (config or not (ask.enabled or effort)):
        return None, config
    budget = _budget(ask, max_tokens, losses)
    if budget is None or _cannot_think(turns.turns):
        note(losses, "reasoning", "no room to think" if budget is None else "the last turn cannot be thought on")
        return None, config
    return {"type": "enabled", "budget_tokens": budget, **display}, config


def _budget(ask: ReasoningAsk, max_tokens: int, losses: list[Loss]) -> int | None:
    """Return the tokens to think with, of which the answer's `max_tokens` must hold more; None when it cannot."""
    if max_tokens <= budgets.LEAST:
        return None
    wanted = ask.max_tokens or int(max_tokens * budgets.SHARES[ask.effort or "medium"])
    budget = min(budgets.within(wanted), max_tokens - 1)
    if ask.max_tokens is not None and budget != ask.max_tokens:
        note(losses, "reasoning_budget", f"{ask.max_tokens} changed to {budget}")
    return budget


def _cannot_think(turns: list[Block]) -> bool:
    """Say whether Anthropic refuses budgeted thinking: after a prefill, or amid a tool call made without thought."""
    if not turns or turns[-1]["role"] == "assistant":
        return bool(turns)
    amid_call = any(block["type"] == "tool_result" for block in turns[-1]["content"])
    if not amid_call or len(turns) < 2:
        return False
    return turns[-2]["content"][0]["type"] not in {"thinking", "redacted_thinking"}


def _output(request: Request, target: Target, losses: list[Loss]) -> tuple[Block | None, str | None]:
    """Return the format for `output_config`, or the instruction that has to stand for it."""
    output = request.output
    if output is None or output.type == "text":
        return None, None
    if output.type == "json_object" or output.schema is None:
        note(losses, "json_object", "said as an instruction")
        return None, _JSON_OBJECT
    if not _supports(target, "structured_outputs"):
        note(losses, "json_schema", "said as an instruction")
        return None, _JSON_SCHEMA + words.written(output.schema).decode()
    if output.name or output.description or output.strict is not None:
        note(losses, "json_schema_name", "only the schema itself is said")
    return {"type": "json_schema", "schema": output.schema}, None


def _system_text(system: list[Block]) -> str | list[Block]:
    if len(system) == 1 and system[0].keys() == {"type", "text"}:
        return str(system[0]["text"])
    return system


def _tools(request: Request, turns: Turns, losses: list[Loss]) -> list[Block]:
    called = {part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)}
    tools: list[Block] = []
    for tool in request.tools:
        if isinstance(tool, Tool):
            if tool.deferred and request.dialect != words.NAME and tool.name not in called:
                note(losses, "deferred_tool", tool.name)
                continue
            tool = as_function(tool, losses)
            schema = tool.parameters or {"properties": {}}
            block: Block = {
                "name": tool.name,
                "input_schema": schema if "type" in schema else {"type": "object"} | schema,
            }
            block |= {"description": tool.description} if tool.description else {}
            block |= {"strict": tool.strict} if tool.strict is not None else {}
            if request.dialect == words.NAME:
                block |= tool.extras
            elif tool.extras:
                note(losses, "tool_extras", ", ".join(sorted(tool.extras)))
            tools.append(block | turns.cache(tool.cache))
        elif tool.dialect == words.NAME:
            tools.append(dict(tool.raw))
        else:
            note(losses, "server_tools", tool.type)
    return tools


def _tool_choice(request: Request, thinks: bool, losses: list[Loss]) -> Block | None:
    choice, serial = request.tool_choice, request.parallel_tool_calls is False
    if choice is None:
        return {"type": "auto", "disable_parallel_tool_use": True} if serial else None
    mode = choice.mode
    if thinks and mode in {"required", "tool"}:
        note(losses, "tool_choice", "a call cannot be forced while thinking")
        mode = "auto"
    if mode == "none":
        return {"type": "none"}
    block: Block = {"type": "any"} if mode == "required" else {"type": mode}
    if mode == "tool":
        block["name"] = choice.name
    return block | ({"disable_parallel_tool_use": True} if serial else {})


def _stop(request: Request, target: Target, losses: list[Loss]) -> list[str]:
    kept = [stop for stop in request.stop if stop.strip()] if _supports(target, "stop") else []
    if len(kept) < len(request.stop):
        note(losses, "stop", "blank or unsupported sequences left out")
    return kept


def _sampling(request: Request, target: Target, thinks: bool, losses: list[Loss]) -> dict[str, float | None]:
    asked = {name: getattr(request.sampling, name) for name in ("temperature", "top_p", "top_k")}
    said: dict[str, float | None] = {}
    for name, value in asked.items():
        if value is None:
            continue
        allowed = not thinks or (name == "temperature" and value == 1) or (name == "top_p" and 0.95 <= value <= 1)
        if allowed and _supports(target, name):
            said[name] = value
        else:
            note(losses, name, "not while thinking" if not allowed else "the endpoint does not take it")
    if (said.get("temperature") or 0) > 1:
        note(losses, "temperature", "lowered to 1")
        said["temperature"] = 1
    return said


def _note_unsaid(request: Request, losses: list[Loss]) -> None:
    for name, neutral in _UNSAID.items():
        value = getattr(request.sampling, name)
        if value is not None and value != neutral:
            note(losses, name)
    if request.n > 1:
        note(losses, "n", f"{request.n} asked, 1 given")
    if request.verbosity is not None:
        note(losses, "verbosity", request.verbosity)
    if request.cache_key is not None:
        note(losses, "cache_key")


def _metadata(request: Request, losses: list[Loss]) -> Block:
    own = request.metadata or {}
    if own and request.dialect != words.NAME:
        note(losses, "metadata", ", ".join(sorted(own)))
        own = {}
    return own | ({"user_id": request.user} if request.user else {})


def _service_tier(request: Request, losses: list[Loss]) -> str | None:
    if request.service_tier is None or request.dialect == words.NAME or request.service_tier == "auto":
        return request.service_tier
    note(losses, "service_tier", request.service_tier)
    return None


def _extras(request: Request, losses: list[Loss]) -> dict[str, Any]:
    if request.dialect == words.NAME:
        return {name: value for name, value in request.extras.items() if name not in {"thinking", "output_config"}}
    losses.extend(of_extras(request.extras))
    return {}


def _own_extra(request: Request, name: str) -> Block:
    found = request.extras.get(name) if request.dialect == words.NAME else None
    return found if isinstance(found, dict) else {}


def _limit_cache_marks(
    tools: list[Block], system: list[Block], turns: list[Block], limit: int, losses: list[Loss]
) -> None:
    """Keep the last marks, which hold the longest prefixes, when there are more than Anthropic takes."""
    blocks = [*tools, *system]
    for block in (block for turn in turns for block in turn["content"]):
        inner = block.get("content")
        blocks.extend([*(inner if isinstance(inner, list) else []), block])
    marked = [block for block in blocks if block.get("cache_control")]
    for block in marked[: max(len(marked) - limit, 0)]:
        del block["cache_control"]
        note(losses, "cache_marks", f"{len(marked)} marked, the last {limit} kept")
