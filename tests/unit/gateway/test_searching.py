"""Searching the web: `:online` and the `web` plugin ask providers that do it themselves, in their own words."""

from typing import Any

import msgspec
import pytest
from tests.unit.gateway.stage import Stage, endpoint, stage
from tests.unit.gateway.test_session import whole

from wideband.catalog.rows import Endpoint, Voice
from wideband.upstream.scripted import Act
from wideband.wire import jsons

HI = [{"role": "user", "content": "What is new?"}]
CHAT: dict[str, Any] = {"model": "acme/m1:online", "messages": HI}
PLUGIN = {"model": "acme/m1", "messages": HI, "plugins": [{"id": "web"}]}
CLAUDES = {"type": "web_search_20250305", "name": "web_search"}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def searching(slug: str, dialect: str, *, dearer: int = 0) -> Endpoint:
    row = endpoint(slug, dialect=dialect, dearer=dearer)
    return msgspec.structs.replace(row, quirks=frozenset({"web_search"}))


def sent(on: Stage) -> list[Any]:
    return [jsons.decode(one.body) for one in on.upstream.sent]


def answer(dialect: str) -> Act:
    text = "Much."
    bodies: dict[str, dict[str, Any]] = {
        "anthropic_messages": {
            "id": "m",
            "role": "assistant",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        },
        "gemini_generate": {"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]},
        "openai_responses": {
            "id": "r",
            "status": "completed",
            "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}],
        },
    }
    return Act(body=[jsons.encode(bodies[dialect])])


TOOLS = {
    "anthropic_messages": CLAUDES,
    "gemini_generate": {"googleSearch": {}},
    "openai_responses": {"type": "web_search"},
}


@pytest.mark.parametrize("dialect", TOOLS)
@pytest.mark.parametrize("body", [CHAT, PLUGIN])
async def test_a_translated_request_asks_in_the_providers_own_words(dialect: str, body: dict[str, Any]) -> None:
    on = stage({"a": [answer(dialect)]}, searching("a", dialect))
    client = await on.ask(body)
    assert client.status == 200
    assert sent(on)[0]["tools"] == [TOOLS[dialect]]
    assert "plugins" not in sent(on)[0]


OWN: dict[str, dict[str, Any]] = {
    "anthropic_messages": {"max_tokens": 9, "messages": HI},
    "gemini_generate": {"contents": [{"role": "user", "parts": [{"text": "What is new?"}]}]},
    "openai_responses": {"input": "What is new?"},
}
GIVEN: dict[str, dict[str, Any]] = {
    "anthropic_messages": {"name": "f", "input_schema": {"type": "object"}},
    "gemini_generate": {"functionDeclarations": [{"name": "f"}]},
    "openai_responses": {"type": "function", "name": "f", "parameters": {"type": "object"}},
}


@pytest.mark.parametrize("dialect", TOOLS)
async def test_a_request_in_the_providers_protocol_gets_the_tool_behind_its_own(dialect: str) -> None:
    for given, expected in ((None, [TOOLS[dialect]]), ([GIVEN[dialect]], [GIVEN[dialect], TOOLS[dialect]])):
        on = stage({"a": [answer(dialect)]}, searching("a", dialect), dialect=dialect)
        body = {"model": "acme/m1:online", **OWN[dialect]} | ({} if given is None else {"tools": given})
        client = await on.ask(body)
        assert client.status == 200
        assert sent(on)[0]["tools"] == expected
        assert on.ledger.records[0].lane == "fast"


BROUGHT: dict[str, list[dict[str, Any]]] = {
    "anthropic_messages": [{"type": "web_search_20260209", "name": "web_search", "max_uses": 2}],
    "gemini_generate": [{"google_search": {}}],
    "openai_responses": [{"type": "web_search", "search_context_size": "low"}],
}


@pytest.mark.parametrize("dialect", TOOLS)
async def test_a_tool_that_the_caller_brought_is_the_one(dialect: str) -> None:
    on = stage({"a": [answer(dialect)]}, searching("a", dialect), dialect=dialect)
    await on.ask({"model": "acme/m1:online", **OWN[dialect], "tools": BROUGHT[dialect]})
    assert sent(on)[0]["tools"] == BROUGHT[dialect]


async def test_a_lone_tool_of_geminis_becomes_one_of_two() -> None:
    on = stage({"a": [answer("gemini_generate")]}, searching("a", "gemini_generate"), dialect="gemini_generate")
    await on.ask({"model": "acme/m1:online", **OWN["gemini_generate"], "tools": GIVEN["gemini_generate"]})
    assert sent(on)[0]["tools"] == [GIVEN["gemini_generate"], {"googleSearch": {}}]


async def test_functions_go_along_with_the_search() -> None:
    on = stage({"a": [answer("anthropic_messages")]}, searching("a", "anthropic_messages"))
    await on.ask({**CHAT, "tools": [FUNCTION]})
    assert [tool["name"] for tool in sent(on)[0]["tools"]] == ["f", "web_search"]


async def test_a_provider_is_asked_in_the_protocol_in_which_it_searches() -> None:
    """OpenAI searches in Responses: a chat request is translated for that, and only for that."""
    plain = endpoint("a")
    both = msgspec.structs.replace(plain.provider, also={"openai_responses": Voice(quirks=frozenset({"web_search"}))})
    row = msgspec.structs.replace(plain, provider=both)
    on = stage({"a": [answer("openai_responses"), whole()]}, row)
    client = await on.ask(CHAT)
    assert client.json["choices"][0]["message"]["content"] == "Much."
    await on.ask({**CHAT, "model": "acme/m1"})
    assert [one.call.url.removeprefix("http://a/v1") for one in on.upstream.sent] == ["/responses", "/chat/completions"]
    assert sent(on)[0]["tools"] == [{"type": "web_search"}]
    assert "tools" not in sent(on)[1]


async def test_who_searches_every_answer_is_asked_as_ever() -> None:
    row = msgspec.structs.replace(endpoint("a"), quirks=frozenset({"always_searches"}))
    on = stage({"a": [whole()]}, row)
    client = await on.ask(CHAT)
    assert client.status == 200
    assert "tools" not in sent(on)[0]


async def test_a_protocol_without_a_tool_for_it_does_not_count() -> None:
    on = stage({"a": [whole()]}, searching("a", "openai_chat"))
    client = await on.ask(CHAT)
    assert client.status == 404


async def test_cheaper_ones_that_do_not_search_are_passed_over() -> None:
    on = stage(
        {"a": [], "b": [answer("anthropic_messages")]},
        endpoint("a"),
        searching("b", "anthropic_messages", dearer=9),
    )
    client = await on.ask(CHAT)
    assert client.json["provider"] == "B"


@pytest.mark.parametrize("body", [CHAT, PLUGIN])
async def test_where_nobody_searches_the_caller_is_told(body: dict[str, Any]) -> None:
    on = stage({"a": [whole()]})
    client = await on.ask(body)
    error = client.json["error"]
    assert (client.status, on.upstream.sent) == (404, [])
    assert "nobody searches the web" in error["message"]
    told = error["metadata"]["availability"]
    assert (told["code"], told["excluded_by"]) == ("constraint_filtered", ["web_search"])
    assert error["metadata"]["failed_routing_step"] == "Filter by Web Search"


@pytest.mark.parametrize("engine", ["exa", "firecrawl", "parallel", 7, [], {}])
async def test_other_engines_are_refused(engine: Any) -> None:
    on = stage({"a": [whole()]})
    client = await on.ask({**PLUGIN, "plugins": [{"id": "web", "engine": engine}]})
    assert (client.status, on.upstream.sent) == (400, [])
    assert "must be native" in client.json["error"]["message"]


@pytest.mark.parametrize(
    "plugins", [[{"id": "web", "enabled": False}], [{"id": "web-fetch"}], [{"id": []}], None, "web", ["web"]]
)
async def test_a_plugin_that_is_off_or_another_changes_nothing(plugins: Any) -> None:
    on = stage({"a": [whole()]})
    client = await on.ask({**PLUGIN, "plugins": plugins})
    assert client.status == 200
    assert "tools" not in sent(on)[0]


async def test_only_the_model_that_was_named_so_is_searched_for() -> None:
    """The first of two models fails; the second was asked for without a search."""
    failing = Act(status=503, body=[b"{}"])
    rows = searching("a", "anthropic_messages"), searching("b", "anthropic_messages")
    second = msgspec.structs.replace(rows[1], model="acme/m2", id="b:acme/m2")
    on = stage({"a": [failing], "b": [answer("anthropic_messages")]}, rows[0], second)
    client = await on.ask({**CHAT, "models": ["acme/m2"]})
    assert client.status == 200
    assert ["tools" in body for body in sent(on)] == [True, False]
