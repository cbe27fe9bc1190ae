"""How each figure is taken: drive a subject with one kind of work and read the kernel's accounts before and after."""

import math
import time
from collections.abc import Callable
from functools import partial

import msgspec

from bench.load import Closed, Order, Rate, Streams, Tally
from bench.machine import BenchError, Line, cpu_s, rss_kb
from bench.subjects import Direct, Subject
from bench.traffic import (
    ANTHROPIC,
    ANTHROPIC_TO_OPENAI,
    LARGE,
    OPENAI,
    OPENAI_TO_ANTHROPIC,
    SMALL,
    YOUNGER,
    Lane,
    Route,
    Script,
    request,
)

# Figures by the name of their measure; empty where the subject cannot do the work.
Figures = dict[str, float]
Probe = Callable[[Subject], Figures]

# Not a figure of its own: how many whole answers a probe got, for the ledger to be checked against.
ANSWERS = "answers"

CONNECTIONS = 16
PACED_STREAMS = 200
IDLE_STREAMS = 500
RATE_PER_S = 200
# What a gateway still does after the last answer (records, say) belongs to the requests.
AFTERWORK_S = 0.1
# What is done once a second, such as shipping records, has then been done and has loaded what it needs.
LOADED_S = 2.5
# Some clean up for seconds after streams were abandoned; that belongs to no request.
QUIET_WITHIN_S = 15


def _order(kind: type[Order], route: Route, payload: bytes, connections: int, **more: float) -> bytes:
    return msgspec.json.encode(kind(port=route.port, payload=payload, connections=connections, **more))


def _carry_out(subject: str, order: bytes) -> Tally:
    line = Line("bench.load")
    try:
        line.say(order)
        return _checked(subject, msgspec.json.decode(line.hear(), type=Tally))
    finally:
        line.close()


def _checked(subject: str, tally: Tally) -> Tally:
    if tally.errors:
        raise BenchError(
            f"{subject}: {tally.errors} of {tally.answers} answers were errors; figures would mean nothing"
        )
    return tally


def per_request(subject: Subject, *, name: str, lane: Lane, script: Script, size: int, seconds: float) -> Figures:
    """Processor microseconds of a whole request, from a closed loop."""
    route = subject.route(lane, script)
    if route is None:
        return {}
    payload = request(route, lane.inside, script, size)
    before = cpu_s(subject.pid)
    tally = _carry_out(subject.name, _order(Closed, route, payload, CONNECTIONS, seconds=seconds))
    time.sleep(AFTERWORK_S)
    figures = {name: (cpu_s(subject.pid) - before) * 1e6 / tally.answers, ANSWERS: tally.answers}
    if name == "openai_1k":
        figures["openai_1k_rate"] = tally.answers / tally.seconds
    return figures


def per_event(subject: Subject, *, name: str, lane: Lane, seconds: float) -> Figures:
    """Processor microseconds of one event among streams that are already open, each event on its own."""
    route = subject.route(lane, "paced")
    if route is None:
        return {}
    line = _open(subject.name, route, lane, "paced", PACED_STREAMS)
    before = cpu_s(subject.pid)
    line.say(b"count")
    time.sleep(seconds)
    used = cpu_s(subject.pid) - before
    tally = _stop_counting(line)
    return {name: used * 1e6 / tally.events} if tally.events else {}


def stream_memory(subject: Subject) -> Figures:
    """Growth of memory for one more open stream that says nothing."""
    route = subject.route(OPENAI, "idle")
    if route is None:
        return {}
    before = rss_kb(subject.pid)
    line = _open(subject.name, route, OPENAI, "idle", IDLE_STREAMS)
    time.sleep(AFTERWORK_S)
    after = rss_kb(subject.pid)
    line.say(b"count")
    _stop_counting(line)
    return {"stream_memory": (after - before) / IDLE_STREAMS}


def _open(subject: str, route: Route, lane: Lane, script: Script, streams: int) -> Line:
    line = Line("bench.load")
    line.say(_order(Streams, route, request(route, lane.inside, script), streams))
    opened = msgspec.json.decode(line.hear(), type=dict[str, int])["open"]
    if opened < streams:
        line.close()
        raise BenchError(f"{subject}: only {opened} of {streams} streams opened")
    return line


def _stop_counting(line: Line) -> Tally:
    line.say(b"stop")
    tally = msgspec.json.decode(line.hear(), type=Tally)
    line.close()
    return tally


def added_latency(subject: Subject, *, direct: Direct, seconds: float) -> Figures:
    """How much later answers come than from the mock itself, at a rate far below the limit, one after the other."""
    found = []
    for name, route in (("direct", direct.route(OPENAI, "reply")), (subject.name, subject.route(OPENAI, "reply"))):
        assert route is not None
        payload = request(route, "openai_chat", "reply")
        order = _order(Rate, route, payload, CONNECTIONS * 4, seconds=seconds, per_s=RATE_PER_S)
        found.append(_carry_out(name, order))
    if any(tally.unsent for tally in found):
        return {}  # it cannot keep up, so what it would answer in time is not known
    without, through = (tally.latencies_ms for tally in found)
    return {
        "added_p50": percentile(through, 0.50) - percentile(without, 0.50),
        "added_p99": percentile(through, 0.99) - percentile(without, 0.99),
    }


def percentile(ordered: tuple[float, ...], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def wait_until_quiet(subject: Subject) -> None:
    """Let a subject finish what earlier work left behind."""
    deadline = time.monotonic() + QUIET_WITHIN_S
    before = cpu_s(subject.pid)
    while time.monotonic() < deadline:
        time.sleep(AFTERWORK_S)
        now = cpu_s(subject.pid)
        if now - before <= AFTERWORK_S / 5:
            return
        before = now


def warm_up(subject: Subject) -> None:
    """Let connections open, caches fill and what is loaded late be loaded, outside of all figures."""
    route = subject.route(OPENAI, "reply")
    assert route is not None
    order = _order(Closed, route, request(route, "openai_chat", "reply"), CONNECTIONS, seconds=0.3)
    _carry_out(subject.name, order)
    time.sleep(LOADED_S)
    wait_until_quiet(subject)


def probes(direct: Direct, seconds: float) -> tuple[Probe, ...]:
    """Return what is done in every round, in this order."""
    whole = partial(per_request, script="reply", seconds=seconds)
    burst = partial(per_request, script="burst", size=SMALL, seconds=seconds)
    return (
        partial(whole, name="openai_1k", lane=OPENAI, size=SMALL),
        partial(whole, name="anthropic_1k", lane=ANTHROPIC, size=SMALL),
        partial(whole, name="openai_to_anthropic_1k", lane=OPENAI_TO_ANTHROPIC, size=SMALL),
        partial(whole, name="anthropic_to_openai_1k", lane=ANTHROPIC_TO_OPENAI, size=SMALL),
        *(partial(whole, name=f"{lane.name}_1k", lane=lane, size=SMALL) for lane in YOUNGER),
        partial(whole, name="openai_100k", lane=OPENAI, size=LARGE),
        partial(per_event, name="event", lane=OPENAI, seconds=seconds),
        partial(per_event, name="event_translated", lane=OPENAI_TO_ANTHROPIC, seconds=seconds),
        partial(burst, name="burst", lane=OPENAI),
        partial(burst, name="burst_translated", lane=OPENAI_TO_ANTHROPIC),
        partial(added_latency, direct=direct, seconds=seconds),
    )
