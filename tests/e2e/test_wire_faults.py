"""Everything a provider can do wrong on the wire, against a real server: nobody is left without an answer or an end.

All asks are made once, at the same time; the tests look at what came of each. The faulty provider is always asked
first, because it is the cheapest; a sound one stands behind it.
"""

import asyncio
import gzip
import itertools
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.outcome import Outcome
from tests.e2e.served import Served, serving
from tests.e2e.wire import (
    ASKERS,
    COMPLETION_TOKENS,
    HEAD,
    LAST,
    PATHS,
    PROMPT_TOKENS,
    SHORT,
    Do,
    Fault,
    Peer,
    Steps,
    Words,
    chunk,
    market,
    message,
    question,
    wire,
)

from wideband.metering.record import Generation
from wideband.store.ledger import LocalLedger
from wideband.wire import jsons

CONFIG = """
[sandbox]
mode = "off"

[deadlines]
connect_s = 2.0
first_token_s = 1.0
inter_token_s = 0.8
keepalive_s = 0.4
drain_s = 3.0

"""
AT_ONCE = 24
# By then the records of the first group are with analytics, whose database takes memory once.
SHIPPED_S = 2.2
# nano-dollars a token: of the faulty provider's rows, and of the sound one's
BAD, SOUND = (100, 200), (1000, 2000)


def failing(status: str, words: Words, *headers: str) -> bytes:
    return message(words.error, *headers, status=status)


def drip(words: Words, stream: bool) -> Steps:
    """Give signs of life, but no answer."""
    life: Steps = [chunk(b": \n" if stream else b" "), 0.3]
    return [words.head(stream=stream), *(life * 8)]


def garbled(words: Words, stream: bool) -> Steps:
    text = (words.hello if stream else words.whole).replace(b"Hello", b"H\xff\xfello")
    return [words.head(stream=stream) + chunk(text) + LAST]


# What keeps a provider from answering at all: the client must get the sound provider's answer and know nothing.
BEFORE: dict[str, Fault] = {
    "nobody listens": lambda _w, _s: [],
    "hangs": lambda _w, _s: [Do.HANG],
    "hangs in its headers": lambda _w, _s: [b"HTTP/1.1 200 OK\r\ncontent-", Do.HANG],
    "hangs after its headers": lambda w, s: [w.head(stream=s), Do.HANG],
    "closes": lambda _w, _s: [],
    "resets": lambda _w, _s: [Do.RESET],
    "closes after its headers": lambda w, s: [w.head(stream=s)],
    "resets after its headers": lambda w, s: [w.head(stream=s), 0.05, Do.RESET],
    "half a body": lambda w, _s: [message(w.whole)[:-30]],
    "a length too short": lambda w, _s: [message(w.whole[:-30])],
    "a chunk size that is none": lambda w, s: [w.head(stream=s) + b"zz\r\n"],
    "HTML": lambda _w, _s: [message(b"<html>Sign in</html>", kind="text/html")],
    "HTML called JSON": lambda _w, _s: [message(b"<html>Sign in</html>")],
    "HTML called a stream": lambda _w, _s: [message(b"<html>Sign in</html>", kind="text/event-stream")],
    "compressed": lambda w, _s: [message(gzip.compress(w.whole), "content-encoding: gzip")],
    "an error in a 200": lambda w, _s: [message(w.error)],
    "an error event first": lambda w, s: [w.head(stream=s) + chunk(w.error_event if s else w.error) + LAST],
    "an error event after the opening": lambda w, s: [w.head(stream=s) + chunk(w.opening, w.error_event) + LAST],
    "only an opening": lambda w, s: [w.head(stream=s) + chunk(w.opening) + LAST],
    "drips": drip,
    "429": lambda w, _s: [failing("429 Slow", w, "retry-after: 1")],
    "500": lambda w, _s: [failing("500 Oops", w)],
    "503 in HTML": lambda _w, _s: [message(b"<h1>Busy</h1>", status="503 Busy", kind="text/html")],
    "529": lambda w, _s: [failing("529 Overloaded", w)],
    "401": lambda w, _s: [failing("401 Who", w)],
    "500 whose body hangs": lambda w, _s: [failing("500 Oops", w)[:-3], 0.05, Do.HANG],
    "a redirect": lambda _w, _s: [message(b"", "location: http://127.0.0.1:9/", status="307 There")],
    "nothing": lambda _w, _s: [message(b"")],
    "204": lambda _w, _s: [b"HTTP/1.1 204 None\r\n\r\n"],
    "another protocol": lambda _w, _s: [b"HTTP/1.1 101 Now\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"],
    "not HTTP": lambda _w, _s: [b"SSH-2.0-OpenSSH_9\r\n"],
    "endless headers": lambda _w, _s: [b"HTTP/1.1 200 OK\r\n", *([b"x: " + b"y" * 9000 + b"\r\n"] * 100)],
    "an endless header": lambda _w, _s: [b"HTTP/1.1 200 OK\r\nx: ", *([b"y" * 9000] * 100)],
    "endless promises": lambda _w, _s: [b"HTTP/1.1 100 Continue\r\n\r\n" * 1000] * 10,
    "invalid UTF-8": garbled,
    "an event without end": lambda w, s: [w.head(stream=s) + chunk(b"data: "), *([chunk(b"x" * 65536)] * 270)],
}

# What keeps a provider from finishing a stream: the client must be told so, in its own dialect, and see an end.
AFTER: dict[str, Fault] = {
    "closes": lambda w, _s: [w.said],
    "resets": lambda w, _s: [w.said, 0.05, Do.RESET],
    "ends": lambda w, _s: [w.said + LAST],
    "hangs": lambda w, _s: [w.said, Do.HANG],
    "hangs in a chunk": lambda w, _s: [w.said + b"ff\r\ndata: {", Do.HANG],
    "a chunk size that is none": lambda w, _s: [w.said, b"zz\r\n", Do.HANG],
    "an error event": lambda w, _s: [w.said + chunk(w.error_event) + LAST],
    "an event that is no JSON": lambda w, _s: [w.said + chunk(w.hello.replace(b"}", b"")) + LAST],
    "an event cut short": lambda w, _s: [w.said + chunk(w.hello[:30]) + LAST],
    "invalid UTF-8": lambda w, _s: [w.said + chunk(w.hello.replace(b"Hello", b"H\xff")) + LAST],
}

# What is odd, but an answer all the same.
ODD: dict[str, Fault] = {
    "no [DONE]": lambda w, s: [w.said + chunk(w.finish) + LAST if s else w.sound(stream=s)],
    "kept open": lambda w, s: [w.said + chunk(w.finish, w.done), Do.HANG] if s else [w.sound(stream=s)],
    "no last chunk": lambda w, s: [w.said + chunk(w.finish, w.done) if s else w.sound(stream=s)],
    "reset at the end": lambda w, s: [w.said + chunk(w.finish, w.done), 0.05, Do.RESET] if s else [w.sound(stream=s)],
    "by the byte": lambda w, s: [bytes([byte]) for byte in w.sound(stream=s)],
    "in small pieces": lambda w, s: [w.sound(stream=s)[at : at + 61] for at in range(0, len(w.sound(stream=s)), 61)],
    "slow, but in time": lambda w, s: [w.sound(stream=s)[:200], 0.5, w.sound(stream=s)[200:]],
    "a whole answer to a stream": lambda w, _s: [message(w.whole)],
    "more than was asked for": lambda w, s: [w.sound(stream=s) + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"],
    "until it closes": lambda w, s: [
        b"HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + w.opening + w.hello + w.finish + w.done
        if s
        else b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + w.whole
    ],
    "CRLF and comments": lambda w, s: [
        HEAD % b"text/event-stream"
        + chunk(b": hi\r\n\r\n" + (w.opening + w.hello + w.finish + w.done).replace(b"\n", b"\r\n"))
        + LAST
        if s
        else w.sound(stream=s)
    ],
}

FAULTS = [
    *((f"before: {name}", fault) for name, fault in BEFORE.items()),
    *((f"after: {name}", fault) for name, fault in AFTER.items()),
    *((f"odd: {name}", fault) for name, fault in ODD.items()),
]
LANES = list(itertools.product(PATHS, PATHS))
# Between two of them everything is tried, in all other lanes what matters most.
ALL_IN = ("openai_chat", "anthropic_messages")
MOST = {
    "before: hangs after its headers", "before: closes", "before: half a body", "before: HTML", "before: nothing",
    "before: an error in a 200", "before: an error event after the opening", "before: only an opening", "before: 429",
    "before: 500", "before: invalid UTF-8",
    "after: closes", "after: ends", "after: hangs", "after: an error event", "after: an event that is no JSON",
    "odd: in small pieces", "odd: a whole answer to a stream", "odd: CRLF and comments", "odd: kept open",
}  # fmt: skip
TRIED = {name: [lane for lane in LANES if name in MOST or set(lane) <= set(ALL_IN)] for name, _ in FAULTS}


def tried(when: str) -> list[tuple[str, str, str]]:
    return [
        (name.removeprefix(f"{when}: "), *lane)
        for name, lanes in TRIED.items()
        for lane in lanes
        if name.startswith(f"{when}: ")
    ]


# Takes as much memory as an event may; what Python keeps of it for later would hide a leak.
HEAVY = "before: an event without end"
GROUPS: list[Callable[[str], bool]] = [
    lambda name: name.startswith("odd"),
    lambda name: not name.startswith("odd") and name != HEAVY,
    lambda name: name == HEAVY,
]


@dataclass
class Played:
    """All that came of it."""

    outcomes: dict[tuple[str, str, str, bool], Outcome] = field(default_factory=dict)
    # After each of the groups.
    descriptors: list[int] = field(default_factory=list)
    rss_kb: list[int] = field(default_factory=list)
    open_requests: float = 0
    hung: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    log: str = ""


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def rss_kb(pid: int) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])


def gauge(running: Served, name: str) -> float:
    with running.http() as http:
        [line] = [line for line in http.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


async def ask(http: httpx.AsyncClient, dialect: str, model: str, *, stream: bool) -> Outcome:
    path, body = question(dialect, model, stream=stream)
    answer = await http.post(path, json=body)
    return Outcome(dialect, stream, answer.status_code, answer.headers["x-generation-id"], answer.content)


async def ask_all(running: Served, played: Played, chosen: Callable[[str], bool]) -> None:
    """Make every ask of the chosen faults: each in each pair of dialects, streaming and not."""
    faults = [number for number, (name, _) in enumerate(FAULTS) if chosen(name)]
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, inward: str, outward: str, *, stream: bool) -> None:
        asker = ASKERS[4 * stream + list(PATHS).index(inward)]
        async with gate:
            model = f"wire/{SHORT[outward]}-{number}{asker}"
            outcome = await ask(http, inward, model, stream=stream)
            played.outcomes[FAULTS[number][0], inward, outward, stream] = outcome

    headers = {"authorization": f"Bearer {running.key}"}
    async with httpx.AsyncClient(base_url=running.url, headers=headers, timeout=20.0) as http:
        await asyncio.gather(
            *(
                one(number, inward, outward, stream=stream)
                for number in faults
                for (inward, outward), stream in itertools.product(TRIED[FAULTS[number][0]], (False, True))
                if stream or not FAULTS[number][0].startswith("after")
            )
        )


def run(running: Served, peer: Peer) -> Played:
    played, pid = Played(), running.process.pid
    for group in GROUPS:
        asyncio.run(ask_all(running, played, group))
        time.sleep(SHIPPED_S if group is GROUPS[0] else 0.3)
        played.descriptors.append(descriptors(pid))
        played.rss_kb.append(rss_kb(pid))
    played.hung = [name for name, over in peer.hung if not over.is_set()]
    played.open_requests = gauge(running, "wideband_open_requests")
    return played


async def look_up(home: Path, played: Played) -> None:
    ledger = LocalLedger(home)
    try:
        for outcome in played.outcomes.values():
            record = await ledger.generation(outcome.generation_id)
            assert record is not None, outcome
            outcome.record = jsons.decode_as(record, Generation)
        played.figures = await ledger.balance()
    finally:
        await ledger.close()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    home = tmp_path_factory.mktemp("wire")
    with socket.socket() as nobody, wire(dict(FAULTS)) as peer:
        nobody.bind(("127.0.0.1", 0))  # bound, but not listening
        rows = market(peer.port, [name for name, _ in FAULTS], nobody.getsockname()[1])
        with serving(home, CONFIG + rows) as running:
            found = run(running, peer)
            assert running.stop() == 0
        asyncio.run(look_up(home, found))
        found.log = (home / "server.log").read_text()
        yield found


def cost(record: Generation, rates: tuple[int, int]) -> int:
    return record.prompt_tokens * rates[0] + record.completion_tokens * rates[1]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("name", "inward", "outward"), tried("before"))
def test_a_provider_that_never_answers_is_not_noticed(
    played: Played, name: str, inward: str, outward: str, stream: bool
) -> None:
    outcome = played.outcomes[f"before: {name}", inward, outward, stream]
    assert (outcome.status, outcome.text, outcome.error) == (200, "Hello", None), outcome
    record = outcome.record
    assert record is not None
    assert (record.provider_name, record.status, record.fault) == ("sound", 200, None)
    assert [one.provider_name for one in record.tries][-1:] == ["sound"]
    assert len(record.tries) == 2
    assert record.tries[0].fault is not None
    assert (record.prompt_tokens, record.completion_tokens) == (PROMPT_TOKENS, COMPLETION_TOKENS)
    assert record.cost_nano == cost(record, SOUND)


@pytest.mark.parametrize(("name", "inward", "outward"), tried("after"))
def test_a_provider_that_never_finishes_is_told_of_in_band(
    played: Played, name: str, inward: str, outward: str
) -> None:
    outcome = played.outcomes[f"after: {name}", inward, outward, True]
    assert (outcome.status, outcome.text) == (200, "Hello"), outcome
    assert outcome.error is not None
    record = outcome.record
    assert record is not None
    assert (record.provider_name, record.status, len(record.tries)) == ("bad", 200, 1)
    assert record.fault is not None
    assert record.completion_tokens == 2  # "Hello", estimated: nothing else was said
    assert record.cost_nano == cost(record, BAD)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("name", "inward", "outward"), tried("odd"))
def test_a_provider_with_odd_manners_has_answered(
    played: Played, name: str, inward: str, outward: str, stream: bool
) -> None:
    outcome = played.outcomes[f"odd: {name}", inward, outward, stream]
    assert (outcome.status, outcome.text, outcome.error) == (200, "Hello", None), outcome
    record = outcome.record
    assert record is not None
    faults = [each.fault for each in record.tries]
    assert (record.provider_name, faults) == ("bad", [None]), record.tries[0]
    assert (record.prompt_tokens, record.completion_tokens) == (PROMPT_TOKENS, COMPLETION_TOKENS)
    assert record.cost_nano == cost(record, BAD)


def test_every_request_has_one_record_and_the_ledger_agrees(played: Played) -> None:
    assert played.figures["balanced"], played.figures
    assert played.figures["records"] == len(played.outcomes) > 300
    assert played.figures["charged_nano"] == sum(
        one.record.cost_nano for one in played.outcomes.values() if one.record is not None
    )
    assert played.figures["open_holds"] == 0
    assert played.open_requests == 0


def test_nothing_is_left_behind(played: Played) -> None:
    assert played.hung == []
    before, after, _ = played.descriptors
    assert after - before <= AT_ONCE  # connections to the sound provider, kept for the next asks
    before, after, _ = played.rss_kb
    # 15 to 25 MB measured: what is loaded at first use, what plans and the board keep of hundreds of models, and what
    # DuckDB happens to hold. A read buffer kept for each of these asks would be 25 MB more.
    assert after - before < 34_000


def test_nothing_is_logged_that_should_not_be(played: Played) -> None:
    assert "Traceback" not in played.log
    assert "sk-secret" not in played.log
    assert "Say hello" not in played.log
    assert os.linesep.join(line for line in played.log.splitlines() if "ERROR" in line) == ""
