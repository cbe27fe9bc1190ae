"""What simulated providers answer, as values: no socket is opened here."""

from collections.abc import Callable
from typing import Any

import pytest

from wideband.sandbox.desk import Desk, Incoming
from wideband.sandbox.plays import End
from wideband.wire import jsons

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
        },
    }
    for name in ("read_file", "list_files")
]
CLAUDE_TOOLS = [{"name": tool["function"]["name"], "input_schema": tool["function"]["parameters"]} for tool in TOOLS]  # type: ignore[index]  # literals above
Asking = Callable[..., Any]
OPENAI, ANTHROPIC = "aurora", "borealis"


def words(answer: Any) -> str:
    """Return the text of an answer in either protocol, streamed or whole."""
    if answer.headers["content-type"].startswith("text/event-stream"):
        deltas = [event["choices"][0]["delta"] for event in answer.events if event.get("choices")]
        blocks = [event["delta"] for event in answer.events if event.get("type") == "content_block_delta"]
        return "".join(delta.get("content") or "" for delta in deltas) + "".join(b.get("text", "") for b in blocks)
    body = answer.json
    if "choices" in body:
        return str(body["choices"][0]["message"]["content"])
    return "".join(block.get("text", "") for block in body["content"])


@pytest.mark.parametrize("provider", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_has_exactly_the_tokens_that_were_ordered(ask: Asking, provider: str, stream: bool) -> None:
    answer = ask(provider, "Hello [[sandbox tokens=57]]", stream=stream)
    assert answer.status == 200
    assert len(words(answer)) == 57 * 4


def test_both_protocols_count_the_same_prompt_alike(ask: Asking) -> None:
    prompt = "x" * 401
    assert ask(OPENAI, prompt).json["usage"]["prompt_tokens"] == 101
    assert ask(ANTHROPIC, prompt).json["usage"]["input_tokens"] == 101


def test_the_same_words_get_the_same_answer_and_another_seed_another(ask: Asking) -> None:
    first, again, other = (words(ask(OPENAI, f"Hi [[sandbox tokens=30 seed={seed}]]")) for seed in (1, 1, 2))
    assert first == again != other


def test_a_fresh_sandbox_of_the_same_seed_does_exactly_the_same(play: Asking) -> None:
    def transcript() -> list[bytes]:
        desk = Desk(seed=9, grain_s=0.02)
        body = b'{"model":"sandbox/storm","messages":[{"role":"user","content":"Hi"}]}'
        incoming = Incoming(
            method="POST",
            path="/sim-cinder/v1/chat/completions",
            headers={"x-api-key": "simulated"},
            body=body,
            at_s=0.0,
        )
        return [b"".join(step.data for step in desk.play(incoming).steps) for _ in range(20)]

    assert transcript() == transcript()


def test_the_rates_decide_who_fails(ask: Asking) -> None:
    statuses = [ask("cinder", f"Hi {number}", model="sandbox/storm").status for number in range(200)]
    assert 25 <= statuses.count(500) <= 60
    assert 8 <= statuses.count(503) <= 35


def test_peak_hours_slow_a_provider_down(play: Asking) -> None:
    def first_wait_s(at_s: float) -> float:
        steps = play(OPENAI, "Hi [[sandbox tokens=9]]", stream=True, at_s=at_s).steps
        return float(sum(step.wait_s for step in list(steps)[1:]))

    night, peak = (sum(first_wait_s(hour * 3600.0) for _ in range(20)) for hour in (3, 15))
    assert peak > night * 1.4


def test_a_stream_takes_as_long_as_its_tokens(ask: Asking) -> None:
    answer = ask(OPENAI, "Hi [[sandbox tokens=101 tps=50 ttft_ms=300]]", stream=True)
    assert answer.waits_s[0] == 0.3
    assert sum(answer.waits_s[1:]) == pytest.approx(2.0)
    assert len(answer.waits_s) == 101


@pytest.mark.parametrize("provider", [OPENAI, ANTHROPIC])
def test_max_tokens_cuts(ask: Asking, provider: str) -> None:
    body = ask(provider, "Hi [[sandbox tokens=50]]", max_tokens=7).json
    reason = body["choices"][0]["finish_reason"] if "choices" in body else body["stop_reason"]
    assert reason in {"length", "max_tokens"}


@pytest.mark.parametrize("provider", [OPENAI, ANTHROPIC])
def test_a_stop_sequence_ends_the_text(ask: Asking, provider: str) -> None:
    whole = words(ask(provider, "Hi [[sandbox tokens=40]]", stop=[], stop_sequences=[]))
    stop = whole[20:23]
    body = ask(provider, "Hi [[sandbox tokens=40]]", stop=["~~~", stop], stop_sequences=["~~~", stop])
    assert stop not in words(body)
    assert body.json.get("stop_sequence", stop) == stop


def test_the_coder_calls_a_tool_and_answers_its_result_in_words(ask: Asking) -> None:
    first = ask("harbor", "Look", model="sandbox/coder", tools=TOOLS).json["choices"][0]
    (call,) = first["message"]["tool_calls"]
    assert first["finish_reason"] == "tool_calls"
    assert '"path":' in call["function"]["arguments"]
    turns = [
        {"role": "user", "content": "Look"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "a.txt"},
    ]
    last = ask("harbor", turns, model="sandbox/coder", tools=TOOLS).json["choices"][0]
    assert last["finish_reason"] == "stop"
    assert last["message"]["content"]


def test_other_models_call_tools_only_when_they_must(ask: Asking) -> None:
    assert ask(OPENAI, "Hi", tools=TOOLS).json["choices"][0]["finish_reason"] == "stop"
    choice = {"type": "function", "function": {"name": "list_files"}}
    must = ask(OPENAI, "Hi", tools=TOOLS, tool_choice=choice).json["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["name"] for call in must] == ["list_files"]
    none = ask("harbor", "Hi", model="sandbox/coder", tools=TOOLS, tool_choice="none").json
    assert none["choices"][0]["finish_reason"] == "stop"


def test_parallel_calls_come_when_asked_for(ask: Asking) -> None:
    fields = {"model": "sandbox/coder", "tools": CLAUDE_TOOLS}
    two = ask(ANTHROPIC, "Hi [[sandbox calls=2]]", **fields).json["content"]
    assert {block["name"] for block in two} == {"read_file", "list_files"}
    assert len({block["id"] for block in two}) == 2
    one = {"type": "auto", "disable_parallel_tool_use": True}
    assert len(ask(ANTHROPIC, "Hi [[sandbox calls=2]]", tool_choice=one, **fields).json["content"]) == 1


def test_the_thinker_thinks_first_unless_told_not_to(ask: Asking) -> None:
    message = ask("harbor", "Hi [[sandbox tokens=50]]", model="sandbox/thinker").json
    assert message["usage"]["completion_tokens"] == 50
    assert message["usage"]["completion_tokens_details"]["reasoning_tokens"] == 20
    assert message["choices"][0]["message"]["reasoning_content"]
    blocks = ask(ANTHROPIC, "Hi", model="sandbox/thinker").json["content"]
    assert [block["type"] for block in blocks] == ["thinking", "text"]
    assert blocks[0]["signature"]
    quiet = ask(ANTHROPIC, "Hi", model="sandbox/thinker", thinking={"type": "disabled"}).json["content"]
    assert [block["type"] for block in quiet] == ["text"]


def test_structured_answers_are_json_of_the_schema(ask: Asking) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": schema}}
    assert words(ask(OPENAI, "Hi", response_format=wanted)) in {'{"ok":true}', '{"ok":false}'}
    config = {"format": {"type": "json_schema", "schema": schema}}
    assert words(ask(ANTHROPIC, "Hi", output_config=config)) in {'{"ok":true}', '{"ok":false}'}


def test_prompts_seen_before_are_cached(ask: Asking) -> None:
    prompt = "word " * 1000
    first, second = (ask(OPENAI, prompt).json["usage"]["prompt_tokens_details"]["cached_tokens"] for _ in range(2))
    assert (first, second) == (0, 1024)
    marked = [{"role": "user", "content": [{"type": "text", "text": prompt, "cache_control": {"type": "ephemeral"}}]}]
    written, read = (ask(ANTHROPIC, marked).json["usage"] for _ in range(2))
    assert (written["cache_creation_input_tokens"], written["cache_read_input_tokens"]) == (1024, 0)
    assert (read["cache_creation_input_tokens"], read["cache_read_input_tokens"]) == (0, 1024)
    assert read["input_tokens"] == 1250 - 1024


def test_n_and_logprobs(ask: Asking) -> None:
    body = ask(OPENAI, "Hi [[sandbox tokens=6]]", n=3, logprobs=True).json
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert body["usage"]["completion_tokens"] == 18
    rows = body["choices"][0]["logprobs"]["content"]
    assert "".join(row["token"] for row in rows) == body["choices"][0]["message"]["content"]


def test_usage_is_streamed_only_when_asked_for(ask: Asking) -> None:
    silent = ask(OPENAI, "Hi", stream=True).events
    counted = ask(OPENAI, "Hi [[sandbox tokens=8]]", stream=True, stream_options={"include_usage": True}).events
    assert all("usage" not in event for event in silent)
    assert counted[-1]["usage"]["completion_tokens"] == 8
    assert counted[-1]["choices"] == []


@pytest.mark.parametrize(
    ("provider", "said", "fields", "status"),
    [
        (OPENAI, b"{", {}, 400),
        (OPENAI, b"[]", {}, 400),
        (OPENAI, [], {}, 400),
        (OPENAI, [{"role": "robot", "content": "Hi"}], {}, 400),
        (OPENAI, [{"role": "user", "content": [{"type": "hologram"}]}], {}, 400),
        (OPENAI, [{"role": "tool", "tool_call_id": "nobody", "content": "x"}], {}, 400),
        (OPENAI, "Hi", {"temperature": 3}, 400),
        (OPENAI, "Hi", {"max_tokens": 0}, 400),
        (OPENAI, "Hi", {"max_tokens": 1.5}, 400),
        (OPENAI, "Hi", {"stream": "yes"}, 400),
        (OPENAI, "Hi", {"tool_choice": "auto"}, 400),
        (OPENAI, "Hi", {"response_format": {"type": "poem"}}, 400),
        (OPENAI, "Hi [[sandbox fault=made_up]]", {}, 400),
        (OPENAI, "x" * 1_100_000, {}, 400),
        (OPENAI, "Hi", {"model": "openai/gpt-4o"}, 404),
        (OPENAI, "Hi", {"model": "sandbox/thinker"}, 404),
        (ANTHROPIC, "Hi", {"max_tokens": None}, 400),
        (ANTHROPIC, [{"role": "system", "content": "Hi"}], {}, 400),
        (ANTHROPIC, [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}], {}, 400),
        (ANTHROPIC, "Hi", {"tools": [{"type": "web_search", "name": "web_search"}]}, 400),
        (ANTHROPIC, "Hi", {"model": "claude-sonnet"}, 404),
    ],
)
def test_bad_requests_are_refused_as_by_a_real_provider(
    ask: Asking, provider: str, said: Any, fields: dict[str, Any], status: int
) -> None:
    answer = ask(provider, said, **fields)
    assert answer.status == status
    assert answer.json["error"]["message"]
    assert answer.end is End.KEEP


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("GET", "/sim-aurora/v1/models", "simulated", 200),
        ("GET", "/", "", 200),
        ("POST", "/sim-aurora/v1/messages", "simulated", 404),
        ("GET", "/sim-aurora/v1/chat/completions", "simulated", 404),
        ("POST", "/nobody/v1/chat/completions", "simulated", 404),
        ("POST", "/sim-aurora/v1/chat/completions", "sk-real", 401),
    ],
)
def test_only_what_is_there_is_served(ask: Asking, method: str, path: str, key: str, status: int) -> None:
    desk = Desk(seed=1, grain_s=0.02)
    (step,) = desk.play(Incoming(method=method, path=path, headers={"x-api-key": key}, body=b"{}", at_s=0.0)).steps
    assert step.data.startswith(b"HTTP/1.1 %d " % status)


def test_a_prompt_too_long_is_said_in_the_words_clients_look_for(ask: Asking) -> None:
    refused = ask(OPENAI, "x" * 1_100_000).json["error"]
    assert refused["code"] == "context_length_exceeded"
    assert "prompt is too long" in ask(ANTHROPIC, "x" * 1_100_000).json["error"]["message"]


def test_tokens_are_counted_without_an_answer(ask: Asking) -> None:
    desk = Desk(seed=1, grain_s=0.02)
    body = b'{"model":"sandbox/steady","messages":[{"role":"user","content":"12345678"}]}'
    incoming = Incoming(
        method="POST",
        path="/sim-borealis/v1/messages/count_tokens",
        headers={"x-api-key": "simulated"},
        body=body,
        at_s=0.0,
    )
    (step,) = desk.play(incoming).steps
    assert step.data.endswith(b'{"input_tokens":2}')


def test_anthropics_seal_is_taken_back_by_every_provider_but_not_at_other_words(ask: Asking) -> None:
    said = ask(ANTHROPIC, "Hi", model="sandbox/thinker").json["content"]
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": said},
        {"role": "user", "content": "?"},
    ]
    assert ask("gale", turns, model="sandbox/thinker").status == 200
    said[0]["thinking"] += "!"
    refused = ask("gale", turns, model="sandbox/thinker")
    assert refused.status == 400
    assert "Invalid `signature` in `thinking` block" in refused.json["error"]["message"]


def test_a_request_is_kept_when_it_says_so(ask: Asking) -> None:
    desk = Desk(seed=1, grain_s=0.02)

    def visit(method: str, path: str, body: bytes) -> bytes:
        (step,) = desk.play(Incoming(method=method, path=path, headers={}, body=body, at_s=0.0)).steps
        return step.data.partition(b"\r\n\r\n")[2]

    body = b'{"model":"sandbox/steady","messages":[{"role":"user","content":"Hi [[sandbox keep=%b tokens=1]]"}]}'
    for name in (b"mine", b"other"):
        visit("POST", "/sim-aurora/v1/chat/completions", body % name)
    (kept,) = jsons.decode(visit("GET", "/kept/mine", b""))
    assert kept == {"method": "POST", "path": "/sim-aurora/v1/chat/completions", "body": (body % b"mine").decode()}


def test_claude_codes_ways_are_known(ask: Asking) -> None:
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "ToolSearch", "input": {}}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "tool_reference", "tool_name": "Later"}],
                }
            ],
        },
    ]
    schema = {"type": "object", "properties": {}}
    tools = [
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
        {"name": "Later", "input_schema": schema, "defer_loading": True},
        {"name": "ToolSearch", "input_schema": schema},
    ]
    assert ask(ANTHROPIC, turns, tools=tools).status == 200
