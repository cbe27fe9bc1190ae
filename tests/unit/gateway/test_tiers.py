"""Service tiers: who asks for one is asked at its endpoints, pays their price, and is told what was given."""

from typing import Any

import msgspec
import pytest
from tests.unit.gateway.stage import RATES, Stage, endpoint, stage
from tests.unit.gateway.test_session import DONE, FINISH, HELLO, OPENING, USAGE, chunk, chunks, failure, the_record

from wideband.catalog.rows import Endpoint, Price, Rates
from wideband.server.shapes import generation_object
from wideband.upstream.scripted import Act, stream
from wideband.wire import jsons, sse

HI = [{"role": "user", "content": "Hi"}]
CHAT: dict[str, Any] = {"model": "acme/m1", "messages": HI}
COUNTS = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def tier(slug: str, name: str | None, times: float = 1.0, *, dialect: str = "openai_chat") -> Endpoint:
    """Return an endpoint of a service tier, `times` as dear as others; None for the usual one."""
    row = endpoint(slug, dialect=dialect)
    rates = Rates(prompt=int(RATES.prompt * times), completion=int(RATES.completion * times))
    tag = slug if name is None else f"{slug}/{name}"
    return msgspec.structs.replace(row, id=f"{tag}:acme/m1", tag=tag, price=Price(base=rates))


def whole(tier_told: str | None = None) -> Act:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}
    body = {"id": "x", "object": "chat.completion", "choices": [choice], "usage": COUNTS, "service_tier": tier_told}
    return Act(body=[jsons.encode(body)])


def claude() -> Act:
    usage = {"input_tokens": 10, "output_tokens": 5, "service_tier": "batch"}
    body = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "Hi."}],
        "stop_reason": "end_turn",
        "usage": usage,
    }
    return Act(body=[jsons.encode(body)])


def market(*acts: Act, **script: list[Act]) -> Stage:
    """Three endpoints of one provider: the usual one, one dearer, one cheaper."""
    rows = tier("a", None), tier("a", "priority", 2), tier("a", "flex", 0.5)
    return stage({"a": list(acts), **script}, *rows)


def asked(on: Stage) -> list[dict[str, Any]]:
    return [jsons.decode(sent.body) for sent in on.upstream.sent]


@pytest.mark.parametrize(
    ("word", "told", "sent", "times"),
    [
        ("flex", "flex", "flex", 0.5),
        ("priority", "priority", "priority", 2),
        ("fast", "priority", "priority", 2),
        ("ultrafast", "priority", "priority", 2),
        ("auto", "default", None, 1),
        ("default", "default", None, 1),
        ("scale", "default", None, 1),
        ("standard_only", "default", None, 1),
    ],
)
async def test_a_tier_is_asked_for_upstream_charged_at_its_price_and_told(
    word: str, told: str, sent: str | None, times: float
) -> None:
    on = market(whole("auto"))
    client = await on.ask({**CHAT, "service_tier": word})
    [body] = asked(on)
    assert body.get("service_tier") == sent
    assert ("service_tier" in body) == (sent is not None)
    assert client.json["service_tier"] == told
    record = the_record(on)
    assert record.service_tier == generation_object(record)["service_tier"] == told
    assert record.cost_nano == (10 * RATES.prompt + 5 * RATES.completion) * times // 1_000_000


@pytest.mark.parametrize("more", [{}, {"service_tier": None}])
async def test_without_a_word_the_usual_endpoint_serves_and_the_providers_word_stands(more: dict[str, Any]) -> None:
    on = market(whole("default"))
    client = await on.ask({**CHAT, **more})
    assert "service_tier" not in asked(on)[0]
    assert client.json["service_tier"] == "default"
    assert the_record(on).service_tier is None


async def test_priority_falls_back_to_the_usual_service_which_is_not_asked_for_it() -> None:
    on = market(failure(503), whole())
    client = await on.ask({**CHAT, "service_tier": "priority"})
    assert [body.get("service_tier") for body in asked(on)] == ["priority", None]
    assert client.json["service_tier"] == the_record(on).service_tier == "default"
    assert the_record(on).endpoint_id == "a:acme/m1"


async def test_flex_falls_back_on_nothing_dearer() -> None:
    on = market(failure(429), whole())
    client = await on.ask({**CHAT, "service_tier": "flex"})
    assert client.status == 429
    assert [body["service_tier"] for body in asked(on)] == ["flex"]


async def test_flex_is_the_usual_service_where_nobody_has_it() -> None:
    on = stage({"a": [whole()]}, tier("a", None), tier("a", "priority", 2))
    client = await on.ask({**CHAT, "service_tier": "flex"})
    assert client.json["service_tier"] == "default"
    assert "service_tier" not in asked(on)[0]


async def test_a_caller_who_orders_providers_has_chosen() -> None:
    on = market(whole())
    client = await on.ask({**CHAT, "service_tier": "priority", "provider": {"order": ["a"]}})
    assert "service_tier" not in asked(on)[0]
    assert client.json["service_tier"] == "default"
    on = market(whole())
    client = await on.ask({**CHAT, "service_tier": "priority", "provider": {"order": ["a/flex"]}})
    assert asked(on)[0]["service_tier"] == client.json["service_tier"] == "flex"


async def test_a_tier_that_is_named_needs_no_word() -> None:
    on = market(whole())
    client = await on.ask({**CHAT, "provider": {"only": ["a/flex"]}})
    assert asked(on)[0]["service_tier"] == client.json["service_tier"] == the_record(on).service_tier == "flex"


async def test_every_chunk_of_a_stream_tells_what_was_given() -> None:
    """The provider's own word in its chunks is exchanged, and the order of its other words kept."""
    opening = chunk(delta={"role": "assistant", "content": ""}).replace(b'{"id"', b'{"service_tier":"auto","id"')
    on = market(stream(opening, HELLO, FINISH, USAGE, DONE))
    client = await on.ask({**CHAT, "service_tier": "flex", "stream": True})
    told = chunks(client)
    assert told
    assert {one["service_tier"] for one in told} == {"flex"}


async def test_a_translated_request_asks_in_the_providers_words() -> None:
    """Gemini has a name of its own for the field, and Claude's priority is taken wherever it may be."""
    answer = {"candidates": [{"content": {"parts": [{"text": "Hi."}]}, "finishReason": "STOP"}]}
    for dialect, act, field, word in (
        ("gemini_generate", Act(body=[jsons.encode(answer)]), "serviceTier", "priority"),
        ("anthropic_messages", claude(), "service_tier", "auto"),
    ):
        on = stage({"a": [act]}, tier("a", None, dialect=dialect), tier("a", "priority", 2, dialect=dialect))
        client = await on.ask({**CHAT, "service_tier": "priority"})
        assert asked(on)[0][field] == word
        assert client.json["service_tier"] == the_record(on).service_tier == "priority"
        assert "service_tier" not in the_record(on).losses


async def test_gemini_callers_choose_alike() -> None:
    answer = {"candidates": [{"content": {"parts": [{"text": "Hi."}]}, "finishReason": "STOP"}]}
    rows = tier("a", None, dialect="gemini_generate"), tier("a", "flex", 0.5, dialect="gemini_generate")
    for word in ("flex", "SERVICE_TIER_FLEX"):
        on = stage({"a": [Act(body=[jsons.encode(answer)])]}, *rows, dialect="gemini_generate")
        await on.ask({"model": "acme/m1", "contents": [{"parts": [{"text": "Hi"}]}], "serviceTier": word})
        assert asked(on)[0]["serviceTier"] == "flex"
        assert the_record(on).service_tier == "flex"


@pytest.mark.parametrize(("row", "told"), [(tier("a", "priority", 2), "priority"), (tier("a", None), "standard")])
async def test_messages_tell_it_among_the_usage(row: Endpoint, told: str) -> None:
    claude_row = msgspec.structs.replace(
        row, provider=msgspec.structs.replace(row.provider, dialect="anthropic_messages")
    )
    body = {"model": "acme/m1", "max_tokens": 9, "messages": HI, "service_tier": "priority"}
    for act, one in ((claude(), claude_row), (whole(), row)):
        on = stage({"a": [act]}, one, dialect="anthropic_messages")
        client = await on.ask(body)
        assert client.json["usage"]["service_tier"] == told
    piece = stream(OPENING, HELLO, FINISH, USAGE, DONE)
    on = stage({"a": [piece]}, row, dialect="anthropic_messages")
    client = await on.ask({**body, "stream": True})
    frames = [jsons.decode(frame.data) for frame in sse.Decoder().feed(client.body)]
    assert [one["usage"].get("service_tier") for one in frames if one["type"] == "message_delta"] == [told]


async def test_a_claude_stream_tells_it_from_its_start() -> None:
    rows: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "usage": {"x": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hi."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    act = stream(*(sse.encode(jsons.encode(row), event=str(row["type"])) for row in rows))
    on = stage({"a": [act]}, tier("a", "priority", 2, dialect="anthropic_messages"), dialect="anthropic_messages")
    client = await on.ask(
        {"model": "acme/m1", "max_tokens": 9, "messages": HI, "stream": True, "service_tier": "priority"}
    )
    frames = [jsons.decode(frame.data) for frame in sse.Decoder().feed(client.body)]
    assert frames[0]["message"]["usage"] == {"x": 1, "service_tier": "priority"}
    assert frames[-2]["usage"]["service_tier"] == "priority"


async def test_responses_tell_it_at_the_top_on_both_lanes() -> None:
    answer = {
        "id": "r",
        "object": "response",
        "status": "completed",
        "service_tier": "auto",
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}],
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
    }
    own = tier("a", "flex", 0.5, dialect="openai_responses")
    for act, row in ((Act(body=[jsons.encode(answer)]), own), (whole(), tier("a", "flex", 0.5))):
        on = stage({"a": [act]}, row, dialect="openai_responses")
        client = await on.ask({"model": "acme/m1", "input": "Hi", "service_tier": "flex"})
        assert asked(on)[0]["service_tier"] == client.json["service_tier"] == "flex"
