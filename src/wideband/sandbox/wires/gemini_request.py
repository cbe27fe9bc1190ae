"""What is asked of a provider of Gemini's generateContent: contents, tools and configuration."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from wideband.canon.faults import invalid
from wideband.sandbox.asked import (
    Asked,
    Heard,
    OfferedTool,
    ToolMode,
    list_of,
    number,
    object_of,
    offered,
    whole_number,
)
from wideband.sandbox.sealing import Shown
from wideband.sandbox.wires import gemini_names as names
from wideband.sandbox.wires.gemini_names import Fields, named
from wideband.wire import jsons

_MODES: dict[str, ToolMode] = {"AUTO": "auto", "NONE": "none", "ANY": "required", "VALIDATED": "auto"}
_LEVELS = frozenset({"MINIMAL", "LOW", "MEDIUM", "HIGH", "THINKING_LEVEL_UNSPECIFIED"})


def read(model: str, stream: bool, body: bytes) -> Asked:
    """Understand a request, of which the path said the rest. Raises `Faulted` for what a real provider would refuse."""
    return _asked(named(object_of(body), names.BODY, ""), model, stream)


def read_counted(model: str, body: bytes) -> Asked:
    """Understand a request to count, which is of contents alone or of a whole request."""
    fields = named(object_of(body), names.COUNTED, "")
    inner = fields.get("generateContentRequest")
    return _asked(fields if inner is None else named(inner, names.BODY, "generate_content_request"), model, False)


def _asked(fields: Fields, model: str, stream: bool) -> Asked:
    heard = _Contents()
    if fields.get("systemInstruction") is not None:
        heard.content({"role": "user", **_content(fields["systemInstruction"], "system_instruction")}, "system")
    contents = list_of(fields, "contents")
    if not contents:
        raise invalid("* GenerateContentRequest.contents: contents is not specified", "contents")
    heard.begin()
    for index, content in enumerate(contents):
        heard.content(_content(content, f"contents[{index}]"), f"contents[{index}]")
    heard.end()
    config = named(fields.get("generationConfig") or {}, names.CONFIG, "generation_config")
    _check_config(config)
    thinking = named(config.get("thinkingConfig") or {}, names.THINKING, "generation_config.thinking_config")
    _check_thinking(thinking)
    tools = _tools(fields)
    mode, chosen = _tool_config(fields, tools)
    return Asked(
        model=model,
        text="".join(heard.pieces),
        stream=stream,
        include_usage=True,
        max_tokens=whole_number(config, "maxOutputTokens", 1),
        n=whole_number(config, "candidateCount", 1, 8) or 1,
        stop=tuple(str(item) for item in list_of(config, "stopSequences")),
        media_count=heard.media_count,
        tools=tuple(tool for tool in tools if not chosen or tool.name in chosen),
        tool_chars=len(jsons.encode(fields["tools"])) if tools else 0,
        tool_mode=mode,
        answers_tool=heard.answers,
        schema=_schema(config),
        thinks=False if thinking.get("thinkingBudget") == 0 else None,
        shows_thoughts=bool(thinking.get("includeThoughts")),
        seals=tuple(heard.seals),
        unsealed=heard.unsealed,
    )


def _content(value: Any, where: str) -> Fields:
    content = named(value, names.CONTENT, where)
    if not isinstance(content.get("parts"), list) or not content["parts"]:
        raise invalid(f"* GenerateContentRequest.{where}.parts: must include at least one parts field", where)
    return content


class _Contents(Heard):
    """Contents as they come: who spoke last, which calls are open, and where a seal is missing.

    `unsealed` looks only at the turn in progress: the steps since the user last said something of their own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answers = False
        self.unsealed: str | None = None
        self._calls: Counter[str] = Counter()

    def begin(self) -> None:
        """Begin with the contents, after the instructions."""
        self.answers = False

    def content(self, content: Fields, where: str) -> None:
        role = content.get("role", "user")
        if role not in {"user", "model", "function"}:
            raise invalid("Please use a valid role: user, model.", where)
        parts = [named(part, names.PART, f"{where}.parts[{index}]") for index, part in enumerate(content["parts"])]
        answered = Counter(_name_of(part["functionResponse"]) for part in parts if "functionResponse" in part)
        if answered != self._calls:
            raise invalid(
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn.",
                where,
            )
        self._calls = Counter(_name_of(part["functionCall"]) for part in parts if "functionCall" in part)
        if self._calls and role != "model":
            raise invalid("Please use a valid role for a function call: model.", where)
        self.answers = bool(answered)
        if role != "model" and not answered:
            self.unsealed = None
        for index, part in enumerate(parts):
            self._part(part, f"{where}.parts[{index}]")
        first = next((part for part in parts if "functionCall" in part), None)
        if first is not None and not first.get("thoughtSignature"):
            self.unsealed = self.unsealed or f"Function call `{_name_of(first['functionCall'])}` in {where}"

    def end(self) -> None:
        """Refuse calls that nobody answered."""
        if self._calls:
            raise invalid("Please ensure that function call turns are followed by function responses.", "contents")

    def _part(self, part: Fields, where: str) -> None:
        kinds = [kind for kind in _HEARERS if kind in part]
        if len(kinds) != 1:
            raise invalid(f"* {where}.data: required oneof field 'data' must have one initialized field", where)
        _HEARERS[kinds[0]](self, part[kinds[0]], where)
        seal = part.get("thoughtSignature")
        if seal is not None:
            bound = _name_of(part["functionCall"]) if "functionCall" in part else ""
            self.seals.append(Shown(str(seal), f"{where}.thought_signature", bound))


def _name_of(value: Any) -> str:
    name = value.get("name") if isinstance(value, dict) else None
    if not isinstance(name, str) or not name:
        raise invalid("* GenerateContentRequest.contents.parts: function name cannot be empty", "contents")
    return name


def _call(heard: Heard, value: Any, where: str) -> None:
    call = named(value, names.CALL, f"{where}.function_call")
    args = call.get("args", {})
    if not isinstance(args, dict):
        raise invalid(f"Invalid value at '{where}.function_call.args' (type.googleapis.com/google.protobuf.Struct)")
    heard.text(jsons.encode(args).decode(), where)


def _response(heard: Heard, value: Any, where: str) -> None:
    found = named(value, names.RESPONSE, f"{where}.function_response")
    if not isinstance(found.get("response"), dict):
        raise invalid(f"Invalid value at '{where}.function_response.response' (google.protobuf.Struct)", where)
    heard.text(jsons.encode(found["response"]).decode(), where)
    for part in list_of(found, "parts"):
        _blob(heard, named(part, frozenset({"inlineData"}), where).get("inlineData"), where)


def _blob(heard: Heard, value: Any, where: str) -> None:
    blob = named(value, names.BLOB, f"{where}.inline_data")
    if not isinstance(blob.get("mimeType"), str) or not isinstance(blob.get("data"), str):
        raise invalid(f"Invalid value at '{where}.inline_data': it needs a mime_type and data", where)
    heard.media_count += 1


def _file(heard: Heard, value: Any, where: str) -> None:
    if not isinstance(named(value, names.FILE, f"{where}.file_data").get("fileUri"), str):
        raise invalid(f"Invalid value at '{where}.file_data': it needs a file_uri", where)
    heard.media_count += 1


_HEARERS: dict[str, Callable[[Heard, Any, str], None]] = {
    "text": Heard.text,
    "functionCall": _call,
    "functionResponse": _response,
    "inlineData": _blob,
    "fileData": _file,
}


def _check_config(config: Fields) -> None:
    number(config, "temperature", 0, 2)
    number(config, "topP", 0, 1)
    number(config, "topK", 1, 1000)
    number(config, "presencePenalty", -2, 2)
    number(config, "frequencyPenalty", -2, 2)
    if len(list_of(config, "stopSequences")) > 5:
        raise invalid("The number of stop sequences must be at most 5", "generation_config.stop_sequences")


def _check_thinking(thinking: Fields) -> None:
    whole_number(thinking, "thinkingBudget", -1, 65_536)
    level = thinking.get("thinkingLevel")
    if level is not None and str(level).upper() not in _LEVELS:
        raise invalid(
            f"Invalid value at 'generation_config.thinking_config.thinking_level': {level!r}", "thinkingLevel"
        )
    if level is not None and thinking.get("thinkingBudget") is not None:
        raise invalid("You can only set only one of thinking budget and thinking level.", "thinkingLevel")


def _tools(fields: Fields) -> tuple[OfferedTool, ...]:
    found: list[OfferedTool] = []
    for index, tool in enumerate(list_of(fields, "tools")):
        where = f"tools[{index}]"
        held = named(tool, names.TOOL, where)
        for at, function in enumerate(list_of(held, "functionDeclarations")):
            found.append(_function(function, f"{where}.function_declarations[{at}]"))
    if len({tool.name for tool in found}) != len(found):
        raise invalid("Duplicate function declaration found", "tools")
    return tuple(found)


def _function(value: Any, where: str) -> OfferedTool:
    function = named(value, names.FUNCTION, where)
    if function.get("parameters") is not None and function.get("parametersJsonSchema") is not None:
        raise invalid(f"{where}: parameters and parameters_json_schema are mutually exclusive", where)
    schema = function.get("parametersJsonSchema")
    if schema is None:
        schema = names.schema(function.get("parameters") or {}, f"{where}.parameters")
    return offered(function.get("name"), schema, where)


def _tool_config(fields: Fields, tools: tuple[OfferedTool, ...]) -> tuple[ToolMode, frozenset[str]]:
    config = named(fields.get("toolConfig") or {}, names.TOOL_CONFIG, "tool_config")
    calling = named(config.get("functionCallingConfig") or {}, names.CALLING, "tool_config.function_calling_config")
    word = str(calling.get("mode", "AUTO")).upper()
    mode, allowed = _MODES.get(word), frozenset(list_of(calling, "allowedFunctionNames"))
    if mode is None:
        raise invalid(f"Invalid value at 'tool_config.function_calling_config.mode': {word!r}", "toolConfig")
    if allowed and word not in {"ANY", "VALIDATED"}:
        raise invalid("Allowed function names should only be set when function calling mode is ANY.", "toolConfig")
    if not allowed <= {tool.name for tool in tools} or (mode == "required" and not tools):
        raise invalid("Function calling mode ANY needs function declarations of the allowed names.", "toolConfig")
    return mode, allowed


def _schema(config: Fields) -> dict[str, Any] | None:
    kind = config.get("responseMimeType", "text/plain")
    free = config.get("responseJsonSchema", config.get("_responseJsonSchema"))
    held = config.get("responseSchema")
    if held is not None and free is not None:
        raise invalid("response_schema and response_json_schema are mutually exclusive", "responseSchema")
    if kind != "application/json":
        if held is not None or free is not None:
            raise invalid("A response schema needs the response mime type application/json", "responseMimeType")
        return None
    if isinstance(free, dict):
        return free
    if held is None:
        return {"type": "object", "properties": {"answer": {"type": "string"}}}
    return names.schema(held, "generation_config.response_schema")
