"""Forms that answers take on the wire: Gemini's growing array, huge events, and every way HTTP lets a body be sent."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.e2e.outcome import TEXTS
from tests.e2e.served import Served, serving
from tests.e2e.test_wire_clients import soon
from tests.e2e.test_wire_faults import gauge
from tests.e2e.wire import ASKERS, LAST, PATHS, SHORT, Do, Fault, Peer, Words, chunk, market, question, wire

from wideband.wire import sse

CONFIG = """
[sandbox]
mode = "off"

[deadlines]
first_token_s = 1.5
inter_token_s = 1.0
keepalive_s = 0.2
drain_s = 1

"""
HUGE = b"Hello" * 200_000


def sent(words: Words, *, stream: bool) -> bytes:
    return words.opening + words.hello + words.finish + words.done if stream else words.whole


def head(stream: bool, *headers: bytes) -> bytes:
    kind = b"content-type: " + (b"text/event-stream" if stream else b"application/json")
    return b"\r\n".join((b"HTTP/1.1 200 OK", kind, *headers)) + b"\r\n\r\n"


def halves(data: bytes, size: bytes) -> bytes:
    """Chunk data in two, the sizes written as they come."""
    at = len(data) // 2
    pieces = (data[:at], data[at:])
    return b"".join(size % len(piece) + b"\r\n" + piece + b"\r\n" for piece in pieces)


CHUNKED = b"transfer-encoding: chunked"
FORMS: dict[str, Fault] = {
    "a length": lambda w, s: [head(s, b"content-length: %d" % len(sent(w, stream=s))) + sent(w, stream=s)],
    "chunk extensions": lambda w, s: [head(s, CHUNKED) + halves(sent(w, stream=s), b'%x;a=b;c="d"') + LAST],
    "leading zeros": lambda w, s: [head(s, CHUNKED) + halves(sent(w, stream=s), b"000%X") + LAST],
    "trailers": lambda w, s: [head(s, CHUNKED) + halves(sent(w, stream=s), b"%x") + b"0\r\nx-a: b\r\nx-c: d\r\n\r\n"],
    "odd case": lambda w, s: [head(s, b"TRANSFER-ENCODING:Chunked") + halves(sent(w, stream=s), b"%x") + LAST],
    "connection: close": lambda w, s: [head(s, b"connection: close") + sent(w, stream=s)],
    "an interim answer": lambda w, s: [b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n", w.sound(stream=s)],
    "one huge event": lambda w, s: [w.head(stream=s) + chunk(sent(w, stream=s).replace(b"Hello", HUGE)) + LAST],
}
WAITING: dict[str, Fault] = {
    "slow to begin": lambda w, s: [w.head(stream=s), 0.7, chunk(sent(w, stream=s)) + LAST],
    "slow amid": lambda w, _s: [w.said, 0.6, chunk(w.finish, w.done) + LAST],
    "never begins": lambda w, s: [w.head(stream=s), Do.HANG],
    "cut": lambda w, _s: [w.said],
}
FAULTS = {**FORMS, **WAITING}


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with wire(FAULTS) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("forms"), CONFIG + market(peer.port, list(FAULTS), 1)) as running:
        yield running
        assert soon(lambda: gauge(running, "wideband_open_requests") == 0)


def ask(running: Served, dialect: str, outward: str, name: str, *, stream: bool, **how: Any) -> httpx.Response:
    # Every client has a model of its own: what one saw of a provider changes whom the next is sent to.
    model = f"wire/{SHORT[outward]}-{list(FAULTS).index(name)}{ASKERS[list(PATHS).index(dialect)]}"
    path, body = question(dialect, model, stream=stream, **how)
    with running.http() as http:
        return http.post(path, json=body)


def text_of(dialect: str, answer: httpx.Response, *, stream: bool) -> str:
    decoder = sse.Decoder()
    rows = [frame.data for frame in decoder.feed(answer.content) + decoder.close()] if stream else [answer.content]
    parts = [json.loads(row) for row in rows if row != b"[DONE]"]
    return "".join(piece for part in parts for piece in TEXTS[dialect](part))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("outward", PATHS)
@pytest.mark.parametrize("inward", ["openai_responses", "gemini_generate"])
@pytest.mark.parametrize("form", FORMS)
def test_however_an_answer_is_sent_it_is_understood(
    gateway: Served, form: str, inward: str, outward: str, stream: bool
) -> None:
    answer = ask(gateway, inward, outward, form, stream=stream)
    said = text_of(inward, answer, stream=stream)
    assert answer.status_code == 200
    assert said == (HUGE.decode() if form == "one huge event" else "Hello")


def array(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.headers["content-type"].startswith("application/json")
    rows: list[dict[str, Any]] = json.loads(answer.content)
    return rows


@pytest.mark.parametrize("outward", PATHS)
def test_an_array_stays_one_while_it_waits(gateway: Served, outward: str) -> None:
    begin = ask(gateway, "gemini_generate", outward, "slow to begin", stream=True, alt="")
    assert begin.content[:1].isspace()
    amid = ask(gateway, "gemini_generate", outward, "slow amid", stream=True, alt="?alt=json")
    for answer in (begin, amid):
        rows = array(answer)
        assert "".join(piece for row in rows for piece in TEXTS["gemini_generate"](row)) == "Hello"
        assert rows[-1]["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize("outward", PATHS)
def test_an_array_is_closed_when_its_provider_breaks_off(gateway: Served, outward: str) -> None:
    rows = array(ask(gateway, "gemini_generate", outward, "cut", stream=True, alt=""))
    assert "".join(piece for row in rows for piece in TEXTS["gemini_generate"](row)) == "Hello"
    assert rows[-1]["error"]["message"]
    assert not any("finishReason" in candidate for row in rows for candidate in row.get("candidates", ()))


@pytest.mark.parametrize("inward", PATHS)
def test_another_provider_takes_over_behind_signs_of_waiting(gateway: Served, inward: str) -> None:
    began = time.monotonic()
    how = {"alt": ""} if inward == "gemini_generate" else {}
    answer = ask(gateway, inward, "openai_responses", "never begins", stream=True, **how)
    assert 1.0 < time.monotonic() - began < 5
    if inward == "gemini_generate":
        assert "".join(piece for row in array(answer) for piece in TEXTS[inward](row)) == "Hello"
    else:
        assert text_of(inward, answer, stream=True) == "Hello"
    assert b"error" not in answer.content.replace(b'"error":null', b"")
