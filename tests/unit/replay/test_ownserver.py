"""The server a replay starts for itself."""

import tomllib
from pathlib import Path

import pytest

from wideband.canon.faults import Faulted
from wideband.replay import ownserver
from wideband.replay.ownserver import OwnServer, config_text


@pytest.mark.parametrize(("speedup", "longest_wait_s"), [(1.0, 20.0), (5.0, 4.0), (60.0, 2.0)])
def test_deadlines_shrink_with_time_but_not_below_two_seconds(speedup: float, longest_wait_s: float) -> None:
    settings = tomllib.loads(config_text(speedup, 7))
    assert settings["sandbox"] == {"mode": "on", "seed": 7, "speedup": speedup}
    assert settings["deadlines"] == {"first_token_s": longest_wait_s, "inter_token_s": longest_wait_s}


async def test_a_server_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownserver, "config_text", lambda *_: "this is no TOML")
    with pytest.raises(Faulted) as caught:
        async with OwnServer(tmp_path, 1.0, 1):
            raise AssertionError("it started")
    assert "wideband.toml" in caught.value.fault.message
