"""Counting tokens: asking Anthropic, and estimating when nobody counts."""

import json
from typing import Any

import pytest

from wideband.canon.faults import Faulted, FaultKind
from wideband.dialects.anthropic_messages import COUNT
from wideband.dialects.base import Target
from wideband.dialects.registry import COUNTERS


def body(*content: Any, **fields: Any) -> bytes:
    messages = [{"role": "user", "content": list(content)}]
    return json.dumps({"model": "m", "messages": messages, **fields}, ensure_ascii=False).encode()


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def test_the_registry_knows_who_counts() -> None:
    assert COUNTERS["anthropic_messages"] is COUNT
    assert COUNT.paths[0] == "/messages/count_tokens"


def test_an_upstream_that_counts_gets_the_prompt_and_nothing_of_the_answer() -> None:
    ask = COUNT.read(body(text("Hi"), max_tokens=5, stream=True, temperature=1, system="s", provider={}, tools=[]))
    draft = COUNT.encode(ask, Target(model="claude-sonnet-4-5", provider="anthropic"))
    assert draft.path == "/messages/count_tokens"
    assert draft.headers == {"anthropic-version": "2023-06-01"}
    assert json.loads(draft.body).keys() == {"model", "messages", "system", "tools"}


def test_the_upstreams_count_is_read_and_written() -> None:
    assert COUNT.decode(b'{"input_tokens":14,"extra":1}') == 14
    assert json.loads(COUNT.encode_reply(14)) == {"input_tokens": 14}
    for broken in (b"", b"{}", b'{"input_tokens":"x"}'):
        with pytest.raises(Faulted) as caught:
            COUNT.decode(broken)
        assert caught.value.fault.kind is FaultKind.PROVIDER_GARBLED


def test_the_estimate_grows_with_what_is_said() -> None:
    words = "The quick brown fox jumps over the lazy dog. "
    short, long = COUNT.estimate(body(text(words))), COUNT.estimate(body(text(words * 10)))
    assert 10 <= short <= 20
    assert 120 <= long <= 140
    assert COUNT.estimate(body(text("你好世界" * 25))) in range(90, 110)


def test_the_estimate_counts_media_by_rule_and_not_by_size() -> None:
    def image(size: int) -> dict[str, Any]:
        return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * size}}

    assert COUNT.estimate(body(image(10))) == COUNT.estimate(body(image(500_000))) == 1604
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "J" * 150_000}}
    assert COUNT.estimate(body(pdf)) == 6004


def test_the_estimate_counts_everything_the_model_reads() -> None:
    base = COUNT.estimate(body(text("Hi")))
    more = {
        "system": body(text("Hi"), system="You are a careful assistant."),
        "tools": body(text("Hi"), tools=[{"name": "f", "description": "d" * 100, "input_schema": {"type": "object"}}]),
        "thinking": body(text("Hi"), {"type": "thinking", "thinking": "a long thought", "signature": "s"}),
        "call": body(text("Hi"), {"type": "tool_use", "id": "t", "name": "f", "input": {"a": "b" * 50}}),
        "result": body(text("Hi"), {"type": "tool_result", "tool_use_id": "t", "content": "x" * 50}),
        "document": body(text("Hi"), {"type": "document", "source": {"type": "text", "data": "x" * 50}}),
        "unknown": body(text("Hi"), {"type": "search_result", "content": "x" * 50}),
    }
    assert [name for name, data in more.items() if COUNT.estimate(data) < base + 4] == []


def test_the_estimate_refuses_what_is_no_request() -> None:
    with pytest.raises(Faulted):
        COUNT.estimate(b'{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}')
