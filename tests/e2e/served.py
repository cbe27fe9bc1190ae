"""A real server in a process of its own, on a fresh home, with the sandbox market behind it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

START_S = 30.0
CONFIG = """
[sandbox]
mode = "on"
speedup = 20.0

[deadlines]
first_token_s = 2.0
inter_token_s = 2.0
"""


@dataclass
class Served:
    """A running server. `home` holds its state; `key` is the local key."""

    process: subprocess.Popen[bytes]
    home: Path
    url: str
    key: str
    facts: dict[str, Any]

    def http(self, key: str | None = None) -> httpx.Client:
        """Return a plain HTTP client with a key."""
        return httpx.Client(base_url=self.url, headers={"authorization": f"Bearer {key or self.key}"}, timeout=30.0)

    def cli(self, *words: str) -> str:
        """Run a command of ours on this home and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "wideband", *words, "--home", str(self.home)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment(),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def management_key(self) -> str:
        """Make a management key."""
        return self.cli("keys", "create", "manager", "--management")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(40)


def environment() -> dict[str, str]:
    """Return this process's environment without what would make a server find providers of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and not k.startswith("WIDEBAND_")}
    return {**kept, "WIDEBAND_DISCOVER": "0"}


@contextlib.contextmanager
def serving(home: Path, config: str = CONFIG, *extra: str) -> Iterator[Served]:
    """Start a server on a home and stop it in the end."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "wideband.toml").write_text(config, encoding="utf-8")
    log = home / "server.log"
    facts_file = home / "run" / "server.json"
    facts_file.unlink(missing_ok=True)
    words = ["serve", "--home", str(home), "--port", "0", "--config", str(home / "wideband.toml"), *extra]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "wideband", *words], stdout=out, stderr=out, env=environment()
        )
    try:
        ends = time.monotonic() + START_S
        while not facts_file.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < ends, log.read_text()
            time.sleep(0.02)
        facts = json.loads(facts_file.read_bytes())
        served = Served(process, home, facts["url"], (home / "local.key").read_text().strip(), facts)
        yield served
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
