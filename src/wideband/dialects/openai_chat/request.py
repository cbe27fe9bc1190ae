"""A caller's request, read in full into canonical values."""

from typing import Any, Final, get_args

from wideband.canon.faults import invalid
from wideband.canon.request import (
    Effort,
    Json,
    Message,
    OutputFormat,
    ReasoningAsk,
    Request,
    Sampling,
    ServerTool,
    Tool,
    ToolChoice,
)
from wideband.dialects import loose, offering
from wideband.dialects.base import Ask, Offer
from wideband.dialects.bodies import GATEWAY_FIELDS, read_json
from wideband.dialects.openai_chat import words
from wideband.dialects.openai_chat.ask import check
from wideband.dialects.openai_chat.messages import cache_mark, decode_messages

_SAMPLING: Final = tuple(Sampling.__struct_fields__)
# Top-level fields that have a place in `Request`; all others are `extras`.
_KNOWN: Final = frozenset(
    {
        "cache_control",
        "function_call",
        "functions",
        "include_reasoning",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "n",
        "parallel_tool_calls",
        "prompt",
        "prompt_cache_key",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "service_tier",
        "stop",
        "stream",
        "stream_options",
        "tool_choice",
        "tools",
        "user",
        "verbosity",
        *_SAMPLING,
    }
)
_EFFORTS: Final = frozenset(get_args(Effort))
_FUNCTION: Final = frozenset({"name", "description", "parameters", "strict"})
_CUSTOM: Final = frozenset({"name", "description", "format"})
_MODES: Final[dict[str, Any]] = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


def decode_request(body: bytes) -> Request:
    """Read a request in full; see `dialects.base.Dialect.decode_request`."""
    told = check(body)
    fields: dict[str, Json] = {name: value for name, value in read_json(body).items() if value is not None}
    messages = decode_messages(fields.get("messages") or [{"role": "user", "content": fields["prompt"]}])
    stop = fields.get("stop", ())
    return Request(
        dialect=words.NAME,
        model=told.model or (told.models or [""])[0],
        messages=messages,
        tools=_tools(fields),
        tool_choice=decode_tool_choice(fields.get("tool_choice", fields.get("function_call"))),
        parallel_tool_calls=fields.get("parallel_tool_calls"),
        max_tokens=told.max_completion_tokens or told.max_tokens,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        n=told.n or 1,
        stream=bool(told.stream),
        sampling=Sampling(**{name: fields[name] for name in _SAMPLING if name in fields}),
        output=_output(fields.get("response_format")),
        reasoning=decode_reasoning_ask(fields),
        verbosity=fields.get("verbosity"),
        service_tier=fields.get("service_tier"),
        user=fields.get("user"),
        metadata=fields.get("metadata"),
        cache=cache_mark(fields),
        cache_key=fields.get("prompt_cache_key"),
        prefill=_is_prefill(messages),
        extras={name: value for name, value in fields.items() if name not in _KNOWN | GATEWAY_FIELDS}
        | _unread_format(fields.get("response_format")),
    )


def offered(ask: Ask) -> Offer:
    """Return what the model may write for programs; see `dialects.base.Dialect.offered`."""
    fields = offering.told(ask.fields, "functions", "response_format", "tools")
    return offering.offer(_tools(fields), _output(fields.get("response_format")))


def _is_prefill(messages: tuple[Message, ...]) -> bool:
    return messages[-1].role == "assistant"


def _tools(fields: dict[str, Json]) -> tuple[Tool | ServerTool, ...]:
    tools = [_tool(tool) for tool in fields.get("tools", ())]
    tools.extend(_tool({"type": "function", "function": function}) for function in fields.get("functions", ()))
    return tuple(tools)


def _tool(raw: dict[str, Json]) -> Tool | ServerTool:
    function = raw.get("function")
    if raw["type"] == "custom" and loose.text(loose.obj(raw.get("custom")).get("name")):
        return _custom_tool(raw["custom"])
    if raw["type"] != "function":
        return ServerTool(dialect=words.NAME, type=raw["type"], raw=raw)
    if not isinstance(function, dict):
        raise invalid('`tools`: a tool of type "function" needs a `function` object.', "tools")
    return Tool(
        name=function["name"],
        description=function.get("description"),
        parameters=function.get("parameters"),
        strict=function.get("strict"),
        cache=cache_mark(raw) or cache_mark(function),
        deferred=raw.get("defer_loading") is True,
        extras={name: value for name, value in function.items() if name not in _FUNCTION and name != "cache_control"},
    )


def _custom_tool(custom: dict[str, Json]) -> Tool:
    return Tool(
        name=custom["name"],
        description=loose.text(custom.get("description")),
        custom=True,
        grammar=custom.get("format"),
        extras={name: value for name, value in custom.items() if name not in _CUSTOM},
    )


def decode_tool_choice(raw: Json) -> ToolChoice | None:
    """Read `tool_choice`, or the older `function_call`. Raises `Faulted` for a word that is none of theirs."""
    if raw is None:
        return None
    if isinstance(raw, str) and raw in _MODES:
        return ToolChoice(mode=_MODES[raw])
    told = loose.obj(raw)
    named = loose.obj(told.get("function") or told.get("custom"))
    name = loose.text(named.get("name")) or loose.text(told.get("name"))
    if name is not None:
        return ToolChoice(mode="tool", name=name)
    allowed = loose.obj(told.get("allowed_tools"))
    if loose.text(allowed.get("mode")) in _MODES:
        tools = (loose.obj(tool.get(loose.text(tool.get("type")) or "")) for tool in loose.rows(allowed.get("tools")))
        names = tuple(name for tool in tools if (name := loose.text(tool.get("name"))))
        return ToolChoice(mode=_MODES[allowed["mode"]], allowed=names)
    kind = loose.text(told.get("type"))
    if kind in _MODES:
        return ToolChoice(mode=_MODES[kind])
    if kind is not None:
        # A tool of the provider's own, named by its type.
        return ToolChoice(mode="tool", name=kind)
    raise invalid(
        '`tool_choice` is none of "auto", "none", "required" and {"type": "function", "function": {"name": ...}}.',
        "tool_choice",
    )


def _output(raw: Json) -> OutputFormat | None:
    told = loose.obj(raw)
    match told.get("type"):
        case "json_object":
            return OutputFormat(type="json_object")
        case "json_schema":
            schema = told.get("json_schema")
            if not isinstance(schema, dict) or not isinstance(schema.get("schema", {}), dict):
                raise invalid("`response_format.json_schema` needs a `schema` object.", "response_format.json_schema")
            return OutputFormat(
                type="json_schema",
                name=loose.text(schema.get("name")),
                schema=schema.get("schema"),
                strict=schema["strict"] if isinstance(schema.get("strict"), bool) else None,
                description=loose.text(schema.get("description")),
            )
        case _:
            return None


def _unread_format(raw: Json) -> dict[str, Json]:
    """Keep a format there is no word for (a grammar) as an extra; plain text is what comes anyway."""
    told = loose.obj(raw)
    return {} if told.get("type") in {None, "text", "json_object", "json_schema"} else {"response_format": told}


def decode_reasoning_ask(fields: dict[str, Json]) -> ReasoningAsk | None:
    """Read how much thinking is asked for: `reasoning`, `reasoning_effort` and the older `include_reasoning`."""
    told, effort = loose.obj(fields.get("reasoning")), fields.get("reasoning_effort")
    include = fields.get("include_reasoning")
    if not told and effort is None and include is None:
        return None
    effort = told.get("effort") or effort
    return ReasoningAsk(
        enabled=told.get("enabled"),
        effort=effort if effort in _EFFORTS else None,
        max_tokens=told.get("max_tokens"),
        exclude=bool(told.get("exclude")) or include is False,
        summary=told.get("summary"),
    )
