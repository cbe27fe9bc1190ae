"""Each way of failing, as the bytes a gateway will meet."""

from collections.abc import Callable
from typing import Any

import pytest

from wideband.sandbox.breaking import FAULTS
from wideband.sandbox.plays import LAST_CHUNK, End, Play
from wideband.wire import jsons

Asking = Callable[..., Any]
PROVIDERS = ["aurora", "borealis", "isle", "jetty"]
BEFORE_THE_FIRST_WORD = sorted(set(FAULTS) - {"cut_late", "200_error_late", "stall", "slow_drip"})


def failing(kind: str) -> str:
    return f"Hi [[sandbox tokens=40 fault={kind}]]"


def raw(play: Play) -> bytes:
    return b"".join(step.data for step in play.steps)


def text_said(data: bytes) -> bool:
    """Tell whether a stream holds words, the model's thinking among them."""
    signs = (b'"content":"', b"text_delta", b"output_text.delta", b"arguments.delta", b'"parts":[{"text":"')
    data = data.replace(b'"content":""', b"").replace(b'"text":""', b"")
    return any(sign in data for sign in signs)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_every_fault_differs_from_the_sound_answer(play: Asking, provider: str, stream: bool, kind: str) -> None:
    sound = play(provider, "Hi [[sandbox tokens=40]]", stream=stream)
    broken = play(provider, failing(kind), stream=stream)
    assert broken.end is not End.KEEP or raw(broken) != raw(sound)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", BEFORE_THE_FIRST_WORD)
def test_early_faults_strike_before_the_first_word_of_a_stream(play: Asking, provider: str, kind: str) -> None:
    """What was cut inside the first word is not a word yet: its event never ends."""
    data = raw(play(provider, failing(kind), stream=True))
    whole_events = data.rpartition(b"\n\n")[0]
    assert not text_said(whole_events)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("kind", "end"), [("cut_late", End.CUT), ("stall", End.HANG), ("200_error_late", End.KEEP)])
def test_late_faults_strike_after_words(play: Asking, provider: str, kind: str, end: End) -> None:
    broken = play(provider, failing(kind), stream=True)
    assert text_said(raw(broken))
    assert b'"finish_reason":"stop"' not in raw(broken)
    assert b"message_stop" not in raw(broken)
    assert b"response.completed" not in raw(broken)
    assert b"finishReason" not in raw(broken)
    assert broken.end is end


@pytest.mark.parametrize(
    ("provider", "kind", "status"),
    [
        ("aurora", "429", 429),
        ("aurora", "500", 500),
        ("aurora", "503", 503),
        ("borealis", "503", 529),
        ("isle", "429", 429),
        ("isle", "503", 503),
        ("isle", "200_error", 200),
        ("jetty", "429", 429),
        ("jetty", "503", 503),
        ("jetty", "200_error", 200),
        ("aurora", "200_error", 200),
        ("borealis", "200_error", 200),
    ],
)
def test_errors_come_in_the_providers_own_words(ask: Asking, provider: str, kind: str, status: int) -> None:
    answer = ask(provider, failing(kind))
    assert answer.status == status
    assert "simulated" in answer.json["error"]["message"]


def test_a_rate_limit_says_when_to_come_back(ask: Asking) -> None:
    assert 1 <= int(ask("aurora", failing("429")).headers["retry-after"]) <= 20


def test_an_error_in_a_stream_is_an_event_of_a_proper_stream(ask: Asking) -> None:
    openai, anthropic, responses, gemini = (ask(name, failing("200_error"), stream=True) for name in PROVIDERS)
    assert {answer.status for answer in (openai, anthropic, responses, gemini)} == {200}
    assert "error" in openai.events[-1]
    assert anthropic.events[-1]["type"] == "error"
    assert [event["type"] for event in responses.events[-2:]] == ["error", "response.failed"]
    assert gemini.events[-1]["error"]["status"] == "UNAVAILABLE"


def test_a_reset_and_a_hang_say_nothing(play: Asking) -> None:
    reset, hang = play("aurora", failing("reset")), play("aurora", failing("hang"))
    assert (list(reset.steps), reset.end) == ([], End.CUT)
    assert (list(hang.steps), hang.end) == ([], End.HANG)


def test_a_cut_body_is_shorter_than_it_said(play: Asking) -> None:
    broken = play("aurora", failing("cut"))
    head, _, body = raw(broken).partition(b"\r\n\r\n")
    assert len(body) < int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    assert broken.end is End.CUT


def test_a_cut_stream_has_no_last_chunk_and_a_half_response_has(play: Asking) -> None:
    assert not raw(play("aurora", failing("cut"), stream=True)).endswith(LAST_CHUNK)
    assert raw(play("aurora", failing("half_response"), stream=True)).endswith(LAST_CHUNK)


def test_half_a_body_is_proper_http_and_no_json(ask: Asking) -> None:
    answer = ask("aurora", failing("half_response"))
    assert int(answer.headers["content-length"]) == len(answer.body)
    with pytest.raises(jsons.DecodeError):
        jsons.decode(answer.body)


@pytest.mark.parametrize("kind", ["garbage", "empty"])
def test_garbage_and_emptiness_are_no_json(ask: Asking, kind: str) -> None:
    with pytest.raises(jsons.DecodeError):
        jsons.decode(ask("aurora", failing(kind)).body)


def test_bad_chunking_cannot_be_framed(play: Asking) -> None:
    body = raw(play("aurora", failing("bad_chunking"), stream=True)).partition(b"\r\n\r\n")[2]
    with pytest.raises(ValueError, match="invalid literal"):
        int(body.partition(b"\r\n")[0], 16)


def test_a_wrong_content_type_is_a_page(ask: Asking) -> None:
    answer = ask("aurora", failing("wrong_content_type"))
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.status == 200


def test_a_slow_drip_is_the_whole_answer_byte_by_byte(play: Asking) -> None:
    steps = list(play("aurora", failing("slow_drip"), stream=True).steps)
    assert {len(step.data) for step in steps} == {1}
    assert min(step.wait_s for step in steps) >= 1.0
    assert b"".join(step.data for step in steps).endswith(b"data: [DONE]\n\n\r\n" + LAST_CHUNK)
