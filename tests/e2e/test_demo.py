"""`wideband demo`, whole: a past, a server with traffic and outages, the books at its end."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
from tests.e2e.served import environment

TRAFFIC_S = 60.0
# What a shell may hold; a demonstration must never spend money.
KEYS = {"OPENAI_API_KEY": "sk-real", "ANTHROPIC_API_KEY": "sk-real", "WIDEBAND_DISCOVER": "1"}


def test_the_site_has_a_past_and_traffic_and_the_books_balance(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    words = ["demo", "--no-browser", "--port", "0", "--home", str(home), "--records", "900", "--days", "4"]
    words += ["--rate", "20", "--speedup", "20"]
    with subprocess.Popen(
        [sys.executable, "-m", "wideband", *words], stdout=subprocess.PIPE, text=True, env=environment() | KEYS
    ) as process:
        assert process.stdout is not None
        found = re.search(r"shows itself at (\S+) ", process.stdout.readline())
        assert found is not None
        key = (home / "local.key").read_text().strip()
        requests = 0.0
        with httpx.Client(base_url=found[1], headers={"authorization": f"Bearer {key}"}, timeout=30) as http:
            ends = time.monotonic() + TRAFFIC_S
            while requests < 20 and time.monotonic() < ends:
                time.sleep(0.5)
                lines = re.findall(r"^wideband_requests_total\S* (\S+)$", http.get("/metrics").text, re.MULTILINE)
                requests = sum(map(float, lines))
            page = http.get("/").text
        process.send_signal(signal.SIGINT)
        told = process.stdout.read()
        assert process.wait(60) == 0, told
    assert requests >= 20
    assert "sandbox/" in page
    assert "The ledger is balanced." in told, told
    counted = re.search(r"^(\d+) records, (\d+) tries", told, re.MULTILINE)
    assert counted is not None
    # Only what was sent is counted, not the past.
    assert 20 <= int(counted[1]) < 900
    assert (home / "analytics").is_dir()
    said = (home / "serve.log").read_text()
    assert "sandbox market is on" in said
    assert "providers:" not in said


def test_a_home_that_has_anything_is_never_taken(tmp_path: Path) -> None:
    settings = tmp_path / "wideband.toml"
    settings.write_text("[server]\nport = 8585\n")
    words = [sys.executable, "-m", "wideband", "demo", "--no-browser", "--home", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert settings.read_text() == "[server]\nport = 8585\n"
    assert [path.name for path in tmp_path.iterdir()] == ["wideband.toml"]
