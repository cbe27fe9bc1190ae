"""A caller's Messages body in full, as a canonical request."""

from typing import Any, get_args

from wideband.canon.faults import invalid
from wideband.canon.request import (
    Effort,
    Json,
    Message,
    Opaque,
    OutputFormat,
    ReasoningAsk,
    Request,
    Role,
    Sampling,
    ServerTool,
    Tool,
    ToolChoice,
    ToolResult,
)
from wideband.dialects import loose, offering
from wideband.dialects.anthropic_messages import words
from wideband.dialects.anthropic_messages.ask import refusal
from wideband.dialects.anthropic_messages.blocks import (
    Block,
    decode_cache,
    decode_content,
    need_object,
    need_text,
    optional_text,
)
from wideband.dialects.base import Ask, Offer
from wideband.wire import jsons

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
_EFFORTS: dict[str, Effort] = {effort: effort for effort in get_args(Effort)}
_TOOL_CHOICES: dict[str, ToolChoice] = {
    "auto": ToolChoice(mode="auto"),
    "any": ToolChoice(mode="required"),
    "none": ToolChoice(mode="none"),
}
# What the canonical vocabulary has words for; every other field goes to `extras`.
_READ = frozenset(
    {
        "cache_control", "max_tokens", "messages", "metadata", "model", "output_config", "output_format",
        "service_tier", "stop_sequences", "stream", "system", "temperature", "thinking", "tool_choice", "tools",
        "top_k", "top_p",
    }
) | words.GATEWAY_FIELDS  # fmt: skip
_TOOL_READ = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
# Claude Code's stand-in for tools that are not loaded yet; it is no tool at all.
_PLACEHOLDER = "DeferredToolPlaceholder"


def decode_request(body: bytes) -> Request:
    """Read a body in full. Raises `Faulted` (invalid_request) naming the field."""
    try:
        found = jsons.decode(body)
        if not isinstance(found, dict):
            raise invalid('The body must be a JSON object with "model", "max_tokens" and "messages".')
        return _request(found)
    except jsons.DecodeError as error:
        raise refusal(error) from None


def _request(body: Block) -> Request:
    if body.get("safeguards") is not None:
        # Its clients rely on them; leaving them out unsaid would take a protection away (clients.md 3.1).
        raise invalid(
            "`safeguards` are Anthropic's, and this model is not served by Anthropic. Go without.", "safeguards"
        )
    messages = (*_system(body), *_messages(body))
    choice, parallel = _tool_choice(body)
    reasoning, output, extras = _thinking_and_output(body)
    metadata = dict(need_object(body, "metadata", "")) if body.get("metadata") is not None else {}
    user = optional_text(metadata, "user_id", "metadata")
    metadata.pop("user_id", None)
    extras.update((name, value) for name, value in body.items() if name not in _READ)
    return Request(
        dialect=words.NAME,
        model=_model(body),
        messages=messages,
        tools=_tools(body, _referenced(messages)),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        max_tokens=_number(body, "max_tokens", whole=True),
        stop=_texts(body, "stop_sequences"),
        stream=_flag(body, "stream") or False,
        sampling=Sampling(
            temperature=_number(body, "temperature"),
            top_p=_number(body, "top_p"),
            top_k=_number(body, "top_k", whole=True),
        ),
        output=output,
        reasoning=reasoning,
        service_tier=optional_text(body, "service_tier", ""),
        user=user,
        metadata=metadata or None,
        cache=decode_cache(body, ""),
        prefill=bool(messages) and messages[-1].role == "assistant",
        extras=extras,
    )


def offered(ask: Ask) -> Offer:
    """Return what the model may write for programs; see `dialects.base.Dialect.offered`."""
    body = offering.told(ask.fields, "output_config", "output_format", "tools")
    form = loose.obj(body.get("output_config")).get("format")
    return offering.offer(
        _tools(body, frozenset()), _output_format(body.get("output_format") if form is None else form)
    )


def _model(body: Block) -> str:
    if body.get("model") is None and isinstance(body.get("models"), list) and body["models"]:
        return need_text({"model": body["models"][0]}, "model", "")
    return need_text(body, "model", "")


def _number(body: Block, name: str, *, whole: bool = False) -> Any:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise invalid(f"`{name}` must be a {'whole ' if whole else ''}number.", name)
    return value


def _flag(holder: Block, name: str) -> bool | None:
    value = holder.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"`{name}` must be true or false.", name)
    return value


def _list(holder: Block, name: str) -> list[Any]:
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(f"`{name}` must be a list.", name)
    return value


def _texts(holder: Block, name: str) -> tuple[str, ...]:
    values = _list(holder, name)
    if any(not isinstance(value, str) for value in values):
        raise invalid(f"`{name}` must be a list of strings.", name)
    return tuple(values)


def _system(body: Block) -> tuple[Message, ...]:
    parts = decode_content(body.get("system"), "system")
    return (Message(role="system", parts=parts),) if parts else ()


def _messages(body: Block) -> list[Message]:
    if not isinstance(body.get("messages"), list):
        raise invalid("`messages` is required; send a list of messages.", "messages")
    messages = []
    for index, message in enumerate(body["messages"]):
        at = f"messages.{index}"
        role = _ROLES.get(need_text(message, "role", at)) if isinstance(message, dict) else None
        if role is None:
            raise invalid(f'`{at}` must be an object whose role is "user", "assistant" or "system".', f"{at}.role")
        messages.append(Message(role=role, parts=decode_content(message.get("content"), f"{at}.content")))
    return messages


def _referenced(messages: tuple[Message, ...]) -> frozenset[str]:
    """Return the names of deferred tools that a tool search has brought into play."""
    references = (
        part.raw.get("tool_name")
        for message in messages
        for result in message.parts
        if isinstance(result, ToolResult)
        for part in result.parts
        if isinstance(part, Opaque) and part.kind == "tool_reference"
    )
    return frozenset(name for name in references if isinstance(name, str))


def _tools(body: Block, referenced: frozenset[str]) -> tuple[Tool | ServerTool, ...]:
    tools: list[Tool | ServerTool] = []
    for index, tool in enumerate(_list(body, "tools")):
        at = f"tools.{index}"
        if not isinstance(tool, dict):
            raise invalid(f"`{at}` must be an object with a name and an input_schema.", at)
        kind = optional_text(tool, "type", at)
        if kind not in {None, "custom"}:
            tools.append(ServerTool(dialect=words.NAME, type=kind or "", raw=tool))
            continue
        name = need_text(tool, "name", at)
        defers = bool(tool.get("defer_loading")) or name == _PLACEHOLDER
        tools.append(
            Tool(
                name=name,
                description=optional_text(tool, "description", at),
                parameters=need_object(tool, "input_schema", at) if tool.get("input_schema") is not None else None,
                strict=_flag(tool, "strict"),
                cache=decode_cache(tool, at),
                deferred=defers and name not in referenced,
                extras={key: value for key, value in tool.items() if key not in _TOOL_READ},
            )
        )
    return tuple(tools)


def _tool_choice(body: Block) -> tuple[ToolChoice | None, bool | None]:
    if body.get("tool_choice") is None:
        return None, None
    found = need_object(body, "tool_choice", "")
    mode = need_text(found, "type", "tool_choice")
    parallel = False if _flag(found, "disable_parallel_tool_use") else None
    if mode == "tool":
        return ToolChoice(mode="tool", name=need_text(found, "name", "tool_choice")), parallel
    if mode not in _TOOL_CHOICES:
        raise invalid('`tool_choice.type` must be "auto", "any", "tool" or "none".', "tool_choice.type")
    return _TOOL_CHOICES[mode], parallel


def _thinking_and_output(body: Block) -> tuple[ReasoningAsk | None, OutputFormat | None, dict[str, Json]]:
    """Return what is asked of the thinking and of the answer's form, and what of both only this dialect can say."""
    extras: dict[str, Json] = {}
    config = dict(need_object(body, "output_config", "")) if body.get("output_config") is not None else {}
    schema = config.pop("format", None)
    output = _output_format(body.get("output_format") if schema is None else schema)
    effort = _EFFORTS.get(optional_text(config, "effort", "output_config") or "")
    if effort is not None or config.get("effort") is None:
        config.pop("effort", None)
    if config:
        extras["output_config"] = config
    if body.get("thinking") is None:
        return (ReasoningAsk(effort=effort) if effort else None), output, extras
    thinking = need_object(body, "thinking", "")
    kind = need_text(thinking, "type", "thinking")
    if kind not in {"enabled", "disabled", "adaptive"}:
        extras["thinking"] = thinking
        return (ReasoningAsk(effort=effort) if effort else None), output, extras
    ask = ReasoningAsk(
        enabled=kind != "disabled",
        effort=effort,
        max_tokens=_number(thinking, "budget_tokens", whole=True),
        adaptive=kind == "adaptive",
        display=optional_text(thinking, "display", "thinking"),
    )
    return ask, output, extras


def _output_format(found: Json) -> OutputFormat | None:
    if found is None:
        return None
    if not isinstance(found, dict) or found.get("type") != "json_schema":
        raise invalid(
            '`output_config.format` must be {"type": "json_schema", "schema": {...}}.', "output_config.format"
        )
    return OutputFormat(type="json_schema", schema=need_object(found, "schema", "output_config.format"))
