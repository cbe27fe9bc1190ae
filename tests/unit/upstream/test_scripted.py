"""The scripted upstream plays its acts in order and remembers what was asked of it."""

import asyncio

import pytest

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.tasks import spawn
from wideband.upstream.base import Call
from wideband.upstream.scripted import Act, Hang, ScriptedUpstream, Wait, stream

BUSY = Fault(kind=FaultKind.PROVIDER_OVERLOADED, message="busy")


def call(url: str = "http://a/x", first_byte_s: float = 1.0) -> Call:
    return Call(url=url, body=b"{}", headers={"x": "y"}, connect_s=1, first_byte_s=first_byte_s)


async def test_acts_are_played_in_order_and_the_last_one_for_ever() -> None:
    upstream = ScriptedUpstream({"http://a": [Act(status=500, body=[b"no"]), stream(b"da", b"ta")]})
    got = []
    for _ in range(3):
        answer = await upstream.send(call())
        got.append((answer.status, await answer.read(10)))
        answer.release()
    assert got == [(500, b"no"), (200, b"data"), (200, b"data")]
    assert [(s.headers, s.body, s.released, s.read_to_end) for s in upstream.sent] == [
        ({"x": "y"}, b"{}", True, True)
    ] * 3


async def test_faults_are_raised_where_they_stand() -> None:
    upstream = ScriptedUpstream({"http://a": [Act(before=[BUSY]), Act(body=[b"x", BUSY])]})
    with pytest.raises(Faulted, match="busy"):
        await upstream.send(call())
    answer = await upstream.send(call())
    assert await answer.chunk() == b"x"
    with pytest.raises(Faulted, match="busy"):
        await answer.chunk()


async def test_an_unknown_url_is_unreachable() -> None:
    with pytest.raises(Faulted) as caught:
        await ScriptedUpstream({}).send(call())
    assert caught.value.fault.kind is FaultKind.PROVIDER_UNREACHABLE


async def test_hanging_ends_at_the_deadline_or_when_the_caller_leaves() -> None:
    upstream = ScriptedUpstream({"http://a": [Act(before=[Hang()])], "http://b": [Act(body=[Hang()])]})
    with pytest.raises(Faulted) as caught:
        await upstream.send(call(first_byte_s=0.01))
    assert caught.value.fault.kind is FaultKind.PROVIDER_TIMEOUT
    answer = await upstream.send(call("http://b"))
    task = spawn(answer.chunk(), name="caller")
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [sent.cancelled for sent in upstream.sent] == [False, True]


async def test_a_gate_holds_a_piece_back() -> None:
    gate = asyncio.Event()
    upstream = ScriptedUpstream({"http://a": [stream(b"1", Wait(gate=gate), b"2", Wait(0.001), b"3")]})
    answer = await upstream.send(call())
    assert await answer.chunk() == b"1"
    task = spawn(answer.chunk(), name="caller")
    await asyncio.sleep(0)
    assert not task.done()
    gate.set()
    assert (await task, await answer.chunk(), await answer.chunk()) == (b"2", b"3", b"")
    await upstream.close()
    assert upstream.closed
