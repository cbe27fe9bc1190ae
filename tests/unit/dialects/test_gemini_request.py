"""A generateContent body in full, as a canonical request."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wideband.canon.faults import Faulted, FaultKind
from wideband.canon.request import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningAsk,
    Request,
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from wideband.dialects import seals
from wideband.dialects.gemini_generate import words
from wideband.dialects.gemini_generate.request import decode_request

GOLDENS = sorted((Path(__file__).parents[2] / "golden" / "gemini_generate").glob("client_*"))
CLAUDE = Reasoning(text="Let me look.", signature="wideband@anthropic:sig", format="anthropic-claude-v1")
OPENAI = Reasoning(data="wideband@openai:enc", id="rs_1", summary=True, format="openai-responses-v1")
KIMI = Reasoning(text="Hm, a file.")
LOW = {"level": "MEDIA_RESOLUTION_LOW"}


def decode(**fields: Any) -> Request:
    whole = {"model": "m", "stream": False, "alt": "json", "contents": [{"parts": [{"text": "Hi"}]}]}
    return decode_request(json.dumps({**whole, **fields}).encode())


def turns(*contents: dict[str, Any]) -> tuple[Message, ...]:
    return decode(contents=list(contents)).messages


def said(*parts: dict[str, Any]) -> tuple[Part, ...]:
    (message,) = turns({"role": "model", "parts": list(parts)})
    return message.parts


def part(raw: dict[str, Any]) -> Part:
    (message,) = turns({"role": "user", "parts": [raw]})
    (found,) = message.parts
    return found


def call(name: str = "f", **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {}, **more}}


def answer(response: Any, name: str | None = "f", **more: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": response, **more}}


def plain(value: Any) -> Any:
    """Say a canonical value as JSON: each struct with its name and what differs from its defaults."""
    if isinstance(value, msgspec.Struct):
        told = {name: getattr(value, name) for name in value.__struct_fields__}
        fresh = {each.name: each.default for each in msgspec.structs.fields(value)}
        shown = {name: plain(each) for name, each in told.items() if each != fresh[name] and each not in ({}, ())}
        return {"is": type(value).__name__} | {name: each for name, each in shown.items() if each != {"is": "Sampling"}}
    return [plain(each) for each in value] if isinstance(value, tuple | list) else value


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda path: path.name)
def test_a_clients_request_means_its_canonical_request(golden: Path) -> None:
    request = decode_request((golden / "request.json").read_bytes())
    assert plain(request) == json.loads((golden / "canon.json").read_bytes())["request"]


def test_a_plain_request() -> None:
    assert decode() == Request(
        dialect="gemini_generate", model="m", messages=(Message(role="user", parts=(Text(text="Hi"),)),)
    )


@pytest.mark.parametrize(
    ("role", "meant"),
    [("user", "user"), ("function", "user"), ("", "user"), (None, "user"), ("model", "assistant"), ("USER", "user")],
)
def test_roles(role: str | None, meant: str) -> None:
    (message,) = turns({"role": role, "parts": [{"text": "Hi"}]})
    assert message.role == meant


@pytest.mark.parametrize("told", ["Be brief.", {"parts": {"text": "Be brief."}}, {"parts": [{"text": "Be brief."}]}])
@pytest.mark.parametrize("name", ["systemInstruction", "system_instruction"])
def test_system_instructions_in_every_shape(name: str, told: Any) -> None:
    assert decode(**{name: told}).messages[0] == Message(role="system", parts=(Text(text="Be brief."),))


def test_text_that_streaming_cut_is_one_text_and_contents_of_one_turn_are_one_message() -> None:
    pieces = [{"role": "model", "parts": [{"text": text}]} for text in ("Hel", "lo", "")]
    assert turns(*pieces, {"role": "model", "parts": [call(id="a")]}) == (
        Message(role="assistant", parts=(Text(text="Hello"), ToolCall(id="a", name="f", arguments="{}"))),
    )


def test_texts_of_a_user_stay_apart() -> None:
    (message,) = turns({"role": "user", "parts": [{"text": "a"}, {"text": "b"}]})
    assert message.parts == (Text(text="a"), Text(text="b"))


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ({"inlineData": {"mimeType": "image/png", "data": "-_8"}}, Image(data="+/8=", media_type="image/png")),
        ({"inline_data": {"mime_type": "audio/mpeg", "data": "QUJD"}}, Audio(data="QUJD", format="mp3")),
        (
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBE", "displayName": "a.pdf"}},
            File(data="JVBE", media_type="application/pdf", filename="a.pdf"),
        ),
        ({"inlineData": {"mimeType": "text/plain", "data": "SGk="}}, File(text="Hi", media_type="text/plain")),
        (
            {"inlineData": {"mimeType": "image/png", "data": "QUJD"}, "mediaResolution": LOW},
            Image(data="QUJD", media_type="image/png", detail="low"),
        ),
        (
            {"fileData": {"fileUri": "https://a.b/c.png", "mimeType": "image/png"}},
            Image(url="https://a.b/c.png", media_type="image/png"),
        ),
        (
            {"fileData": {"fileUri": "gs://a/b.pdf", "mimeType": "application/pdf"}},
            File(file_id="gs://a/b.pdf", media_type="application/pdf"),
        ),
        (
            {"fileData": {"fileUri": "https://youtu.be/x"}, "videoMetadata": {"fps": 1}},
            File(url="https://youtu.be/x", extras={"videoMetadata": {"fps": 1}}),
        ),
    ],
)
def test_media(raw: dict[str, Any], meant: Part) -> None:
    assert part(raw) == meant


def test_what_only_gemini_knows_is_kept_whole() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    assert said({**code, "thoughtSignature": "QUJD"}) == (
        Reasoning(data="QUJD", format=words.REASONING_FORMAT),
        Opaque(dialect="gemini_generate", kind="server_tool_blocks", raw=code),
    )
    assert said({"hologram": {"a": 1}}) == (
        Opaque(dialect="gemini_generate", kind="unknown_block", raw={"hologram": {"a": 1}}),
    )
    assert turns({"role": "model", "parts": [{}]}, {"parts": [{"text": "Hi"}]})[-1].parts == (Text(text="Hi"),)


def test_calls_without_ids_are_paired_by_name_and_order_and_told_apart() -> None:
    model, user = turns(
        {"role": "model", "parts": [call("f"), call("g"), call("f")]},
        {"role": "user", "parts": [answer({"output": "1"}), answer({"output": "2"}), answer({"output": "g"}, "g")]},
    )
    ids = [each.id for each in model.parts if isinstance(each, ToolCall)]
    assert ids == ["call_0_0", "call_0_1", "call_0_2"]
    assert [each.call_id for each in user.parts if isinstance(each, ToolResult)] == [ids[0], ids[2], ids[1]]


def test_made_up_ids_stay_the_same_as_the_conversation_grows() -> None:
    first: list[dict[str, Any]] = [
        {"parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [call()]},
        {"parts": [answer({})]},
    ]
    longer = [*first, {"role": "model", "parts": [call()]}, {"parts": [answer({})]}]
    assert turns(*longer)[:3] == turns(*first)
    assert isinstance(result := turns(*longer)[4].parts[0], ToolResult)
    assert result.call_id == "call_3_0"


def test_given_ids_are_kept_and_one_given_twice_is_told_apart() -> None:
    model, user = turns(
        {"role": "model", "parts": [call(id="x"), call(id="x"), call(id="call_0_1")]},
        {"parts": [answer({}, id="call_0_1"), answer({}, id="x"), answer({}, id="x")]},
    )
    ids = [each.id for each in model.parts if isinstance(each, ToolCall)]
    assert ids[0] == "x"
    assert len(set(ids)) == 3
    assert [each.call_id for each in user.parts if isinstance(each, ToolResult)] == [ids[2], ids[0], ids[1]]


def test_results_in_contents_of_their_own_and_late_ones() -> None:
    messages = turns(
        {"role": "model", "parts": [call("f", id="late"), call("g")]},
        {"role": "function", "parts": [answer({}, "g")]},
        {"role": "model", "parts": [call("f")]},
        {"role": "function", "parts": [answer({}, "f")]},
        {"role": "function", "parts": [answer({}, "f", id="late")]},
    )
    found = [each.call_id for message in messages for each in message.parts if isinstance(each, ToolResult)]
    assert found == ["call_0_1", "call_2_0", "late"]


def test_a_result_without_its_call_has_an_id_of_its_own() -> None:
    (message,) = turns({"parts": [answer({"output": "x"}), answer({"output": "y"})]})
    ids = [each.call_id for each in message.parts if isinstance(each, ToolResult)]
    assert ids == ["result_0_1", "result_0_2"]


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"output": "x"}, "x", False),
        ({"result": "x"}, "x", False),
        ({"name": "f", "content": "x"}, "x", False),
        ({"content": [{"a": 1}]}, '[{"a":1}]', False),
        ({"error": "x"}, "x", True),
        ({"error": {"code": 1}}, '{"code":1}', True),
        ({"output": "x", "error": "y"}, '{"output":"x","error":"y"}', False),
        ({"name": "f"}, '{"name":"f"}', False),
        ({"temperature": 7}, '{"temperature":7}', False),
        ("x", "x", False),
        ({}, None, False),
    ],
)
def test_what_a_function_returned(response: Any, text: str | None, is_error: bool) -> None:
    parts = () if text is None else (Text(text=text),)
    assert part(answer(response, id="a")) == ToolResult(call_id="a", name="f", parts=parts, is_error=is_error)


def test_a_function_returns_pictures_too() -> None:
    raw = answer({"output": "x"}, id="a", parts=[{"inlineData": {"mimeType": "image/png", "data": "QUJD"}}])
    found = part(raw)
    assert isinstance(found, ToolResult)
    assert found.parts == (Text(text="x"), Image(data="QUJD", media_type="image/png"))


def test_geminis_own_seals_stand_before_their_parts_and_name_their_calls() -> None:
    thought = {"text": "Well", "thought": True, "thoughtSignature": "QQ=="}
    assert said(thought, {**call(id="a"), "thought_signature": "Qg=="}) == (
        Reasoning(text="Well", signature="QQ==", format=words.REASONING_FORMAT),
        Reasoning(data="Qg==", format=words.REASONING_FORMAT, id="a"),
        ToolCall(id="a", name="f", arguments="{}"),
    )
    assert said({"text": "Done."}, {"text": "", "thoughtSignature": "QQ=="}) == (
        Text(text="Done."),
        Reasoning(data="QQ==", format=words.REASONING_FORMAT),
    )


@pytest.mark.parametrize(
    "word", ["skip_thought_signature_validator", "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=", ""]
)
def test_a_stand_in_for_a_seal_is_none(word: str) -> None:
    assert said({**call(id="a"), "thoughtSignature": word}) == (ToolCall(id="a", name="f", arguments="{}"),)


@pytest.mark.parametrize("blocks", [(CLAUDE,), (OPENAI,), (KIMI,), (CLAUDE, OPENAI, KIMI)])
@pytest.mark.parametrize("echo", [True, False])
def test_packed_thinking_of_others_comes_back_before_the_text_and_once(
    blocks: tuple[Reasoning, ...], echo: bool
) -> None:
    texts = [{"text": block.text, "thought": True} for block in blocks if block.text and echo]
    parts = said(*texts, {"text": "I look"}, {"text": "."}, {**call(id="a"), "thoughtSignature": words.seal(*blocks)})
    assert parts == (*blocks, Text(text="I look."), ToolCall(id="a", name="f", arguments="{}"))


def test_a_seal_that_names_its_provider_stays_on_its_call() -> None:
    tagged = Reasoning(data=seals.tag("QUJD", "google"), format=words.REASONING_FORMAT)
    assert said({"text": "Hm"}, {**call(id="a"), "thoughtSignature": words.seal(tagged)}) == (
        Text(text="Hm"),
        msgspec.structs.replace(tagged, id="a"),
        ToolCall(id="a", name="f", arguments="{}"),
    )


def test_seals_survive_any_base64_alphabet() -> None:
    sealed = words.seal(CLAUDE, Reasoning(text="~~~???>>>", signature="s", format="x"))
    for text in (sealed, sealed.replace("-", "+").replace("_", "/"), sealed.rstrip("=")):
        assert words.unseal(text)[0] == CLAUDE
        assert len(words.unseal(text)) == 2
    assert seals.last_provider(b'{"thoughtSignature":"%b"}' % words.seal(KIMI, CLAUDE).encode()) == "anthropic"


def test_schemas_become_json_schema() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "type": {"type": "STRING", "nullable": True, "enum": ["a"]},
            "max_items": {"type": "ARRAY", "items": {"type": "INTEGER", "format": "int32"}, "min_items": "1"},
            "either": {"any_of": [{"type": "STRING"}, {"type": "NUMBER"}], "nullable": True},
        },
        "propertyOrdering": ["type"],
        "required": ["type"],
    }
    (tool,) = decode(
        tools=[{"functionDeclarations": [{"name": "f", "parameters": schema, "behavior": "BLOCKING"}]}]
    ).tools
    assert tool == Tool(
        name="f",
        parameters={
            "type": "object",
            "properties": {
                "type": {"type": ["string", "null"], "enum": ["a", None]},
                "max_items": {"type": "array", "items": {"type": "integer", "format": "int32"}, "minItems": 1},
                "either": {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
            },
            "required": ["type"],
        },
        extras={"behavior": "BLOCKING"},
    )


@pytest.mark.parametrize("name", ["parametersJsonSchema", "parameters_json_schema"])
def test_json_schemas_are_left_as_they_are(name: str) -> None:
    schema = {"$schema": "x", "type": "object", "nullable": True}
    (tool,) = decode(tools=[{"function_declarations": [{"name": "f", name: schema}]}]).tools
    assert tool == Tool(name="f", parameters=schema)


def test_tools_that_google_runs() -> None:
    assert decode(
        tools=[{"google_search": {}, "functionDeclarations": [{"name": "f"}]}, {"codeExecution": {}}]
    ).tools == (
        Tool(name="f"),
        ServerTool(dialect="gemini_generate", type="googleSearch", raw={"google_search": {}}),
        ServerTool(dialect="gemini_generate", type="codeExecution", raw={"codeExecution": {}}),
    )


@pytest.mark.parametrize(
    ("calling", "choice", "left"),
    [
        ({"mode": "AUTO"}, ToolChoice(mode="auto"), "fg"),
        ({"mode": "any"}, ToolChoice(mode="required"), "fg"),
        ({"mode": "NONE"}, ToolChoice(mode="none"), "fg"),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["g"]}, ToolChoice(mode="auto"), "g"),
        ({"mode": "ANY", "allowedFunctionNames": ["g"]}, ToolChoice(mode="tool", name="g"), "fg"),
        ({"mode": "ANY", "allowed_function_names": ["f", "g"]}, ToolChoice(mode="required"), "fg"),
        ({"mode": "ANY", "allowed_function_names": ["x", "y"]}, ToolChoice(mode="required"), "fg"),
        ({}, None, "fg"),
    ],
)
def test_how_functions_may_be_called(calling: dict[str, Any], choice: ToolChoice | None, left: str) -> None:
    tools = [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]
    request = decode(tools=tools, toolConfig={"functionCallingConfig": calling})
    assert request.tool_choice == choice
    assert "".join(tool.name for tool in request.tools if isinstance(tool, Tool)) == left


@pytest.mark.parametrize(
    ("config", "meant"),
    [
        ({"responseMimeType": "application/json"}, OutputFormat(type="json_object")),
        ({"response_mime_type": "text/plain"}, None),
        (
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
            OutputFormat(type="json_schema", schema={"type": "object"}),
        ),
        ({"response_schema": {"type": "OBJECT"}}, OutputFormat(type="json_schema", schema={"type": "object"})),
        ({"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING"}}, None),
    ],
)
def test_the_form_of_the_answer(config: dict[str, Any], meant: OutputFormat | None) -> None:
    assert decode(generationConfig=config).output == meant


SHOWN: dict[str, Any] = {"summary": "auto", "display": "summarized"}


@pytest.mark.parametrize(
    ("thinking", "meant"),
    [
        ({"includeThoughts": True}, ReasoningAsk(**SHOWN)),
        ({"thinkingBudget": 0}, ReasoningAsk(enabled=False)),
        ({"thinking_budget": "512", "include_thoughts": True}, ReasoningAsk(enabled=True, max_tokens=512, **SHOWN)),
        ({"thinkingBudget": -1}, ReasoningAsk(enabled=True, adaptive=True)),
        ({"thinkingLevel": "minimal"}, ReasoningAsk(enabled=True, effort="minimal")),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, ReasoningAsk()),
    ],
)
def test_how_much_thinking_is_asked_for(thinking: dict[str, Any], meant: ReasoningAsk) -> None:
    assert decode(generationConfig={"thinkingConfig": thinking}).reasoning == meant


def test_the_rest_of_the_configuration() -> None:
    request = decode(
        generationConfig={
            "temperature": 0.5, "topP": "0.9", "topK": 40.0, "seed": 7, "presencePenalty": 1, "frequency_penalty": 2,
            "responseLogprobs": True, "logprobs": 3, "maxOutputTokens": 10, "candidateCount": 2, "stopSequences": ["x"],
            "responseModalities": ["TEXT"], "speechConfig": {"voice": "v"},
        },
        safetySettings=[], labels={"a": "b"}, service_tier="SERVICE_TIER_FLEX", toolConfig={"retrievalConfig": {}},
        provider={"sort": "price"}, session_id="s", user="u",
    )  # fmt: skip
    knobs = request.sampling
    assert (knobs.temperature, knobs.top_p, knobs.top_k, knobs.seed) == (0.5, 0.9, 40, 7)
    assert (knobs.presence_penalty, knobs.frequency_penalty, knobs.logprobs, knobs.top_logprobs) == (1, 2, True, 3)
    assert (request.max_tokens, request.n, request.stop, request.service_tier, request.user) == (
        10,
        2,
        ("x",),
        "flex",
        "u",
    )
    assert request.extras == {
        "safetySettings": [],
        "labels": {"a": "b"},
        "generationConfig": {"speechConfig": {"voice": "v"}},
        "toolConfig": {"retrievalConfig": {}},
    }


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"contents": []}, "contents"),
        ({"contents": [{"role": "robot", "parts": []}]}, "contents.0.role"),
        ({"contents": [{"parts": [7]}]}, "contents.0.parts.0"),
        ({"contents": [{"parts": [{"text": 7}]}]}, "contents.0.parts.0.text"),
        ({"contents": [{"parts": [{"functionCall": {"args": {}}}]}]}, "contents.0.parts.0.functionCall.name"),
        (
            {"contents": [{"parts": [{"functionCall": {"name": "f", "args": []}}]}]},
            "contents.0.parts.0.functionCall.args",
        ),
        ({"generationConfig": {"maxOutputTokens": "x"}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"maxOutputTokens": 1.5}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"candidateCount": 0}}, "generationConfig.candidateCount"),
        ({"generationConfig": {"stopSequences": [1]}}, "generationConfig.stopSequences"),
        ({"generationConfig": {"responseJsonSchema": 1}}, "generationConfig.responseJsonSchema"),
        ({"generationConfig": {"temperature": "inf"}}, "generationConfig.temperature"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools.0.functionDeclarations.0.name"),
        ({"tools": 7}, "tools"),
        ({"toolConfig": []}, "toolConfig"),
        ({"model": None}, "model"),
    ],
)
def test_wrong_types_are_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Faulted) as caught:
        decode(**fields)
    assert caught.value.fault.kind is FaultKind.INVALID_REQUEST
    assert caught.value.fault.param == param
    assert f"`{param}`" in caught.value.fault.message


def test_endless_nesting_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(100):
        schema = {"items": schema}
    with pytest.raises(Faulted, match="nested deeper"):
        decode(tools=[{"functionDeclarations": [{"name": "f", "parameters": schema}]}])


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"'])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(Faulted):
        decode_request(body)
