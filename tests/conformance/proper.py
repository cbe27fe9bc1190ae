"""What clients may count on of a stream in each protocol, however the provider's stream was broken.

Each check reads a client's bytes, fails unless they are a whole stream of its protocol with exactly one proper end, and
returns whether that end told of a fault. What the SDKs make of a stream their own accumulators tell, but not on
the fast lanes: there a provider's frames are its own affair, only their beginning and their end are ours.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from anthropic._models import construct_type
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from google.genai.types import GenerateContentResponse
from openai import omit
from openai._models import construct_type as construct_openai
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent

Fields = dict[str, Any]


def sse_rows(data: bytes, line_end: str = "\n") -> list[tuple[str | None, Any]]:
    """Read a stream strictly: whole frames of at most one name and exactly one line of JSON each."""
    blank = line_end * 2
    text = data.decode("utf-8", "strict")
    assert text.endswith(blank), text[-80:]
    rows: list[tuple[str | None, Any]] = []
    for block in text.removesuffix(blank).split(blank):
        lines = block.split(line_end)
        name = lines.pop(0).removeprefix("event: ") if lines[0].startswith("event: ") else None
        assert len(lines) == 1, block
        assert lines[0].startswith("data: "), block
        said = lines[0].removeprefix("data: ")
        rows.append((name, said if said == "[DONE]" else json.loads(said)))
    return rows


def chat(data: bytes, *, fast: bool = False) -> bool:
    rows = sse_rows(data)
    assert [at for at, (_, row) in enumerate(rows) if row == "[DONE]"] == [len(rows) - 1]
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    finished: set[int] = set()
    opened: set[tuple[int, int]] = set()
    known: dict[int, int] = {}
    errors = []
    for at, (name, row) in enumerate(rows[:-1]):
        assert name is None
        assert (row["id"], row["object"]) == ("gen-1", "chat.completion.chunk")
        if "error" in row:
            assert row["error"]["message"]
            errors.append(at)
        for choice in row["choices"]:
            assert choice["index"] not in finished
            for call in () if fast else choice["delta"].get("tool_calls") or ():
                key = (choice["index"], call["index"])
                assert key in opened or (call["id"] and call[call["type"]]["name"] is not None)
                opened.add(key)
            if choice["finish_reason"] is not None:
                finished.add(choice["index"])
                assert (choice["finish_reason"] == "error") == ("error" in row)
                choice["finish_reason"] = "stop"
            # The SDK knows none of them, nor a first choice that is not the first in the list.
            for name in ("annotations", "reasoning_details"):
                choice["delta"].pop(name, None)
            known.setdefault(choice["index"], len(known))
            choice["index"] = known[choice["index"]]
        chunk: Any = construct_openai(type_=ChatCompletionChunk, value=row)
        if not fast:
            list(state.handle_chunk(chunk))
    assert len(errors) <= 1
    assert finished
    return bool(errors)


def messages(data: bytes, *, fast: bool = False) -> bool:
    rows = sse_rows(data)
    # Clients take the name for the type where there is none.
    assert all(name == row.get("type", name if fast else "") for name, row in rows)
    kinds = [str(name) for name, _ in rows if name != "ping"]
    ends = [kind for kind in kinds if kind in {"message_stop", "error"}]
    assert ends == kinds[-1:]
    failed = ends == ["error"]
    if failed:
        assert rows[-1][1]["error"]["message"]
        rows = rows[:-1]
        if not [kind for kind in kinds if kind not in {"error", "ping"}]:
            return True
    assert kinds[0] == "message_start"
    assert kinds.count("message_start") == 1
    if fast:
        return failed
    _blocks(kinds, [row for _, row in rows], failed=failed)
    snapshot = None
    inputs: dict[int, bytes] = {}
    for _, row in rows:
        if row["type"] != "ping":
            event: Any = construct_type(type_=RawMessageStreamEvent, value=row)
            try:
                snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=inputs)
            except ValueError as error:
                # A model's arguments reach the client as they are, be they JSON or not.
                assert "Unable to parse tool parameter JSON" in str(error)
                break
    return failed


def _blocks(kinds: list[str], rows: list[Fields], *, failed: bool) -> None:
    """Check that blocks are counted, open one at a time, and all closed when the message ends whole."""
    count, is_open = 0, False
    for row in rows:
        match row["type"]:
            case "content_block_start":
                assert (row["index"], is_open) == (count, False)
                is_open = True
            case "content_block_delta":
                assert (row["index"], is_open) == (count, True)
            case "content_block_stop":
                assert (row["index"], is_open) == (count, True)
                count, is_open = count + 1, False
    if not failed:
        assert not is_open
        assert kinds[-2:] == ["message_delta", "message_stop"]
        assert kinds.count("message_delta") == 1


_TERMINAL = {"response.completed", "response.incomplete", "response.failed"}


def responses(data: bytes, *, fast: bool = False) -> bool:
    rows = sse_rows(data)
    assert all(name == row["type"] for name, row in rows)
    events = [row for _, row in rows]
    assert events[0]["type"] == "response.created"
    ends = [event["type"] for event in events if event["type"] in _TERMINAL]
    assert ends == [events[-1]["type"]]
    last = events[-1]["response"]
    failed = ends == ["response.failed"]
    assert last["status"] == ends[0].removeprefix("response.")
    assert (last["id"], events[0]["response"]["id"]) == ("gen-1", "gen-1")
    assert bool(last["error"]) == failed
    assert last["usage"]["total_tokens"] == last["usage"]["input_tokens"] + last["usage"]["output_tokens"]
    assert "error" not in [event["type"] for event in events]
    if fast:
        return failed
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    _items(events, last["output"], failed=failed)
    state: ResponseStreamState[None] = ResponseStreamState(input_tools=omit, text_format=omit)
    calls = [item.get("call_id") for item in last["output"] if "call_id" in item]
    if len(set(calls)) < len(calls):
        return failed
    for event in events:
        raw: Any = construct_openai(type_=ResponseStreamEvent, value=event)
        state.handle_event(raw)
    return failed


def _items(events: list[Fields], output: list[Fields], *, failed: bool) -> None:
    """Check that items are added in order, told of only while open, and done as they end up in the output."""
    added: list[Fields] = []
    done: dict[int, Fields] = {}
    said: defaultdict[tuple[int, str], str] = defaultdict(str)
    for event in events:
        kind, at = event["type"], event.get("output_index")
        if kind == "response.output_item.added":
            assert at == len(added)
            added.append(event["item"])
        elif kind == "response.output_item.done" and at is not None:
            assert at not in done
            assert _named(event["item"]) == _named(added[at])
            done[at] = event["item"]
        elif at is not None:
            assert at < len(added)
            assert at not in done
            assert event["item_id"] == added[at]["id"]
            if kind.endswith(("arguments.delta", "call_input.delta")):
                said[at, added[at]["type"]] += event["delta"]
    assert len(output) == len(added)
    if not failed:
        assert sorted(done) == list(range(len(added)))
    for at, item in enumerate(output):
        assert done.get(at, item) == item
        if item["type"] in ("function_call", "custom_tool_call") and at in done:
            assert said[at, item["type"]] == item.get("arguments", item.get("input"))


def _named(item: Fields) -> tuple[Any, ...]:
    return tuple(item.get(name) for name in ("id", "type", "call_id", "name", "namespace"))


def gemini(data: bytes, *, fast: bool = False) -> bool:
    return _gemini([row for _, row in sse_rows(data, "\r\n")], fast=fast)


def gemini_array(data: bytes, *, fast: bool = False) -> bool:
    return _gemini(json.loads(data.decode("utf-8", "strict")), fast=fast)


def _gemini(rows: list[Fields], *, fast: bool) -> bool:
    failed = "error" in rows[-1]
    chunks = rows[:-1] if failed else rows
    assert all("error" not in row for row in chunks)
    if failed:
        assert rows[-1].keys() == {"error"}
        assert isinstance(rows[-1]["error"]["code"], int)
    finished: set[int] = set()
    for row in chunks:
        assert (row["modelVersion"], row["responseId"]) == ("m", "gen-1")
        for candidate in row.get("candidates") or ():
            assert candidate.get("index", 0) not in finished
            if candidate.get("finishReason"):
                finished.add(candidate.get("index", 0))
        if not fast:
            GenerateContentResponse._from_response(response=row, kwargs={})
    assert failed or finished
    return failed


Check = Callable[..., bool]
CHECKS: dict[str, Check] = {
    "openai_chat": chat,
    "anthropic_messages": messages,
    "openai_responses": responses,
    "gemini_generate": gemini,
}
