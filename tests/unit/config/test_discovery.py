"""Local servers are found when they answer as model servers do, within half a second, and nobody else is asked."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from wideband.catalog.rows import Price, Provider, Rates
from wideband.config.discovery import discover, is_loopback


@contextmanager
def answering(raw: bytes, delay_s: float = 0.0) -> Iterator[str]:
    """Answer every request with the same bytes; gives the base URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                peer.recv(4096)
                time.sleep(delay_s)
                peer.sendall(raw)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)


def http(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status.encode(), len(body), body)


def local(base_url: str, slug: str = "ollama") -> Provider:
    return Provider(slug=slug, name=slug, dialect="openai_chat", base_url=base_url, auth="none", local=True)


LISTED = http(b'{"object":"list","data":[{"id":"llama3.2:3b","x":1},{"id":"Qwen/Qwen3-8B"}]}')


def test_models_are_free_and_named_after_their_server_unless_they_have_an_author() -> None:
    with answering(LISTED) as url:
        found = discover([local(url)])
    first, second = found["ollama"]
    assert (first.model, first.upstream_model, first.tag) == ("ollama/llama3.2:3b", "llama3.2:3b", "ollama")
    assert (second.model, second.upstream_model) == ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B")
    assert first.price == Price(base=Rates())


@pytest.mark.parametrize(
    "raw",
    [http(b"<html>"), http(b'{"data": 7}'), http(b"{}", "404 Not Found"), b"SSH-2.0-OpenSSH\r\n", b""],
)
def test_who_is_no_model_server_is_not_found(raw: bytes) -> None:
    with answering(raw) as url:
        assert discover([local(url)]) == {}


def test_slow_and_silent_servers_are_not_waited_for() -> None:
    with answering(LISTED, delay_s=0.6) as slow, answering(LISTED) as quick:
        start = time.perf_counter()
        found = discover([*(local(slow, f"slow-{i}") for i in range(4)), local(quick)], timeout_s=0.2)
        assert list(found) == ["ollama"]
        assert time.perf_counter() - start < 0.5


def test_only_local_providers_on_this_machine_are_asked() -> None:
    with answering(LISTED) as url:
        remote = Provider(slug="r", name="R", dialect="openai_chat", base_url=url)
        assert discover([remote, local("http://192.0.2.1:9/v1")]) == {}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://localhost/v1", True),
        ("http://[::1]:8/v1", True),
        ("http://127.0.0.1.evil.example/v1", False),
        ("http://10.0.0.1/v1", False),
    ],
)
def test_loopback_is_told_by_the_address(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
