"""A server of the replay's own: a fresh home, a sandbox market, started as a process and stopped at the end."""

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.clock import monotonic_ns
from wideband.wire import jsons

START_S = 30.0
STOP_S = 60.0
_POLL_S = 0.02
_LOG_TAIL_CHARS = 2_000


class Address(msgspec.Struct):
    """Where a server says it is, in `run/server.json`."""

    url: str
    sandbox_url: str | None = None


def config_text(speedup: float, seed: int) -> str:
    """Write the server's configuration: only simulated providers, deadlines shortened as their time is."""
    longest_wait_s = max(2.0, 20.0 / speedup)
    return f"""[sandbox]
mode = "on"
seed = {seed}
speedup = {speedup}

[deadlines]
first_token_s = {longest_wait_s}
inter_token_s = {longest_wait_s}
"""


class OwnServer:
    """`wideband serve` on a home that nothing else uses. An async context: running inside, stopped after.

    `environ` is its environment; None is ours.
    """

    def __init__(
        self, home: Path, speedup: float, seed: int, port: int = 0, environ: Mapping[str, str] | None = None
    ) -> None:
        self._home = home
        self._speedup = speedup
        self._seed = seed
        self._port = port
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""
        self.sandbox_url = ""
        self.key = ""

    async def __aenter__(self) -> "OwnServer":
        config = self._home / "wideband.toml"
        config.write_text(config_text(self._speedup, self._seed))
        with (self._home / "serve.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "wideband", "serve", "--home", str(self._home)),
                *("--port", str(self._port), "--config", str(config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environ,
                # Ctrl-C reaches the replay alone, which then stops the server in its own time.
                start_new_session=True,
            )
        try:
            await self._ready(self._process)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        address = self._home / "run" / "server.json"
        give_up_ns = monotonic_ns() + int(START_S * 1e9)
        while not address.is_file():
            if process.returncode is not None or monotonic_ns() > give_up_ns:
                tail = (self._home / "serve.log").read_text(errors="replace")[-_LOG_TAIL_CHARS:].strip()
                message = f"wideband serve did not start: {tail or 'it said nothing'}"
                raise Faulted(Fault(kind=FaultKind.UNAVAILABLE, message=message))
            await asyncio.sleep(_POLL_S)
        told = jsons.decode_as(address.read_bytes(), Address)
        self.url, self.sandbox_url = told.url, told.sandbox_url or ""
        self.key = (self._home / "local.key").read_text().strip()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Let it finish and put everything away; kill it when it does not. Idempotent."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
