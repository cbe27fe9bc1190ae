"""Server-sent events of a real server: they come, and do not hold up its end."""

import signal
import threading
import time
from pathlib import Path

import httpx
from tests.e2e.served import CONFIG, Served, serving


def ask(served: Served) -> None:
    body = {"model": "sandbox/chat-only", "messages": [{"role": "user", "content": "Hi [[sandbox tokens=5]]"}]}
    with served.http() as http:
        assert http.post("/api/v1/chat/completions", json=body).status_code == 200


def test_an_open_page_hears_of_a_request_and_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with serving(tmp_path, CONFIG) as served, httpx.Client(base_url=served.url, timeout=20) as http:
        lines: list[str] = []
        heard = threading.Event()

        def listen() -> None:
            with http.stream("GET", "/live") as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                assert answer.headers["x-accel-buffering"] == "no"
                for line in answer.iter_lines():
                    lines.append(line)
                    if line == "event: records":
                        heard.set()

        listener = threading.Thread(target=listen)
        listener.start()
        while "event: hello" not in lines:
            time.sleep(0.01)
        ask(served)
        assert heard.wait(10)
        began = time.monotonic()
        assert served.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 4
        listener.join(2)
        assert not listener.is_alive()
        assert "Traceback" not in (served.home / "server.log").read_text()
