"""Names are resolved once, together, off the way of calls; a resolver that hangs or fails holds up little."""

import asyncio
import socket

import pytest
from tests.unit.upstream.peer import Serve, Visit, ok

from wideband.canon.faults import Faulted, FaultKind
from wideband.tasks import spawn
from wideband.upstream import names
from wideband.upstream.base import Call
from wideband.upstream.names import Names
from wideband.upstream.raw import RawUpstream


class Resolver:
    """Answers as it is told, counting; `gate` holds answers back."""

    def __init__(self, *answers: list[str] | OSError) -> None:
        self.asked: list[str] = []
        self.answers = list(answers)
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        await self.gate.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        return list(answer)


UNKNOWN = socket.gaierror(socket.EAI_NONAME, "unknown")


async def test_a_name_is_asked_for_once_by_all_who_want_it() -> None:
    resolver = Resolver(["10.0.0.1"])
    known = Names(resolver)
    found = await asyncio.gather(*(known.addresses("a") for _ in range(50)))
    assert found == [["10.0.0.1"]] * 50
    assert await known.addresses("a") == ["10.0.0.1"]
    assert resolver.asked == ["a"]


async def test_one_name_that_hangs_holds_up_no_other() -> None:
    resolver = Resolver(["10.0.0.1"])
    known = Names(resolver)
    await known.addresses("b")
    resolver.gate.clear()
    hanging = spawn(known.addresses("a"), name="a")
    assert await asyncio.wait_for(known.addresses("b"), 0.1) == ["10.0.0.1"]
    hanging.cancel()
    await asyncio.sleep(0)
    others = spawn(known.addresses("a"), name="a again")
    await asyncio.sleep(0)
    resolver.gate.set()
    assert await others == ["10.0.0.1"]
    assert resolver.asked == ["b", "a"]


async def test_an_old_answer_serves_while_a_new_one_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "FRESH_S", 0.0)
    resolver = Resolver(["10.0.0.1"], UNKNOWN, ["10.0.0.2"])
    known = Names(resolver)
    assert await known.addresses("a") == ["10.0.0.1"]
    assert await known.addresses("a") == ["10.0.0.1"]
    await asyncio.sleep(0.01)
    assert await known.addresses("a") == ["10.0.0.1"]  # the refreshing failed: better old than none
    await asyncio.sleep(0.01)
    assert await known.addresses("a") == ["10.0.0.2"]


async def test_a_name_that_is_not_known_is_asked_for_again() -> None:
    resolver = Resolver(UNKNOWN, [], ["10.0.0.1"])
    known = Names(resolver)
    for _ in range(2):
        with pytest.raises(OSError, match=r"unknown|no address"):
            await known.addresses("a")
    assert await known.addresses("a") == ["10.0.0.1"]


async def test_the_address_that_answers_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "FRESH_S", 0.0)
    known = Names(Resolver(["10.0.0.1", "10.0.0.2", "10.0.0.3"]))
    await known.addresses("a")
    known.reached("a", "10.0.0.2")
    for _ in range(2):
        assert await known.addresses("a") == ["10.0.0.2", "10.0.0.1", "10.0.0.3"]
        await asyncio.sleep(0.01)


def call(port: int) -> Call:
    return Call(url=f"http://a.test:{port}/", body=b"{}", headers={}, connect_s=2, first_byte_s=2)


async def test_a_dead_address_costs_one_call_a_moment_and_the_next_none(serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(ok(b"x", "connection: close"))

    server = await serve(play)
    known = Names(Resolver(["127.0.0.2", "127.0.0.1"]))  # nobody listens at the first
    raw = RawUpstream(names=known)
    for _ in range(2):
        assert await (await raw.send(call(server.port))).read(10) == b"x"
    assert (await known.addresses("a.test"))[0] == "127.0.0.1"
    await raw.close()


async def test_a_host_that_moved_is_found_again(serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(ok(b"x"))

    server = await serve(play)
    raw = RawUpstream(names=Names(Resolver(["127.0.0.2"], ["127.0.0.1"])))
    with pytest.raises(Faulted) as caught:
        await raw.send(call(server.port))
    assert caught.value.fault.kind is FaultKind.PROVIDER_UNREACHABLE
    assert await (await raw.send(call(server.port))).read(10) == b"x"
    await raw.close()


async def test_a_name_that_cannot_be_resolved_in_time_is_unreachable() -> None:
    resolver = Resolver(["127.0.0.1"])
    resolver.gate.clear()
    raw = RawUpstream(names=Names(resolver))
    with pytest.raises(Faulted) as caught:
        await raw.send(Call(url="http://a.test/", body=b"", headers={}, connect_s=0.05, first_byte_s=2))
    assert caught.value.fault.kind is FaultKind.PROVIDER_UNREACHABLE
    resolver.gate.set()
    await raw.close()
