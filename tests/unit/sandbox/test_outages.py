"""Outages by order: broken until mended, whatever the prompt and the rows say."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.sandbox.conftest import read

from wideband.sandbox.desk import Desk, Incoming
from wideband.wire import jsons

PROMPT = {"model": "sandbox/steady", "messages": [{"role": "user", "content": "Hi [[sandbox fault=none tokens=5]]"}]}


@pytest.fixture
def call() -> Callable[..., Any]:
    desk = Desk(seed=1, grain_s=0.02)

    def call(method: str, path: str, body: Any = None) -> Any:
        payload = b"" if body is None else jsons.encode(body)
        answer = read(desk.play(Incoming(method=method, path=path, headers={}, body=payload, at_s=0.0)))
        return answer.status, answer.json

    return call


def test_a_broken_provider_fails_until_it_is_mended_and_the_others_do_not(call: Callable[..., Any]) -> None:
    assert call("PUT", "/outages/sim-aurora", {"fault": "503"}) == (200, {"outages": {"sim-aurora": "503"}})
    assert call("POST", "/sim-aurora/v1/chat/completions", PROMPT)[0] == 503
    assert call("POST", "/sim-ember/v1/chat/completions", PROMPT)[0] == 200
    assert call("PUT", "/outages/sim-aurora", {"fault": "500"})[0] == 200
    assert call("POST", "/sim-aurora/v1/chat/completions", PROMPT)[0] == 500
    assert call("DELETE", "/outages/sim-aurora") == (200, {"outages": {}})
    assert call("POST", "/sim-aurora/v1/chat/completions", PROMPT)[0] == 200
    assert call("GET", "/outages") == (200, {"outages": {}})


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "names"),
    [
        ("PUT", "/outages/sim-nobody", {"fault": "503"}, 404, "sim-aurora"),
        ("PUT", "/outages/sim-aurora", {"fault": "bored"}, 400, "slow_drip"),
        ("PUT", "/outages/sim-aurora", ["503"], 400, "fault"),
        ("PUT", "/outages/sim-aurora", {"fault": ["503"]}, 400, "slow_drip"),
        ("PUT", "/outages/sim-aurora", {"fault": {}}, 400, "slow_drip"),
        ("PUT", "/outages/sim-aurora", None, 400, "fault"),
        ("POST", "/outages/sim-aurora", {"fault": "503"}, 405, "DELETE"),
        ("DELETE", "/outages", None, 404, "sim-aurora"),
    ],
)
def test_a_wrong_order_is_refused_with_what_would_be_right(
    call: Callable[..., Any], method: str, path: str, body: Any, status: int, names: str
) -> None:
    found, told = call(method, path, body)
    assert found == status
    assert names in told["error"]["message"]
    assert call("GET", "/outages")[1] == {"outages": {}}
