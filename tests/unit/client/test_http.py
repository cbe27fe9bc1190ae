"""The HTTP client, against the sandbox: sound answers, and every way in which they are not."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from wideband.canon.events import Counted, Event, Failed, Finished, Started, TextDelta
from wideband.canon.faults import Faulted, FaultKind
from wideband.canon.reply import Reply, fold
from wideband.canon.request import Message, Request, Text
from wideband.client.base import ChatClient
from wideband.client.http import HttpClient
from wideband.sandbox.rows import SANDBOX_KEY
from wideband.wire import jsons


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "wideband", "sandbox", "--speedup", "50", "--with-parent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield jsons.decode(process.stdout.readline())["url"] + "/sim-aurora/v1"
        process.terminate()


def request(said: str) -> Request:
    message = Message(role="user", parts=(Text(text=said),))
    return Request(dialect="openai_chat", model="sandbox/steady", messages=(message,), max_tokens=500)


async def streamed(url: str, said: str, key: str = SANDBOX_KEY) -> list[Event]:
    async with HttpClient(url, key, timeout_s=0.5) as client, aclosing(client.stream(request(said))) as events:
        return [event async for event in events]


async def completed(url: str, said: str) -> Reply:
    async with HttpClient(url, SANDBOX_KEY, timeout_s=0.5) as client:
        return await client.complete(request(said))


def text_of(reply: Reply) -> str:
    return "".join(part.text for part in reply.choices[0].parts if isinstance(part, Text))


async def test_a_stream_is_events_from_start_to_finish(url: str) -> None:
    events = await streamed(url, "Hi [[sandbox tokens=90]]")
    assert isinstance(events[0], Started)
    assert [type(event) for event in events if isinstance(event, Finished | Counted)] == [Finished, Counted]
    assert sum(isinstance(event, TextDelta) for event in events) > 1
    assert len(text_of(fold(events))) == 360


async def test_whole_and_streamed_answers_are_the_same(url: str) -> None:
    usages = [fold(await streamed(url, "Hi [[sandbox tokens=9]]")), await completed(url, "Hi [[sandbox tokens=9]]")]
    assert [reply.usage and reply.usage.completion_tokens for reply in usages] == [9, 9]
    assert [len(text_of(reply)) for reply in usages] == [36, 36]


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("429", FaultKind.PROVIDER_RATE_LIMITED),
        ("500", FaultKind.PROVIDER_ERROR),
        ("503", FaultKind.PROVIDER_OVERLOADED),
        ("wrong_content_type", FaultKind.PROVIDER_GARBLED),
        ("reset", FaultKind.PROVIDER_CUT),
        ("bad_chunking", FaultKind.PROVIDER_CUT),
        ("hang", FaultKind.PROVIDER_TIMEOUT),
    ],
)
async def test_a_refused_request_is_raised(url: str, kind: str, fault: FaultKind) -> None:
    with pytest.raises(Faulted) as caught:
        await streamed(url, f"Hi [[sandbox fault={kind}]]")
    assert caught.value.fault.kind is fault


@pytest.mark.parametrize("kind", ["cut", "cut_late", "stall", "empty", "garbage", "half_response"])
async def test_a_stream_that_breaks_off_ends_with_one_failure(url: str, kind: str) -> None:
    events = await streamed(url, f"Hi [[sandbox tokens=200 fault={kind}]]")
    assert [index for index, event in enumerate(events) if isinstance(event, Failed)] == [len(events) - 1]


@pytest.mark.parametrize("kind", ["cut", "empty", "garbage", "half_response", "200_error", "429", "bad_chunking"])
async def test_a_whole_answer_that_is_none_is_raised(url: str, kind: str) -> None:
    with pytest.raises(Faulted):
        await completed(url, f"Hi [[sandbox fault={kind}]]")


async def test_a_wrong_key_is_said(url: str) -> None:
    with pytest.raises(Faulted):
        await streamed(url, "Hi", key="wrong")


async def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(Faulted) as caught:
        await streamed(nowhere, "Hi")
    assert caught.value.fault.kind is FaultKind.PROVIDER_UNREACHABLE


async def test_leaving_a_stream_early_leaves_the_client_usable(url: str) -> None:
    async with HttpClient(url, SANDBOX_KEY) as client:
        async with aclosing(client.stream(request("Hi [[sandbox tokens=400 tps=1]]"))) as events:
            assert isinstance(await anext(events), Started)
        assert (await client.complete(request("Hi [[sandbox tokens=3]]"))).usage is not None


async def test_it_is_a_chat_client(url: str) -> None:
    client: ChatClient = HttpClient(url, SANDBOX_KEY)
    await client.close()
