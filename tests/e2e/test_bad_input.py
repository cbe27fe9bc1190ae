"""What a careless or hostile client can send: the right status, in the caller's dialect, and the server lives on."""

import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.e2e.served import CONFIG, Served, serving

CHAT = {"model": "sandbox/steady", "messages": [{"role": "user", "content": "Hi [[sandbox tokens=5]]"}]}
MESSAGES = {**CHAT, "max_tokens": 20}
PATHS = {"openai_chat": "/api/v1/chat/completions", "anthropic_messages": "/api/v1/messages"}
GOOD: dict[str, dict[str, Any]] = {"openai_chat": CHAT, "anthropic_messages": MESSAGES}


def message_of(dialect: str, body: Any) -> str:
    """Read an error in the dialect's own shape, and nothing else."""
    error = body["error"]
    if dialect == "anthropic_messages":
        assert body["type"] == "error"
        assert isinstance(error["type"], str)
    else:
        assert isinstance(error["code"], int)
    text: str = error["message"]
    return text


BAD_BODIES: list[tuple[str, bytes, int, str]] = [
    ("nothing", b"", 400, ""),
    ("half an object", b'{"model": "sandbox/steady", ', 400, "JSON"),
    ("not an object", b"[1, 2]", 400, "object"),
    ("a string", b'"hello"', 400, "object"),
    ("invalid UTF-8", b'{"model": "\xff\xfe"}', 400, ""),
    ("deep nesting", b'{"model":"sandbox/steady","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, ""),
    ("a NUL", b'{"model": "a\x00b"}', 400, ""),
]


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize(("name", "body", "status", "word"), BAD_BODIES, ids=[row[0] for row in BAD_BODIES])
def test_a_body_that_is_no_request(
    served: Served, dialect: str, name: str, body: bytes, status: int, word: str
) -> None:
    with served.http() as http:
        answer = http.post(PATHS[dialect], content=body)
    assert answer.status_code == status
    assert word in message_of(dialect, answer.json())
    assert answer.headers["x-generation-id"].startswith("gen-")


FIELDS: list[tuple[str, Any]] = [
    ("model", 5),
    ("model", None),
    ("messages", "hello"),
    ("messages", []),
    ("messages", [{"role": "wizard", "content": "x"}]),
    ("messages", ["x"]),
    ("temperature", "hot"),
    ("max_tokens", -5),
    ("max_tokens", "many"),
    ("stream", "yes"),
    ("tools", "hammer"),
    ("top_p", []),
]


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize(("field", "value"), FIELDS, ids=[f"{name}={value!r}" for name, value in FIELDS])
def test_a_wrong_field_is_named(served: Served, dialect: str, field: str, value: Any) -> None:
    with served.http() as http:
        answer = http.post(PATHS[dialect], json={**GOOD[dialect], field: value})
    assert answer.status_code == 400
    assert field in message_of(dialect, answer.json())


@pytest.mark.parametrize("dialect", PATHS)
def test_an_unknown_field_is_tolerated(served: Served, dialect: str) -> None:
    with served.http() as http:
        answer = http.post(PATHS[dialect], json={**GOOD[dialect], "shoe_size": 43})
    assert answer.status_code == 200


@pytest.mark.parametrize("dialect", PATHS)
def test_keys_are_taken_from_every_header_and_refused_when_unknown(served: Served, dialect: str) -> None:
    with served.http() as http:
        del http.headers["authorization"]
        for headers in ({"x-api-key": served.key}, {"x-goog-api-key": served.key}):
            assert http.post(PATHS[dialect], json=GOOD[dialect], headers=headers).status_code == 200
        both = {"authorization": "Bearer stale", "x-api-key": served.key}
        assert http.post(PATHS[dialect], json=GOOD[dialect], headers=both).status_code == 200
        for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic abc"}, {"x-api-key": ""}):
            answer = http.post(PATHS[dialect], json=GOOD[dialect], headers=headers)
            assert answer.status_code == 401
            assert answer.headers["x-should-retry"] == "false"
            assert message_of(dialect, answer.json())


def test_a_path_that_is_not_there(served: Served) -> None:
    with served.http() as http:
        assert http.post("/api/v1/nothing").status_code == 404
        assert "/api/v1" in http.get("/nothing").json()["error"]["message"]
        refused = http.get("/api/v1/chat/completions")
        assert refused.status_code == 405
        assert refused.headers["x-generation-id"]
        assert http.put("/api/v1/models").status_code == 405
        assert http.post("/v1//chat/completions", json=CHAT).status_code == 200


def test_a_management_key_cannot_call_models(served: Served) -> None:
    with served.http(served.management_key()) as http:
        assert http.post(PATHS["openai_chat"], json=CHAT).status_code == 403
    with served.http() as http:
        assert http.get("/api/v1/keys").status_code == 403


def test_a_key_with_an_exhausted_limit_is_told_so(served: Served) -> None:
    poor = served.cli("keys", "create", "poor", "--limit", "0.000001")
    for dialect, path in PATHS.items():
        with served.http(poor) as http:
            answer = http.post(path, json=GOOD[dialect])
        # Only what each protocol's agents stop at (clients.md 4); none of them may ask again.
        assert answer.status_code == {"openai_chat": 402}.get(dialect, 429)
        assert answer.headers["x-should-retry"] == "false"
        assert "retry-after" not in answer.headers
        assert "limit" in message_of(dialect, answer.json())


def test_a_revoked_key_stops_working_at_once(served: Served) -> None:
    key = served.cli("keys", "create", "brief")
    with served.http(key) as http:
        assert http.post(PATHS["openai_chat"], json=CHAT).status_code == 200
        served.cli("keys", "revoke", "brief")
        assert http.post(PATHS["openai_chat"], json=CHAT).status_code == 401


# -- on the wire -----------------------------------------------------------------------------------------------------


def talk(url: str, *pieces: bytes, wait_s: float = 10.0) -> bytes:
    """Send raw bytes and read until the server closes or `wait_s` has passed."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=wait_s) as line:
        for piece in pieces:
            line.sendall(piece)
        answer = b""
        try:
            while data := line.recv(65536):
                answer += data
        except TimeoutError:
            return answer
        return answer


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Any:
    limits = "\n[limits]\nmax_body_bytes = 20000\nmax_header_bytes = 8000\nbody_s = 0.5\n"
    with serving(tmp_path_factory.mktemp("strict"), CONFIG + limits) as running:
        yield running


def alive(served: Served) -> bool:
    with served.http() as http:
        return http.get("/healthz").status_code == 200


def test_a_body_that_is_too_large(strict: Served) -> None:
    with strict.http() as http:
        answer = http.post(PATHS["openai_chat"], json={**CHAT, "user": "x" * 30_000})
    assert answer.status_code == 413
    assert "20000" in answer.json()["error"]["message"]


def test_a_chunked_body_that_is_too_large(strict: Served) -> None:
    head = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: " + strict.key.encode()
    chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
    answer = talk(strict.url, head + b"\r\ntransfer-encoding: chunked\r\n\r\n", *[chunk] * 4, b"0\r\n\r\n", wait_s=3)
    assert b" 413 " in answer.split(b"\r\n", 1)[0]


def test_headers_that_are_too_large(strict: Served) -> None:
    answer = talk(strict.url, b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: " + b"a" * 20_000 + b"\r\n\r\n")
    assert b" 431 " in answer.split(b"\r\n", 1)[0]
    assert alive(strict)


def test_headers_that_never_end(strict: Served) -> None:
    answer = talk(strict.url, b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ", wait_s=5)
    assert b" 408 " in answer.split(b"\r\n", 1)[0]


def test_a_body_that_never_ends(strict: Served) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\nauthorization: Bearer "
    answer = talk(strict.url, head + strict.key.encode() + b'\r\n\r\n{"model"', wait_s=5)
    assert b" 408 " in answer.split(b"\r\n", 1)[0]
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]["code"] == 408


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\x01\x00", b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 1000]
)
def test_bytes_that_are_not_http(strict: Served, data: bytes) -> None:
    answer = talk(strict.url, data, wait_s=5)
    assert b" 400 " in answer.split(b"\r\n", 1)[0] or b" 408 " in answer.split(b"\r\n", 1)[0]
    assert alive(strict)


def test_neither_keys_nor_prompts_are_logged(tmp_path: Path) -> None:
    with serving(tmp_path / "home", CONFIG, "--verbose") as running:
        secret_words = "the vault code is 7319"
        ask = {**CHAT, "messages": [{"role": "user", "content": f"{secret_words} [[sandbox fault=500]]"}]}
        with running.http() as http:
            assert http.post(PATHS["openai_chat"], json=ask).status_code >= 500
            http.post(PATHS["openai_chat"], content=b'{"the vault code is 7319')
        with running.http("sk-wb-v1-stranger") as http:
            http.post(PATHS["openai_chat"], json=ask)
        log = (running.home / "server.log").read_text()
    greeting, _, rest = log.partition("Try it:")
    assert "7319" not in log
    assert "sk-wb-v1-stranger" not in log
    assert running.key not in greeting
    assert rest.count(running.key) == 1
