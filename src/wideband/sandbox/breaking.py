"""The ways a simulated provider fails, as a table: each turns a sound answer into what is done instead."""

import random
from collections.abc import Callable

import msgspec

from wideband.canon.reply import Reply
from wideband.sandbox.asked import Asked
from wideband.sandbox.behaviour import Pace
from wideband.sandbox.plays import (
    EVENTS,
    EVENTS_HEAD,
    JSON,
    LAST_CHUNK,
    End,
    Play,
    Step,
    chunk,
    complete,
    dripped,
    head,
    streamed,
)
from wideband.sandbox.wires.base import Frames, Wire

# Simulated time between two bytes of a slow drip; in real time never less than ten grains, to spare the CPU.
_DRIP_S = 1.0
_GARBAGE_BYTES = 400
_MAINTENANCE = b"<!doctype html><html><head><title>Maintenance</title></head><body>Back soon (simulated).</body></html>"


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about the answer that would have been given. `grain_s` is the least time between two writes."""

    wire: Wire
    asked: Asked
    reply: Reply
    pace: Pace
    grain_s: float
    draw: random.Random

    def frames(self) -> Frames:
        step = max(1, round(self.pace.tokens_per_s * self.grain_s))
        return self.wire.frames(self.reply, self.asked, step)

    def whole(self) -> bytes:
        return self.wire.whole(self.reply, self.asked)

    @property
    def whole_s(self) -> float:
        """When an answer in one piece is ready."""
        usage = self.reply.usage
        return self.pace.ttft_s + (usage.completion_tokens if usage else 0) / self.pace.tokens_per_s

    def opening(self) -> bytes:
        """Return the head of a stream and the events that say nothing yet."""
        data = next(self.frames())[1]
        return EVENTS_HEAD + (chunk(data) if data else b"")


def sound(scene: Scene) -> Play:
    """Give the answer as it should be."""
    if scene.asked.stream:
        return streamed(scene.frames(), scene.pace)
    return complete(200, scene.whole(), wait_s=scene.whole_s)


def _rate_limited(scene: Scene) -> Play:
    seconds = scene.draw.randint(1, 20)
    body = scene.wire.error(429, "Rate limit reached (simulated). Please retry later.", None)
    return complete(429, body, headers=(("retry-after", str(seconds)),))


def _broken_inside(scene: Scene) -> Play:
    return complete(500, scene.wire.error(500, "Internal error (simulated).", None), wait_s=scene.pace.ttft_s / 4)


def _overloaded(scene: Scene) -> Play:
    status = scene.wire.overloaded_status
    return complete(status, scene.wire.error(status, "Overloaded (simulated).", None))


def _hang(_scene: Scene) -> Play:
    return Play((), End.HANG)


def _reset(_scene: Scene) -> Play:
    return Play((), End.CUT)


def _cut(scene: Scene) -> Play:
    """Break off after the head and before the first word; in a whole body, after its first third."""
    if scene.asked.stream:
        return Play((Step(scene.pace.ttft_s, scene.opening()),), End.CUT)
    body = scene.whole()
    return Play((Step(scene.whole_s, head(200, JSON, len(body)) + body[: len(body) // 3]),), End.CUT)


def _said_half(scene: Scene) -> list[Step]:
    """Return the steps of a stream up to the middle of its words."""
    steps = list(streamed(scene.frames(), scene.pace).steps)
    return steps[: max(1, len(steps) // 2)] if len(steps) > 1 else [Step(scene.pace.ttft_s, scene.opening())]


def _cut_late(scene: Scene) -> Play:
    return Play(_said_half(scene), End.CUT) if scene.asked.stream else _cut(scene)


def _stall(scene: Scene) -> Play:
    return Play(_said_half(scene), End.HANG) if scene.asked.stream else _hang(scene)


def _garbage(scene: Scene) -> Play:
    noise = scene.draw.randbytes(_GARBAGE_BYTES)
    if scene.asked.stream:
        return Play((Step(scene.pace.ttft_s, EVENTS_HEAD + chunk(b"data: " + noise + b"\n\n") + LAST_CHUNK),))
    return complete(200, noise, wait_s=scene.pace.ttft_s)


def _slow_drip(scene: Scene) -> Play:
    """Send a sound answer, byte by byte."""
    interval_s = max(_DRIP_S, scene.grain_s * 10)
    if not scene.asked.stream:
        body = scene.whole()
        return Play((Step(scene.pace.ttft_s, head(200, JSON, len(body))), *dripped(body, interval_s)))
    steps = streamed(scene.frames(), scene.pace).steps
    return Play(dripped(b"".join(step.data for step in steps), interval_s))


def _error_in_200(scene: Scene) -> Play:
    message = "The upstream model failed (simulated)."
    if not scene.asked.stream:
        return complete(200, scene.wire.error(500, message, None), wait_s=scene.pace.ttft_s)
    event = chunk(scene.wire.error_event(message))
    return Play((Step(scene.pace.ttft_s, scene.opening() + event + LAST_CHUNK),))


def _error_in_200_late(scene: Scene) -> Play:
    if not scene.asked.stream:
        return _error_in_200(scene)
    event = chunk(scene.wire.error_event("The upstream model failed halfway (simulated)."))
    return Play((*_said_half(scene), Step(scene.grain_s, event + LAST_CHUNK)))


def _half_response(scene: Scene) -> Play:
    """End properly as HTTP, in the middle of the first word or of the JSON."""
    if not scene.asked.stream:
        body = scene.whole()
        return complete(200, body[: len(body) // 2], wait_s=scene.whole_s)
    words = next((data for tokens, data in scene.frames() if tokens), b"")
    half = chunk(words[: len(words) // 2]) if len(words) > 1 else b""
    return Play((Step(scene.pace.ttft_s, scene.opening() + half + LAST_CHUNK),))


def _bad_chunking(scene: Scene) -> Play:
    kind = EVENTS if scene.asked.stream else JSON
    return Play((Step(scene.pace.ttft_s, head(200, kind, None) + b"zz\r\nthis is no chunk\r\n"),), End.CUT)


def _wrong_content_type(scene: Scene) -> Play:
    page = head(200, "text/html; charset=utf-8", len(_MAINTENANCE)) + _MAINTENANCE
    return Play((Step(scene.pace.ttft_s, page),))


def _empty(scene: Scene) -> Play:
    if scene.asked.stream:
        return Play((Step(scene.pace.ttft_s, EVENTS_HEAD + LAST_CHUNK),))
    return complete(200, b"", wait_s=scene.pace.ttft_s)


# Kinds that end in `_late`, and `stall`, strike after the first words of a stream; the others before.
FAULTS: dict[str, Callable[[Scene], Play]] = {
    "429": _rate_limited,
    "500": _broken_inside,
    "503": _overloaded,
    "hang": _hang,
    "reset": _reset,
    "cut": _cut,
    "cut_late": _cut_late,
    "stall": _stall,
    "garbage": _garbage,
    "slow_drip": _slow_drip,
    "200_error": _error_in_200,
    "200_error_late": _error_in_200_late,
    "half_response": _half_response,
    "bad_chunking": _bad_chunking,
    "wrong_content_type": _wrong_content_type,
    "empty": _empty,
}
# Those that a gateway can hide.
EARLY_FAULTS = tuple(kind for kind in FAULTS if not kind.endswith("_late") and kind != "stall")
