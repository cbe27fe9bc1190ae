"""The sandbox market in a process of its own, which ends with ours however ours ends."""

import asyncio
import sys

from wideband.wire import jsons

READY_S = 15.0


class SandboxError(Exception):
    """The sandbox did not start; the text says why."""


class Sandbox:
    """A running sandbox. Its standing input is a pipe from us: when we are gone, it reads the end of it and stops."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self._process = process
        self.url = url

    @classmethod
    async def start(cls, seed: int, speedup: float) -> "Sandbox":
        """Start it and wait until it answers. Raises `SandboxError`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "wideband", "sandbox", "--port", "0", "--with-parent"),
            *("--seed", str(seed), "--speedup", str(speedup)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        if process.stdout is None:
            raise RuntimeError("the sandbox was started with a pipe for its output")
        try:
            async with asyncio.timeout(READY_S):
                line = await process.stdout.readline()
            url = jsons.decode(line)["url"]
        except (TimeoutError, jsons.DecodeError, KeyError, TypeError) as error:
            if process.returncode is None:
                process.kill()
            raise SandboxError("the sandbox market did not start; what it logged above says why") from error
        return cls(process, url)

    async def stop(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
