"""A private endpoint is just two rows, as the issue writes them: what such a box is sent, and what its clients get."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.served import Served, serving
from tests.e2e.wire import WORDS

KEY = "opens-the-box-and-has-no-known-shape"
ROWS = """
[sandbox]
mode = "off"

[[provider]]
slug = "mybox"
dialect = "openai_chat"
base_url = "http://127.0.0.1:{port}/v1"
key_env = "MYBOX_KEY"            # or key = "..."
[[endpoint]]
provider = "mybox"
model = "local/coder"
upstream_model = "coder-32b"
context_length = 131072
price = {{ prompt = "0.30", completion = "1.20" }}   # USD per million tokens; decimal strings

[[provider]]
slug = "claudebox"
dialect = "anthropic_messages"
base_url = "http://127.0.0.1:{port}"
key = "{key}"
[[endpoint]]
provider = "claudebox"
model = "local/claude"
price = {{ prompt = "3", completion = "15" }}
"""
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
HELLO = {"role": "user", "content": "Hello"}
PICTURE = "aGVsbG8="


class Sent(dict[str, Any]):
    """A request as the box got it: the body's fields, and beside them its path, headers and bytes."""

    def __init__(self, path: str, headers: dict[str, str], raw: bytes) -> None:
        super().__init__(json.loads(raw))
        self.path, self.headers, self.raw = path, headers, raw


@dataclass
class Box:
    """Answers both dialects; `refuse` makes it repeat the key it was shown."""

    served: Served
    sent: list[Sent] = field(default_factory=list)
    refuse: bool = False

    def ask(self, path: str, body: dict[str, Any] | bytes, **headers: str) -> tuple[httpx.Response, Sent]:
        with self.served.http() as http:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            answer = http.post(path, content=raw, headers=headers)
        assert answer.headers["x-generation-id"].startswith("gen-")
        return answer, self.sent[-1]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    made: list[Box] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            made[0].sent.append(Sent(self.path, {k.lower(): v for k, v in self.headers.items()}, raw))
            words = WORDS["anthropic_messages" if "messages" in self.path else "openai_chat"]
            refusal = json.dumps({"error": {"message": f"Incorrect key {KEY}"}}).encode()
            body = refusal if made[0].refuse else words.whole
            self.send_response(401 if made[0].refuse else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    home: Path = tmp_path_factory.mktemp("box")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYBOX_KEY", KEY)
        with serving(home, ROWS.format(port=listener.server_port, key=KEY)) as running:
            made.append(Box(running))
            yield made[0]
    listener.shutdown()
    listener.server_close()
    thread.join()


def test_the_box_gets_its_own_model_name_its_key_and_every_field_it_may_know(box: Box) -> None:
    answer, sent = box.ask(CHAT, {"model": "local/coder", "messages": [HELLO], "shoe": {"size": [43]}, "top_k": 3})
    assert answer.status_code == 200
    assert sent == {"model": "coder-32b", "messages": [HELLO], "shoe": {"size": [43]}, "top_k": 3}
    assert (sent.path, sent.headers["authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    usage = answer.json()["usage"]
    assert usage["cost"] == pytest.approx((10 * 0.30 + 5 * 1.20) / 1e6)


def test_an_anthropic_box_is_shown_its_key_as_anthropic_is_and_asked_under_its_version(box: Box) -> None:
    _, sent = box.ask(f"{MESSAGES}?beta=true", {"model": "local/claude", "max_tokens": 9, "messages": [HELLO]})
    assert (sent.path, sent.headers["x-api-key"]) == ("/v1/messages", KEY)
    assert "authorization" not in sent.headers


@pytest.mark.parametrize("model", ["local/coder", "local/claude"])
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_images_and_files_are_let_through_to_a_box_that_does_not_say_what_it_reads(
    box: Box, path: str, model: str
) -> None:
    pdf = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PICTURE}"}
    parts: dict[str, list[Any]] = {
        CHAT: [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
            {"type": "file", "file": pdf},
        ],
        MESSAGES: [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PICTURE}},
        ],
    }
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": parts[path]}]}
    answer, sent = box.ask(path, body)
    assert answer.status_code == 200
    assert sent.raw.count(PICTURE.encode()) == 2


def test_what_caches_read_reaches_a_box_of_the_same_dialect_byte_for_byte(box: Box) -> None:
    mark = '"cache_control": {"type":  "ephemeral", "ttl":"1h"}'
    kept = (
        f'"system": [ {{"type":"text", "text":"\\u00e9t\\u00e9", {mark}}} ]',
        f'"tools":[{{"name":"f","input_schema":{{"b":1.0,"a":2}}, {mark}}}]',
        f'"messages": [{{"role":"user","content":[{{"type":"text","text":"Hello",{mark}}}]}}]',
        '"context_management":{"edits":[ {"type":"clear_thinking_20251015"} ]}',
    )
    raw = '{"model":"local/claude","max_tokens":9,' + ",".join(kept) + "}"
    _, sent = box.ask(MESSAGES, raw.encode(), **{"anthropic-beta": "context-management-2025-06-27,other-1"})
    for piece in kept:
        assert piece.partition(":")[2].strip().encode() in sent.raw
    assert sent.headers["anthropic-beta"] == "context-management-2025-06-27,other-1"


def test_the_named_model_is_tried_before_the_fallbacks(box: Box) -> None:
    answer, sent = box.ask(CHAT, {"model": "local/claude", "models": ["local/coder"], "messages": [HELLO]})
    assert answer.json()["model"] == "local/claude"
    assert sent.path == MESSAGES


def test_a_box_that_repeats_its_key_tells_nobody(box: Box) -> None:
    box.refuse = True
    try:
        answer, _ = box.ask(CHAT, {"model": "local/coder", "messages": [HELLO]}, **{"x-openrouter-metadata": "enabled"})
    finally:
        box.refuse = False
    assert answer.status_code == 502
    with box.served.http() as http:
        record = http.get("/api/v1/generation", params={"id": answer.headers["x-generation-id"]})
    assert "Incorrect key [key]" in answer.text
    assert KEY not in answer.text + record.text + (box.served.home / "server.log").read_text()
