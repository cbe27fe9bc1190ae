"""`wideband replay`, whole: its own server, the sandbox's storm, the ledger's account."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wideband.wire import jsons

REQUESTS = 80


def command(*options: object) -> list[str]:
    return [sys.executable, "-m", "wideband", "replay", *map(str, options)]


def replay(*options: object) -> tuple[int, Any]:
    done = subprocess.run(command(*options, "--json"), capture_output=True, timeout=60, check=False)
    assert done.stdout.count(b"\n") == 1, done.stderr.decode()
    return done.returncode, jsons.decode(done.stdout)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.csv"
    rows = [f"2023-11-16 18:15:{at // 2:02}.{at % 2 * 5}000000,{at * 7 + 3},{at * 3 + 1}" for at in range(REQUESTS)]
    path.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]) + "\n")
    return path


def test_a_storm_reaches_no_client_and_no_cent_is_lost(trace: Path) -> None:
    code, summary = replay(trace, "--speedup", 40)
    assert summary["failed_for_client"] == 0, summary
    assert summary["requests"] == summary["ok"] == summary["records"] == REQUESTS
    assert summary["failovers"] > 0
    assert summary["tries"] == REQUESTS + summary["failovers"]
    assert sum(summary["try_faults"].values()) == summary["failovers"]
    assert summary["ledger_balanced"] is True
    assert summary["tokens"]["completion"] == sum(at * 3 + 1 for at in range(REQUESTS))
    assert float(summary["cost_usd"]) > 0
    assert summary["ttft_ms"]["p50"] <= summary["ttft_ms"]["p99"]
    assert code == 0


def test_failures_nobody_can_hide_are_told_and_exit_with_one(trace: Path) -> None:
    code, summary = replay(trace, "--speedup", 100, "--model", "sandbox/flaky")
    assert summary["failed_for_client"] > 0
    assert summary["ok"] + summary["failed_for_client"] == summary["records"] == REQUESTS
    assert summary["ledger_balanced"] is True
    assert code == 1


def test_interrupted_it_ends_cleanly_with_what_there_is(trace: Path) -> None:
    with subprocess.Popen(command(trace, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"sent ")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    summary = jsons.decode(out)
    assert summary["interrupted"] is True
    assert summary["sent"] < summary["requests"]
    assert summary["ledger_balanced"] is True
    assert process.returncode == 1


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[str, str]]:
    home = tmp_path / "home"
    home.mkdir()
    config = home / "wideband.toml"
    config.write_text('[sandbox]\nmode = "on"\nspeedup = 100.0\n')
    serve = [sys.executable, "-m", "wideband", "serve", "--home", str(home), "--port", "0", "--config", str(config)]
    with subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        address = home / "run" / "server.json"
        while not address.is_file():
            assert process.poll() is None
            time.sleep(0.05)
        yield jsons.decode(address.read_bytes())["url"], (home / "local.key").read_text().strip()
        process.terminate()


def test_a_running_server_is_counted_by_its_metrics(trace: Path, running: tuple[str, str]) -> None:
    url, key = running
    code, summary = replay(trace, "--speedup", 100, "--model", "sandbox/steady", "--url", url, "--key", key)
    assert (summary["ok"], summary["records"], summary["failovers"]) == (REQUESTS, REQUESTS, 0)
    assert summary["ledger_balanced"] is None
    assert summary["try_faults"] is None
    assert code == 0


def test_a_bad_trace_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,many,3\n")
    done = subprocess.run(command(path), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert f"{path}:2: " in done.stderr
    assert "Traceback" not in done.stderr
