"""A Responses client's own bytes on their way to a provider: kept, but where the provider would refuse them."""

from typing import Any

import pytest

from wideband.canon.faults import Faulted
from wideband.canon.request import Loss, Reasoning
from wideband.dialects import seals
from wideband.dialects.base import Draft, Target
from wideband.dialects.openai_responses import DIALECT
from wideband.wire import jsons

TARGET = Target(model="gpt-up", provider="openai")
LONG = "call_" + "x" * 80


def sent(body: dict[str, Any] | bytes, target: Target = TARGET, **quirks: Any) -> tuple[dict[str, Any], Draft]:
    raw = body if isinstance(body, bytes) else jsons.encode({"model": "m", "input": "Hi"} | body)
    draft = DIALECT.splice(DIALECT.read(raw), target)
    return jsons.decode(draft.body), draft


def aimed(*quirks: str, **facts: Any) -> Target:
    return Target(model="gpt-up", provider="openai", quirks=frozenset(quirks), **facts)


def items(*given: dict[str, Any], target: Target = TARGET) -> tuple[list[Any], list[Loss]]:
    found, draft = sent({"input": list(given), "store": False}, target)
    return found["input"], list(draft.losses)


def thought(seal: str | None, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": seal} | more


def test_every_value_keeps_its_bytes_and_its_place() -> None:
    body = (
        b'{"model":"acme/m1","instructions":"\\u0048i","input":[ {"role":"user","content":"caf\xc3\xa9"} ],'
        b'"store":false,'
        b'"tools":[{"type":"namespace","name":"n","tools":[]}],"temperature":1.00,"x_new":{"a": 1},"stream":true}'
    )
    draft = sent(body)[1]
    assert draft.body == body.replace(b'"acme/m1"', b'"gpt-up"')
    assert (draft.path, draft.losses, draft.headers) == ("/responses", (), {})


def test_what_speaks_to_the_gateway_stays_here() -> None:
    gateway = {
        "models": ["a", "b"], "provider": {}, "route": "fallback", "plugins": [], "session_id": "s", "trace": {},
        "usage": {}, "preset": "p", "transforms": [], "debug": {},
    }  # fmt: skip
    assert sent(gateway | {"store": False})[0] == {"model": "gpt-up", "input": "Hi", "store": False}
    assert gateway.keys() <= sent(gateway, aimed("openrouter"))[0].keys()


@pytest.mark.parametrize(
    ("said", "losses"), [({}, []), ({"store": None}, []), ({"store": True}, [Loss("storage")]), ({"store": False}, [])]
)
def test_nothing_is_stored(said: dict[str, Any], losses: list[Loss]) -> None:
    found, draft = sent(said)
    assert found["store"] is False
    assert list(draft.losses) == losses
    assert "store" not in sent(said, aimed("no_store"))[0]


def test_what_would_have_been_stored_travels_with_the_client() -> None:
    thinks = aimed(supported_parameters=frozenset({"reasoning"}))
    assert sent({}, thinks)[0]["include"] == ["reasoning.encrypted_content"]
    assert sent({"include": ["x"]}, thinks)[0]["include"] == ["x", "reasoning.encrypted_content"]
    assert sent({"reasoning": {}})[0]["include"] == ["reasoning.encrypted_content"]
    assert "include" not in sent({"store": False}, thinks)[0]
    assert "include" not in sent({})[0]


def test_no_more_is_asked_for_than_the_endpoint_gives() -> None:
    found, draft = sent({"max_output_tokens": 9000}, aimed(max_output=4096))
    assert found["max_output_tokens"] == 4096
    assert draft.losses == (Loss("max_tokens", "9000 to 4096"),)
    assert sent({"max_output_tokens": 4096}, aimed(max_output=4096))[1].losses == ()


def test_a_seal_goes_back_bare_to_who_made_it() -> None:
    assert items(thought("wideband@openai:gAAA")) == ([thought("gAAA")], [])
    assert items(thought("gAAA")) == ([thought("gAAA")], [])
    packed = seals.pack(Reasoning(data=seals.tag("gAAA", "openai"), format="openai-responses-v1", id="rs_9"))
    assert items(thought(packed)) == ([thought("gAAA", id="rs_9")], [])


@pytest.mark.parametrize(
    "seal",
    [
        "wideband@azure:gAAA",
        seals.pack(Reasoning(text="t", signature="s", format="anthropic-claude-v1")),
        seals.pack(Reasoning(data=seals.tag("gAAA", "azure"), format="openai-responses-v1")),
        seals.pack(Reasoning(data=seals.tag("x", "openai"), format="google-gemini-v1")),
    ],
)
def test_thinking_sealed_by_others_is_left_out_with_the_ids_that_hang_on_it(seal: str) -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": '{"a": 1}'}
    found, losses = items(thought(seal), call, {"type": "message", "id": "msg_1", "role": "user", "content": "x"})
    assert found == [
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": 1}'},
        {"type": "message", "role": "user", "content": "x"},
    ]
    assert losses == [Loss("reasoning_seal", "1 of another provider's")]


def test_thinking_without_a_seal_is_left_out_where_it_is_not_read() -> None:
    told = thought(None, content=[{"type": "reasoning_text", "text": "t"}])
    user = {"role": "user", "content": "x"}
    assert items(told, user) == ([user], [Loss("reasoning_echo", "1 without a seal")])
    for quirk in ("reasoning_text", "openrouter"):
        assert items(told, user, target=aimed(quirk)) == ([told, user], [])


def test_ids_that_the_provider_would_refuse_are_left_out() -> None:
    given = [
        {"type": "message", "id": "m1", "role": "assistant", "content": "a"},
        {"type": "function_call", "id": "call_7", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "message", "id": "msg_2", "role": "user", "content": "b"},
    ]
    assert items(*given)[0] == [
        {"type": "message", "role": "assistant", "content": "a"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        given[2],
        given[3],
    ]


def test_long_call_ids_are_shortened_alike() -> None:
    found, losses = items(
        {"type": "custom_tool_call", "call_id": LONG, "name": "f", "input": ""},
        {"type": "custom_tool_call_output", "call_id": LONG, "output": "ok"},
    )
    assert found[0]["call_id"] == found[1]["call_id"]
    assert len(found[0]["call_id"]) <= 64
    assert losses == []


def test_input_that_needs_no_change_is_not_written_anew() -> None:
    body = (
        b'{"model":"m","store":false,"input":[ {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"g"},'
    )
    body += b' {"id":"odd","type":"item_of_tomorrow"},{"role":"user","content":"\\"id\\":\\"x\\""} ]}'
    assert sent(body)[1].body == body.replace(b'"m"', b'"gpt-up"')


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"effort": "high", "summary": "auto"}, {"effort": "high", "summary": "auto"}),
        ({"max_tokens": 8000, "exclude": True}, {"effort": "low"}),
        ({"enabled": True, "summary": "auto"}, {"summary": "auto", "effort": "medium"}),
        ({"enabled": False}, {}),
    ],
)
def test_thinking_is_asked_for_in_openais_words(asked: dict[str, Any], told: dict[str, Any]) -> None:
    body = {"reasoning": asked, "max_output_tokens": 40_000}
    assert sent(body)[0]["reasoning"] == told
    assert sent(body, aimed("openrouter"))[0]["reasoning"] == asked


def test_what_the_endpoint_is_known_to_refuse_is_left_out() -> None:
    body = {
        "temperature": 1,
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "low"},
        "tools": [],
        "tool_choice": "auto",
        "include": ["reasoning.encrypted_content", "x"],
        "stream_options": {"include_obfuscation": False},
        "store": False,
    }
    found, draft = sent(body, aimed(supported_parameters=frozenset({"max_tokens"})))
    assert found == {"model": "gpt-up", "input": "Hi", "text": {}, "include": ["x"], "store": False}
    assert [loss.feature for loss in draft.losses] == ["unsupported_field", "unsupported_field", "verbosity"]


@pytest.mark.parametrize(
    ("quirk", "given", "told"),
    [
        ("basic_effort", {"reasoning": {"effort": "minimal"}}, {"reasoning": {"effort": "low"}}),
        (
            "no_developer_role",
            {"input": [{"role": "developer", "content": "d"}]},
            {"input": [{"role": "system", "content": "d"}]},
        ),
        (
            "no_json_schema",
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}},
            {"text": {"format": {"type": "json_object"}}},
        ),
        (
            "no_strict",
            {"tools": [{"type": "function", "name": "f", "strict": True}]},
            {"tools": [{"type": "function", "name": "f"}]},
        ),
        (
            "no_strict",
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}}},
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}},
        ),
        (
            "no_verbosity",
            {"text": {"verbosity": "low", "format": {"type": "text"}}},
            {"text": {"format": {"type": "text"}}},
        ),
        (
            "plain_schemas",
            {"tools": [{"type": "function", "name": "f", "parameters": {"$schema": "s", "type": "object"}}]},
            {"tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]},
        ),
    ],
)
def test_quirks_mean_here_what_they_mean_in_chat(quirk: str, given: dict[str, Any], told: dict[str, Any]) -> None:
    found = sent(given | {"store": False}, aimed(quirk))[0]
    assert {name: found[name] for name in told} == told
    same = sent(told | {"store": False}, aimed(quirk))[0]
    assert {name: same[name] for name in told} == told


def test_cache_breakpoints_of_other_protocols_are_taken_off() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    own = {"prompt_cache_breakpoint": {"mode": "explicit"}}
    body = {
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "a", **mark, **own}]}],
        "tools": [{"type": "function", "name": "f", **mark}],
        "store": False,
        **mark,
    }
    found, draft = sent(body)
    assert found["input"] == [{"role": "user", "content": [{"type": "input_text", "text": "a", **own}]}]
    assert found["tools"] == [{"type": "function", "name": "f"}]
    assert [loss.feature for loss in draft.losses] == ["cache_control"] * 3
    assert sent(body, aimed("cache_control"))[0]["input"] == body["input"]


def test_a_body_too_deep_to_be_changed_is_refused() -> None:
    deep = b"[" * 3000 + b"]" * 3000
    body = b'{"model":"m","input":[{"type":"x","id":"odd","y":' + deep + b"}]}"
    with pytest.raises(Faulted) as caught:
        sent(body)
    assert caught.value.fault.status == 400
