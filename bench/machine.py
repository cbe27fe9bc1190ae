"""The machine: processes with their processor time and memory as the kernel counts them, free ports, a thermometer."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_LOOPS = 300_000


class BenchError(Exception):
    """The benchmark cannot go on; the text says why, for a person."""


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def thermometer() -> float:
    """Return the processor milliseconds that a fixed loop takes: it rises when others use the machine."""
    start = time.process_time()
    total = 0
    for number in range(_LOOPS):
        total += number & 7
    return (time.process_time() - start) * 1000


def environment(home: Path, **extra: str) -> dict[str, str]:
    """Return a clean environment: none of this machine's provider keys or settings."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8", **extra}


class Process:
    """A server under the benchmark and all its children; its output goes to `log`."""

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self._log = log
        self._name = command[0]
        with log.open("ab") as out:
            self._popen = subprocess.Popen(
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=env, cwd=ROOT, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def check(self) -> None:
        """Raise `BenchError` with the end of its log when it is no longer running."""
        if self._popen.poll() is not None:
            tail = "\n  ".join(self._log.read_text(errors="replace").splitlines()[-15:])
            raise BenchError(f"`{self._name}` stopped with {self._popen.returncode}:\n  {tail}")

    def wait_until(self, ready: Callable[[], bool], timeout_s: float, every_s: float = 0.005) -> None:
        """Wait until `ready`; raises `BenchError` when it stops or takes too long."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise BenchError(f"not ready after {timeout_s:.0f} s; its output is in {self._log}")
            time.sleep(every_s)

    def stop(self) -> None:
        """End it as a service manager would; kill what does not listen, and what it left behind."""
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
    found = [pid]
    for one in found:
        found.extend(parents.get(one, []))
    return found


def cpu_s(pid: int) -> float:
    """Return the processor seconds, user and system, that a process tree has used."""
    return sum(int(ticks) for one in tree(pid) for ticks in _stat(one)[11:13]) * _TICK_S


def rss_kb(pid: int) -> int:
    """Return the resident memory of a process tree in kB of 1024 bytes."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in tree(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


class Line:
    """A conversation in lines with a process of our own (`python -m MODULE`)."""

    def __init__(self, module: str) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )

    def say(self, line: bytes) -> None:
        """Send one line."""
        stream = _open(self._popen.stdin)
        stream.write(line + b"\n")
        stream.flush()

    def hear(self) -> bytes:
        """Wait for one line. Raises `BenchError` when the process ends instead."""
        line = _open(self._popen.stdout).readline()
        if not line:
            raise BenchError(f"the load generator stopped with {self._popen.wait()}; its error stands above")
        return line

    def close(self) -> None:
        """Let it end, or end it."""
        for stream in (self._popen.stdin, self._popen.stdout):
            _open(stream).close()
        try:
            self._popen.wait(5)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
