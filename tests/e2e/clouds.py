"""Amazon Bedrock and Google Vertex AI as far as a gateway can tell: they check who asks and answer as Claude would."""

import base64
import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zlib import crc32

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ACCESS_KEY, SECRET_KEY, REGION = "AKIATEST", "secret-of-the-test", "eu-central-1"
TOKEN = "ya29.token-of-the-test"
WORDS = ["The ", "cloud ", "says ", "hello."]
USAGE = {"input_tokens": 11, "output_tokens": 4}

EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": [],
            "usage": {"input_tokens": 11, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in WORDS),
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE},
    {"type": "message_stop"},
]
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "".join(WORDS)}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}
GEMINI: list[dict[str, Any]] = [
    {"candidates": [{"content": {"role": "model", "parts": [{"text": word}]}, "index": 0}], "modelVersion": "g"}
    for word in WORDS
] + [
    {
        "candidates": [{"content": {"role": "model", "parts": []}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 4, "totalTokenCount": 15},
    }
]
COMPLETION = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "llama",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "".join(WORDS)}}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15},
}


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """Write one message of an event stream."""
    packed = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    start = prelude + struct.pack(">I", crc32(prelude)) + packed + payload
    return start + struct.pack(">I", crc32(start))


def chunk(event: dict[str, Any]) -> bytes:
    """Write an event of Anthropic's as Bedrock does, with the padding that hides its length."""
    payload = {"bytes": base64.b64encode(json.dumps(event).encode()).decode(), "p": "abcdefgh"}
    headers = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    return message(headers, json.dumps(payload).encode())


def exception(kind: str, text: str) -> bytes:
    """Write the exception that breaks off a stream."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return message(headers, json.dumps({"message": text}).encode())


def sse(events: list[dict[str, Any]]) -> bytes:
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


@dataclass
class Asked:
    """A request that came, and whether it showed properly who asks."""

    path: str
    headers: dict[str, str]
    body: Any
    is_genuine: bool


@dataclass
class Clouds:
    """The fake platforms, both at one address."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    tokens: int = 0

    @property
    def last(self) -> Asked:
        return self.asked[-1]


@contextmanager
def clouds() -> Iterator[Clouds]:
    """Serve both platforms on a port of their own."""
    seen = Clouds("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path == "/token":
                seen.tokens += 1
                self._reply(200, "application/json", json.dumps({"access_token": TOKEN, "expires_in": 3600}).encode())
                return
            genuine = (
                headers.get("authorization") == f"Bearer {TOKEN}"
                if self.path.startswith("/v1/projects")
                else is_signed(seen.url + self.path, headers, body)
            )
            seen.asked.append(Asked(self.path, headers, json.loads(body), genuine))
            self._reply(*answer(self.path, json.loads(body)) if genuine else DENIED)

        def _reply(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


DENIED = (403, "application/json", json.dumps({"message": "The security token is invalid."}).encode())


def answer(path: str, body: dict[str, Any]) -> tuple[int, str, bytes]:
    """Answer as the platform does; what the last words ask for decides what goes wrong."""
    asked = json.dumps(body)
    if "throttle" in asked:
        return 429, "application/json", json.dumps({"message": "Too many requests, slow down."}).encode()
    if path.endswith("/invoke-with-response-stream"):
        events = b"".join(map(chunk, EVENTS[:4] if "break off" in asked else EVENTS))
        if "break off" in asked:
            events += exception("modelStreamErrorException", "The model lost its thread.")
        return 200, "application/vnd.amazon.eventstream", events
    if ":streamGenerateContent" in path:
        return (
            200,
            "text/event-stream",
            b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in GEMINI),
        )
    if path.endswith(":streamRawPredict"):
        return 200, "text/event-stream", sse(EVENTS)
    if path.endswith("/chat/completions"):
        return 200, "application/json", json.dumps(COMPLETION).encode()
    return 200, "application/json", json.dumps(MESSAGE).encode()


def is_signed(url: str, headers: dict[str, str], body: bytes) -> bool:
    """Sign a request again as its signature says it was signed, and compare."""
    given = headers.get("authorization", "")
    if not given.startswith("AWS4-HMAC-SHA256 "):
        return False
    names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    signed = {name: headers[name] for name in names if name not in {"host", "x-amz-date"}}
    request = AWSRequest("POST", url, data=body, headers=signed)
    when = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    with patch("botocore.auth.get_current_datetime", return_value=when.replace(tzinfo=None)):
        SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "bedrock", REGION).add_auth(request)
    return bool(request.headers["Authorization"] == given)


def service_account(folder: Path, url: str) -> Path:
    """Write the file of a service account whose tokens come from here."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {
        "type": "service_account",
        "project_id": "p1",
        "private_key_id": "k1",
        "private_key": pem,
        "client_email": "wideband@p1.iam.gserviceaccount.com",
        "token_uri": f"{url}/token",
    }
    file = folder / "account.json"
    file.write_text(json.dumps(account))
    return file
