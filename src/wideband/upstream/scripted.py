"""An upstream that follows a script: for tests, and for documentation that runs."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.upstream.base import Call
from wideband.upstream.causes import lost


@dataclass(frozen=True)
class Hang:
    """A step that waits until the caller gives up."""


@dataclass(frozen=True)
class Wait:
    """A step that waits for seconds, or until `gate` opens."""

    seconds: float = 0.0
    gate: asyncio.Event | None = None

    async def pass_by(self) -> None:
        await (self.gate.wait() if self.gate is not None else asyncio.sleep(self.seconds))


Step = bytes | Wait | Hang | Fault


@dataclass(frozen=True)
class Act:
    """One answer. `before` happens ahead of the headers; a `Fault` is raised where it stands, `body` ends properly."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    body: Sequence[Step] = ()
    before: Sequence[Wait | Hang | Fault] = ()


def stream(*steps: Step) -> Act:
    """Return a server-sent-events answer of these pieces."""
    return Act(headers={"content-type": "text/event-stream"}, body=steps)


@dataclass
class Sent:
    """A call that was made, and what became of it."""

    call: Call
    act: Act
    cancelled: bool = False
    released: bool = False
    read_to_end: bool = False

    @property
    def headers(self) -> dict[str, str]:
        return self.call.headers

    @property
    def body(self) -> bytes:
        return self.call.body


class ScriptedUpstream:
    """Answers calls by the first entry of `script` whose key the URL begins with.

    Each entry is a list of acts, one a call, the last one for ever after. A URL without an entry is unreachable.
    """

    def __init__(self, script: Mapping[str, Sequence[Act]]) -> None:
        self._acts = {prefix: list(acts) for prefix, acts in script.items()}
        self.sent: list[Sent] = []
        self.closed = False

    async def send(self, call: Call) -> "ScriptedAnswer":
        """Play the next act of the URL's entry up to its headers."""
        sent = Sent(call, self._next_act(call.url))
        self.sent.append(sent)
        try:
            async with asyncio.timeout(call.first_byte_s):
                for step in sent.act.before:
                    await _play(step)
        except TimeoutError:
            raise Faulted(lost(FaultKind.PROVIDER_TIMEOUT, "the deadline passed")) from None
        except asyncio.CancelledError:
            sent.cancelled = True
            raise
        return ScriptedAnswer(sent)

    def _next_act(self, url: str) -> Act:
        for prefix, acts in self._acts.items():
            if url.startswith(prefix):
                return acts.pop(0) if len(acts) > 1 else acts[0]
        return Act(before=(lost(FaultKind.PROVIDER_UNREACHABLE, "it is not in the script"),))

    async def close(self) -> None:
        self.closed = True


class ScriptedAnswer:
    """The body of an act, step by step."""

    def __init__(self, sent: Sent) -> None:
        self.status = sent.act.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in sent.act.headers.items()}
        self._sent = sent
        self._steps = iter(sent.act.body)

    async def chunk(self) -> bytes:
        """Play on to the next bytes; b"" at the end of the script."""
        try:
            for step in self._steps:
                if isinstance(step, bytes):
                    return step
                await _play(step)
        except asyncio.CancelledError:
            self._sent.cancelled = True
            raise
        self._sent.read_to_end = True
        return b""

    async def read(self, limit: int) -> bytes:
        """Play to the end and return all bytes."""
        body = b""
        while piece := await self.chunk():
            body += piece
            if len(body) > limit:
                raise Faulted(lost(FaultKind.PROVIDER_GARBLED, f"it is longer than {limit} bytes"))
        return body

    def release(self) -> None:
        self._sent.released = True


async def _play(step: Any) -> None:
    match step:
        case Wait():
            await step.pass_by()
        case Hang():
            await asyncio.Event().wait()
        case Fault():
            raise Faulted(step)
