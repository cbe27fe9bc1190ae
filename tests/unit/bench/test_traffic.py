"""The benchmark sends and answers what real clients and providers would."""

import json

import pytest
from bench.answers import EVENTS, REPLIES
from bench.traffic import (
    BURST_EVENTS,
    DIALECTS,
    LARGE,
    SCRIPTS,
    SMALL,
    Dialect,
    Route,
    Script,
    body,
    path_of,
    request,
)

from wideband.wire.sse import Decoder


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_body_has_the_size_asked_for(dialect: Dialect, script: Script, size: int) -> None:
    content = body(dialect, "bench/openai-reply", script, size)
    assert len(content) == size
    streams = "stream" in path_of(dialect, "m", script) or json.loads(content).get("stream", False)
    assert streams == (script != "reply")


def test_a_request_says_how_long_it_is() -> None:
    raw = request(
        Route(port=1, path="/v1/messages", model="m", headers={"x-api-key": "k"}), "anthropic_messages", "reply"
    )
    head, _, content = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/messages HTTP/1.1\r\n")
    assert f"content-length: {len(content)}" in head.decode().splitlines()
    assert "x-api-key: k" in head.decode().splitlines()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_is_made_of_whole_events(dialect: Dialect) -> None:
    events = EVENTS[dialect]
    frames = Decoder().feed(events.opening + events.delta * BURST_EVENTS + events.ending)
    texts = [frame for frame in frames if b" token" in frame.data]
    assert len(texts) == BURST_EVENTS
    for frame in frames:
        assert frame.data == b"[DONE]" or json.loads(frame.data)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_reply_fits_into_a_quoted_nginx_string(dialect: Dialect) -> None:
    assert json.loads(REPLIES[dialect])
    assert not set(b"'$\\\n") & set(REPLIES[dialect])
