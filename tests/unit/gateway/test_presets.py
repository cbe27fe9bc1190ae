"""A preset is written into the caller's body, in the caller's protocol, before anything else reads it."""

from typing import Any

import pytest
from tests.unit.gateway.stage import endpoint, stage

from wideband.canon.faults import Faulted, FaultKind
from wideband.catalog.presets import Preset, Shelf, make_preset
from wideband.dialects.registry import DIALECTS
from wideband.gateway.presets import Applied, apply_preset, check_preset, preset_from_body, read_body
from wideband.upstream.scripted import Act
from wideband.wire import jsons

LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
SUPPORT = make_preset(
    {
        "slug": "support",
        "model": "acme/m1",
        "models": ["acme/m2"],
        "system_prompt": "Be kind.",
        "provider": {"sort": "price", "only": ["north"]},
        "temperature": 0.2,
        "max_tokens": 900,
        "tools": [LOOK],
        "tool_choice": "required",
    }
)
ASKED: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": [{"role": "user", "content": "Hi"}]},
    "openai_responses": {"input": "Hi"},
    "anthropic_messages": {"max_tokens": 500, "messages": [{"role": "user", "content": "Hi"}]},
    "gemini_generate": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
}


def applied(dialect: str, body: dict[str, Any] | bytes, *presets: Preset) -> Applied:
    written = body if isinstance(body, bytes) else jsons.encode(body)
    shelf = Shelf({preset.slug: preset for preset in presets or (SUPPORT,)})
    found = apply_preset(DIALECTS[dialect], written, shelf, "local")
    assert found is not None
    DIALECTS[dialect].read(found.body)
    return found


def body_of(dialect: str, body: dict[str, Any], *presets: Preset) -> dict[str, Any]:
    found: dict[str, Any] = jsons.decode(applied(dialect, body, *presets).body)
    return found


@pytest.mark.parametrize("dialect", ASKED)
def test_what_a_preset_says_is_read_back_alike_in_every_protocol(dialect: str) -> None:
    found = applied(dialect, {"model": "@preset/support", **ASKED[dialect]})
    ask, request = DIALECTS[dialect].read(found.body), DIALECTS[dialect].decode_request(found.body)
    assert (ask.model, ask.models) == ("acme/m1", ("acme/m1", "acme/m2"))
    assert ask.preferences == {"sort": "price", "only": ["north"]}
    assert (request.sampling.temperature, request.max_tokens) == (0.2, 500 if "anthropic" in dialect else 900)
    assert [getattr(tool, "name", None) for tool in request.tools] == ["look"]
    assert request.tool_choice is not None
    assert request.tool_choice.mode == "required"
    assert (request.messages[0].role, getattr(request.messages[0].parts[0], "text", "")) == ("system", "Be kind.")
    assert found.losses == ()


@pytest.mark.parametrize(
    ("body", "models"),
    [
        ({"model": "@preset/support"}, ("acme/m1", ["acme/m2"])),
        ({"preset": "support"}, ("acme/m1", ["acme/m2"])),
        ({"preset": "@preset/support", "models": ["acme/m3"]}, ("acme/m1", ["acme/m3"])),
        ({"model": "acme/m9:nitro@preset/support"}, ("acme/m9:nitro", None)),
        ({"model": "acme/m9", "preset": "support"}, ("acme/m9", None)),
    ],
)
def test_a_preset_is_named_in_three_ways_and_a_model_beside_it_wins(body: dict[str, Any], models: Any) -> None:
    found = body_of("openai_chat", {**body, **ASKED["openai_chat"]})
    assert (found["model"], found.get("models")) == models
    assert "preset" not in found


def test_the_requests_own_fields_win() -> None:
    own: dict[str, Any] = {
        "model": "@preset/support",
        "provider": {"sort": "latency"},
        "temperature": 1,
        "max_completion_tokens": 50,
        "tool_choice": "none",
        "messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    }
    found = body_of("openai_chat", own)
    assert found["provider"] == {"sort": "latency", "only": ["north"]}
    assert (found["temperature"], found["max_completion_tokens"], found["tool_choice"]) == (1, 50, "none")
    assert "max_tokens" not in found
    assert found["messages"] == own["messages"]


@pytest.mark.parametrize(
    ("dialect", "own", "names"),
    [
        ("openai_chat", [{"type": "function", "function": {"name": "mine"}}, LOOK | {"x": 1}], ["mine", "look"]),
        ("openai_chat", [{"type": "function", "function": {"name": "mine"}}], ["mine", "look"]),
        ("openai_responses", [{"type": "function", "name": "mine", "parameters": {}}], ["mine", "look"]),
        ("anthropic_messages", [{"name": "look", "description": "mine", "input_schema": {}}], ["look"]),
        ("gemini_generate", [{"function_declarations": [{"name": "mine"}]}], ["mine", "look"]),
    ],
)
def test_tools_are_united_by_name_and_the_callers_come_first(dialect: str, own: Any, names: list[str]) -> None:
    found = body_of(dialect, {"model": "@preset/support", "tools": own, **ASKED[dialect]})
    tools = found["tools"][0]["function_declarations"] if dialect == "gemini_generate" else found["tools"]
    assert [tool.get("name") or tool["function"]["name"] for tool in tools] == names
    callers = own[0]["function_declarations"] if dialect == "gemini_generate" else own
    assert tools[: len(callers)] == callers


def test_an_object_of_the_callers_is_completed_in_the_callers_spelling() -> None:
    body = {"model": "@preset/support", "generation_config": {"max_output_tokens": 9}, **ASKED["gemini_generate"]}
    found = body_of("gemini_generate", body)
    assert found["generation_config"] == {"max_output_tokens": 9, "temperature": 0.2}
    assert "generationConfig" not in found


@pytest.mark.parametrize(
    ("dialect", "system"),
    [
        ("openai_responses", {"instructions": "Mine."}),
        ("anthropic_messages", {"system": [{"type": "text", "text": "Mine."}]}),
        ("gemini_generate", {"system_instruction": {"parts": [{"text": "Mine."}]}}),
    ],
)
def test_a_system_prompt_of_the_callers_stays_alone(dialect: str, system: dict[str, Any]) -> None:
    found = body_of(dialect, {"model": "@preset/support", **system, **ASKED[dialect]})
    assert {name: found[name] for name in system} == system
    assert "Be kind." not in jsons.encode(found).decode()


def test_the_bytes_of_a_conversation_stay_as_they_are() -> None:
    turns = b'[ {"content" : "Hi \\u00e9","role":"user"} , {"role":"assistant","content":null} ]'
    found = applied("openai_chat", b'{"model":"@preset/support","messages":' + turns + b"}")
    assert turns[2:] in found.body
    body = b'{"model":"@preset/support","max_tokens":9,"messages":[ {"role":"user","content":"Hi"} ]}'
    assert body[body.index(b'"messages"') : -1] in applied("anthropic_messages", body).body


def test_what_a_protocol_has_no_word_for_is_told_as_a_loss() -> None:
    seeded = make_preset({"slug": "seeded", "model": "acme/m1", "seed": 7, "stop": ["X"]})
    lost = {
        dialect: {loss.feature for loss in applied(dialect, {"model": "@preset/seeded", **body}, seeded).losses}
        for dialect, body in ASKED.items()
    }
    assert lost == {
        "openai_chat": set(),
        "openai_responses": {"seed", "stop"},
        "anthropic_messages": {"seed"},
        "gemini_generate": set(),
    }


def test_fields_that_exclude_each_other_are_settled_in_favour_of_the_request() -> None:
    thinking = make_preset({"slug": "t", "model": "acme/m1", "reasoning": {"effort": "high"}, "temperature": 0.1})
    asked = {"model": "@preset/t", **ASKED["anthropic_messages"], "max_tokens": 4000}
    plain = body_of("anthropic_messages", asked, thinking)
    assert plain["thinking"]["budget_tokens"] < 4000
    assert "temperature" not in plain
    warm = body_of("anthropic_messages", {**asked, "temperature": 0.9}, thinking)
    assert (warm["temperature"], "thinking" in warm) == (0.9, False)


def test_json_that_can_only_be_said_in_words_joins_the_system_prompt() -> None:
    form = make_preset({"slug": "j", "model": "acme/m1", "response_format": {"type": "json_object"}})
    found = body_of(
        "anthropic_messages", {"model": "@preset/j", "system": "Mine.", **ASKED["anthropic_messages"]}, form
    )
    assert found["system"].startswith("Mine.\n\n")
    assert "JSON" in found["system"]


def test_an_unknown_preset_is_not_found_and_the_nearest_name_is_told() -> None:
    with pytest.raises(Faulted) as caught:
        applied("openai_chat", {"model": "@preset/supports", **ASKED["openai_chat"]})
    assert caught.value.fault.kind is FaultKind.NOT_FOUND
    assert "`support`" in caught.value.fault.message


@pytest.mark.parametrize(
    "body", [b'{"model": "acme/m1", "messages": "about a preset"}', b'{"preset": nothing', b'["preset"]']
)
def test_bodies_that_name_no_preset_are_left_to_the_dialect(body: bytes) -> None:
    assert apply_preset(DIALECTS["openai_chat"], body, Shelf({"support": SUPPORT}), "local") is None


@pytest.mark.parametrize("preset", [5, True, ["support"], {"slug": "support"}])
def test_a_preset_that_is_no_name_is_refused(preset: Any) -> None:
    with pytest.raises(Faulted, match="`preset`") as caught:
        applied("openai_chat", {"preset": preset, **ASKED["openai_chat"]})
    assert (caught.value.fault.kind, caught.value.fault.param) == (FaultKind.INVALID_REQUEST, "preset")


def test_a_name_of_any_length_is_told_in_short() -> None:
    with pytest.raises(Faulted, match="There is no preset") as caught:
        applied("openai_chat", {"preset": "b" * 1_000_000, **ASKED["openai_chat"]})
    assert len(caught.value.fault.message) < 300


def test_two_names_for_two_presets_are_refused() -> None:
    with pytest.raises(Faulted, match="Name one"):
        applied("openai_chat", {"model": "@preset/support", "preset": "other", **ASKED["openai_chat"]})


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic_messages"])
def test_a_preset_made_of_a_body_writes_that_body_again(dialect: str) -> None:
    described = body_of(dialect, {"model": "@preset/support", **ASKED[dialect]})
    made = preset_from_body("copy", DIALECTS[dialect], jsons.encode(described))
    assert (made.slug, made.model, made.models) == ("copy", "acme/m1", ("acme/m2",))
    assert (made.system_prompt, made.temperature, made.tool_choice) == ("Be kind.", 0.2, "required")
    assert "Hi" not in jsons.encode(made).decode()
    again = body_of(dialect, {"model": "@preset/copy", **ASKED[dialect]}, made)
    assert again == described


def test_a_body_without_messages_describes_a_preset_too() -> None:
    made = preset_from_body("s", DIALECTS["anthropic_messages"], b'{"model":"acme/m1","system":"Be kind.","top_k":3}')
    assert (made.model, made.system_prompt, made.top_k) == ("acme/m1", "Be kind.", 3)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"model": "@preset/other"}, "model"),
        ({"temperature": 9}, "temperature"),
        ({"provider": {"sort": "luck"}}, "provider.sort"),
        ({"cache_ttl_seconds": 0}, "cache_ttl_seconds"),
    ],
)
def test_a_body_that_makes_no_preset_is_refused_by_the_name_of_its_field(body: dict[str, Any], field: str) -> None:
    with pytest.raises(Faulted) as caught:
        preset_from_body("s", DIALECTS["openai_chat"], jsons.encode(body))
    assert caught.value.fault.param == field


def test_a_preset_with_a_tool_that_is_none_is_refused() -> None:
    with pytest.raises(Faulted, match="tools"):
        check_preset(make_preset({"slug": "s", "tools": [{"type": "function"}]}))


async def test_a_request_with_a_preset_goes_upstream_whole_and_is_recorded_under_its_name() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}
    play = stage({"north": [Act(body=(jsons.encode({"id": "x", "choices": [choice]}),))]}, endpoint("north"))
    play.exchange.presets = Shelf({"support": SUPPORT})
    client = await play.ask({"model": "acme/m1@preset/support", **ASKED["openai_chat"]})
    assert client.status == 200
    sent = jsons.decode(play.upstream.sent[0].call.body)
    assert (sent["model"], sent["temperature"], sent["messages"][0]["content"]) == ("north-m1", 0.2, "Be kind.")
    assert play.ledger.records[0].preset == "support"


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai_chat", {"preset": "support", "messages": [{"role": "user", "content": "Hi"}]}),
        ("anthropic_messages", {"model": "@preset/support", "messages": [{"role": "user", "content": "Hi"}]}),
    ],
)
def test_a_body_that_only_its_preset_makes_whole_is_read(dialect: str, body: dict[str, Any]) -> None:
    ask, found = read_body(DIALECTS[dialect], jsons.encode(body), Shelf({"support": SUPPORT}), "local")
    assert found is not None
    assert (ask.model, ask.max_tokens) == ("acme/m1", 900)


def test_a_body_that_nothing_makes_whole_is_refused() -> None:
    with pytest.raises(Faulted, match="model"):
        read_body(DIALECTS["openai_chat"], jsons.encode(ASKED["openai_chat"]), Shelf(), "local")
    wrong = jsons.encode({"model": "@preset/support", "temperature": 9, **ASKED["openai_chat"]})
    with pytest.raises(Faulted, match="temperature"):
        read_body(DIALECTS["openai_chat"], wrong, Shelf({"support": SUPPORT}), "local")


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
@pytest.mark.parametrize(
    "choice", [{"type": []}, {"type": "allowed_tools", "allowed_tools": {"mode": {}}, "tools": [{}]}]
)
def test_a_choice_of_no_kind_is_no_defect(dialect: str, choice: dict[str, Any]) -> None:
    try:
        applied(dialect, {"model": "@preset/support", "tool_choice": choice, **ASKED[dialect]})
    except Faulted as error:
        assert error.fault.param == "tool_choice"
