"""Clients of every protocol, as bare as can be: what they send, how they read answers, what they send back."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

Fields = dict[str, Any]

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
PATH_SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
    "additionalProperties": False,
}
TOOLS = ("read_file", "list_files")
VERDICT = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
LIMIT = 4000


@dataclass
class Wish:
    """What is asked beside the words."""

    stream: bool = False
    tools: bool = False
    verdict: bool = False
    thoughts: bool = False


@dataclass
class Call:
    """A call a client understood; `handle` is what it needs to answer it."""

    name: str
    arguments: Any
    handle: str


@dataclass
class Heard:
    """An answer as a client understood it; `turns` is what it sends back of it."""

    text: str = ""
    thoughts: str = ""
    calls: list[Call] = field(default_factory=list)
    seals: list[str] = field(default_factory=list)
    finish: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    turns: list[Fields] = field(default_factory=list)


class Speaker(Protocol):
    """A client of one protocol."""

    def path(self, model: str, *, stream: bool) -> str: ...
    def body(self, model: str, turns: list[Fields], wish: Wish) -> Fields: ...
    def user(self, text: str, picture: str | None = None) -> Fields: ...
    def results(self, calls: list[Call], said: str) -> list[Fields]: ...
    def whole(self, body: Fields) -> Heard: ...
    def stream(self, events: list[Fields]) -> Heard: ...
    def error(self, body: Fields) -> str:
        """Return the message of an error answer; fails when it is none of this protocol's."""
        ...

    def broke(self, events: list[Fields]) -> bool:
        """Tell whether a stream says in this protocol's way that it broke."""
        ...


def events_of(raw: str) -> list[Fields]:
    """Read a stream of server-sent events, which must be whole; comments and `[DONE]` are passed over."""
    raw = raw.replace("\r\n", "\n")
    assert raw.endswith("\n\n"), raw[-200:]
    events = []
    for frame in raw.split("\n\n"):
        lines = [line for line in frame.split("\n") if line and not line.startswith(":")]
        names = [line[7:] for line in lines if line.startswith("event: ")]
        data = "".join(line[6:] for line in lines if line.startswith("data: "))
        if data and data != "[DONE]":
            event = json.loads(data)
            assert not names or names == [event["type"]], frame
            events.append(event)
    return events


class Chat:
    """OpenAI's chat completions, with the reasoning details that OpenRouter's clients give back."""

    def path(self, model: str, *, stream: bool) -> str:
        return "/v1/chat/completions"

    def body(self, model: str, turns: list[Fields], wish: Wish) -> Fields:
        body: Fields = {"model": model, "messages": turns, "stream": wish.stream, "max_tokens": LIMIT}
        if wish.stream:
            body["stream_options"] = {"include_usage": True}
        if wish.tools:
            body["tools"] = [{"type": "function", "function": {"name": n, "parameters": PATH_SCHEMA}} for n in TOOLS]
        if wish.verdict:
            schema = {"name": "verdict", "schema": VERDICT, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if wish.thoughts:
            body["reasoning"] = {"effort": "low"}
        return body

    def user(self, text: str, picture: str | None = None) -> Fields:
        if picture is None:
            return {"role": "user", "content": text}
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
        return {"role": "user", "content": [{"type": "text", "text": text}, image]}

    def results(self, calls: list[Call], said: str) -> list[Fields]:
        return [{"role": "tool", "tool_call_id": call.handle, "content": f"{said} {call.name}"} for call in calls]

    def whole(self, body: Fields) -> Heard:
        (choice,) = body["choices"]
        return self._heard(choice["message"], choice["finish_reason"], body["usage"])

    def stream(self, events: list[Fields]) -> Heard:
        message: Fields = {"role": "assistant", "content": ""}
        details: dict[tuple[int, str], Fields] = {}
        calls: dict[int, Fields] = {}
        finish, usage = None, None
        for event in events:
            usage = event.get("usage") or usage
            for choice in event["choices"]:
                finish = choice["finish_reason"] or finish
                delta = choice["delta"]
                message["content"] += delta.get("content") or ""
                message["reasoning"] = message.get("reasoning", "") + (delta.get("reasoning") or "")
                for detail in delta.get("reasoning_details") or ():
                    _merge(details.setdefault((detail.get("index", 0), detail["type"]), {}), detail, "text", "summary")
                for call in delta.get("tool_calls") or ():
                    kept = calls.setdefault(call["index"], {"type": "function", "function": {}})
                    kept["id"] = call.get("id") or kept["id"]
                    _merge(kept["function"], call["function"], "arguments")
        if calls:
            message["tool_calls"] = list(calls.values())
        if details:
            message["reasoning_details"] = list(details.values())
        assert usage is not None
        return self._heard(message, finish, usage)

    def _heard(self, message: Fields, finish: str | None, usage: Fields) -> Heard:
        details = message.get("reasoning_details") or []
        return Heard(
            text=message.get("content") or "",
            thoughts=message.get("reasoning") or "",
            calls=[
                Call(call["function"]["name"], json.loads(call["function"]["arguments"]), call["id"])
                for call in message.get("tool_calls") or ()
            ],
            seals=[seal for each in details if (seal := each.get("signature") or each.get("data"))],
            finish=finish,
            prompt_tokens=usage["prompt_tokens"],
            completion_tokens=usage["completion_tokens"],
            turns=[message],
        )

    def error(self, body: Fields) -> str:
        return str(body["error"]["message"])

    def broke(self, events: list[Fields]) -> bool:
        return "error" in events[-1] and events[-1]["choices"][0]["finish_reason"] == "error"


class Messages:
    """Anthropic's messages."""

    def path(self, model: str, *, stream: bool) -> str:
        return "/v1/messages"

    def body(self, model: str, turns: list[Fields], wish: Wish) -> Fields:
        body: Fields = {"model": model, "messages": turns, "stream": wish.stream, "max_tokens": LIMIT}
        if wish.tools:
            body["tools"] = [{"name": name, "input_schema": PATH_SCHEMA} for name in TOOLS]
        if wish.verdict:
            body["output_config"] = {"format": {"type": "json_schema", "schema": VERDICT}}
        if wish.thoughts:
            body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        return body

    def user(self, text: str, picture: str | None = None) -> Fields:
        blocks: list[Fields] = [{"type": "text", "text": text}]
        if picture is not None:
            source = {"type": "base64", "media_type": "image/png", "data": picture}
            blocks.append({"type": "image", "source": source})
        return {"role": "user", "content": blocks}

    def results(self, calls: list[Call], said: str) -> list[Fields]:
        blocks = [
            {"type": "tool_result", "tool_use_id": call.handle, "content": f"{said} {call.name}"} for call in calls
        ]
        return [{"role": "user", "content": blocks}]

    def whole(self, body: Fields) -> Heard:
        return self._heard(body["content"], body["stop_reason"], body["usage"])

    def stream(self, events: list[Fields]) -> Heard:
        assert [events[0]["type"], events[-1]["type"]] == ["message_start", "message_stop"]
        blocks: list[Fields] = []
        usage, finish, inputs = dict(events[0]["message"]["usage"]), None, ""
        for event in events:
            match event["type"]:
                case "content_block_start":
                    assert event["index"] == len(blocks)
                    blocks.append(dict(event["content_block"]))
                    inputs = ""
                case "content_block_delta":
                    delta = {name: value for name, value in event["delta"].items() if name != "type"}
                    inputs += delta.pop("partial_json", "")
                    _merge(blocks[event["index"]], delta, "text", "thinking")
                case "content_block_stop" if blocks[-1]["type"] == "tool_use":
                    blocks[-1]["input"] = json.loads(inputs or "{}")
                case "message_delta":
                    finish = event["delta"]["stop_reason"]
                    usage |= event["usage"]
        return self._heard(blocks, finish, usage)

    def _heard(self, blocks: list[Fields], finish: str | None, usage: Fields) -> Heard:
        read = usage.get("cache_read_input_tokens") or 0
        return Heard(
            text="".join(block["text"] for block in blocks if block["type"] == "text"),
            thoughts="".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
            calls=[Call(block["name"], block["input"], block["id"]) for block in blocks if block["type"] == "tool_use"],
            seals=[seal for block in blocks if (seal := block.get("signature") or block.get("data"))],
            finish={"end_turn": "stop", "tool_use": "tool_calls"}.get(finish or "", finish),
            prompt_tokens=usage["input_tokens"] + read + (usage.get("cache_creation_input_tokens") or 0),
            completion_tokens=usage["output_tokens"],
            turns=[{"role": "assistant", "content": blocks}],
        )

    def error(self, body: Fields) -> str:
        assert body["type"] == "error"
        assert body["error"]["type"].endswith("_error")
        return str(body["error"]["message"])

    def broke(self, events: list[Fields]) -> bool:
        return events[-1]["type"] == "error" and bool(self.error(events[-1]))


class Responses:
    """OpenAI's Responses, stateless as Codex asks: everything is sent back in full."""

    def path(self, model: str, *, stream: bool) -> str:
        return "/v1/responses"

    def body(self, model: str, turns: list[Fields], wish: Wish) -> Fields:
        body: Fields = {"model": model, "input": turns, "stream": wish.stream, "store": False}
        body |= {"max_output_tokens": LIMIT, "include": ["reasoning.encrypted_content"]}
        if wish.tools:
            body["tools"] = [{"type": "function", "name": name, "parameters": PATH_SCHEMA} for name in TOOLS]
        if wish.verdict:
            body["text"] = {"format": {"type": "json_schema", "name": "verdict", "schema": VERDICT, "strict": True}}
        if wish.thoughts:
            body["reasoning"] = {"effort": "low", "summary": "auto"}
        return body

    def user(self, text: str, picture: str | None = None) -> Fields:
        if picture is None:
            return {"role": "user", "content": text}
        image = {"type": "input_image", "image_url": f"data:image/png;base64,{picture}"}
        return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}, image]}

    def results(self, calls: list[Call], said: str) -> list[Fields]:
        return [
            {"type": "function_call_output", "call_id": call.handle, "output": f"{said} {call.name}"} for call in calls
        ]

    def whole(self, body: Fields) -> Heard:
        items = body["output"]
        parts = [part for item in items if item["type"] == "message" for part in item["content"]]
        thoughts = [item for item in items if item["type"] == "reasoning"]
        shown = [*_each(thoughts, "summary"), *_each(thoughts, "content")]
        calls = [item for item in items if item["type"] == "function_call"]
        assert body["usage"]["total_tokens"] == body["usage"]["input_tokens"] + body["usage"]["output_tokens"]
        return Heard(
            text="".join(part["text"] for part in parts if part["type"] == "output_text"),
            thoughts="".join(piece["text"] for piece in shown),
            calls=[Call(call["name"], json.loads(call["arguments"]), call["call_id"]) for call in calls],
            seals=[seal for item in thoughts if (seal := item.get("encrypted_content"))],
            finish={"completed": "tool_calls" if calls else "stop"}.get(body["status"], body["status"]),
            prompt_tokens=body["usage"]["input_tokens"],
            completion_tokens=body["usage"]["output_tokens"],
            turns=items,
        )

    def stream(self, events: list[Fields]) -> Heard:
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert [events[0]["type"], events[-1]["type"]] == ["response.created", "response.completed"]
        done = {event["output_index"]: event["item"] for event in events if event["type"].endswith("output_item.done")}
        final = events[-1]["response"]
        assert final["output"] == [done[index] for index in sorted(done)]
        heard = self.whole(final)
        deltas = [event for event in events if event["type"].endswith(".delta")]
        assert "".join(e["delta"] for e in deltas if "output_text" in e["type"]) == heard.text
        assert "".join(e["delta"] for e in deltas if "reasoning" in e["type"]) == heard.thoughts
        written = [item["arguments"] for item in final["output"] if item["type"] == "function_call"]
        assert "".join(e["delta"] for e in deltas if "arguments" in e["type"]) == "".join(written)
        return heard

    def error(self, body: Fields) -> str:
        return str(body["error"]["message"])

    def broke(self, events: list[Fields]) -> bool:
        last = events[-1]
        return last["type"] == "response.failed" and bool(last["response"]["error"]["message"])


class Gemini:
    """Gemini's generateContent; its clients send calls back without ids when they came without."""

    def path(self, model: str, *, stream: bool) -> str:
        return f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"

    def body(self, model: str, turns: list[Fields], wish: Wish) -> Fields:
        config: Fields = {"maxOutputTokens": LIMIT}
        if wish.verdict:
            config |= {"responseMimeType": "application/json", "responseJsonSchema": VERDICT}
        if wish.thoughts:
            config["thinkingConfig"] = {"includeThoughts": True}
        body: Fields = {"contents": turns, "generationConfig": config}
        if wish.tools:
            functions = [{"name": name, "parametersJsonSchema": PATH_SCHEMA} for name in TOOLS]
            body["tools"] = [{"functionDeclarations": functions}]
        return body

    def user(self, text: str, picture: str | None = None) -> Fields:
        parts: list[Fields] = [{"text": text}]
        if picture is not None:
            parts.append({"inlineData": {"mimeType": "image/png", "data": picture}})
        return {"role": "user", "parts": parts}

    def results(self, calls: list[Call], said: str) -> list[Fields]:
        parts = []
        for call in calls:
            answer: Fields = {"name": call.name, "response": {"output": f"{said} {call.name}"}}
            parts.append({"functionResponse": answer | ({"id": call.handle} if call.handle else {})})
        return [{"role": "user", "parts": parts}]

    def whole(self, body: Fields) -> Heard:
        (candidate,) = body["candidates"]
        parts = candidate["content"]["parts"]
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        usage = body["usageMetadata"]
        finish = {"STOP": "tool_calls" if calls else "stop"}.get(candidate["finishReason"], candidate["finishReason"])
        return Heard(
            text="".join(part.get("text", "") for part in parts if not part.get("thought")),
            thoughts="".join(part["text"] for part in parts if part.get("thought") and "text" in part),
            calls=[Call(call["name"], call.get("args", {}), call.get("id", "")) for call in calls],
            seals=[part["thoughtSignature"] for part in parts if "thoughtSignature" in part],
            finish=finish,
            prompt_tokens=usage["promptTokenCount"],
            completion_tokens=usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0),
            turns=[{"role": "model", "parts": parts}],
        )

    def stream(self, events: list[Fields]) -> Heard:
        """Read all events as Google's SDK users do: every part is kept as it came."""
        candidates = [candidate for event in events for candidate in event.get("candidates", ())]
        parts = [part for candidate in candidates for part in candidate.get("content", {}).get("parts", ())]
        (finish,) = [found for candidate in candidates if (found := candidate.get("finishReason"))]
        whole = {"content": {"parts": parts}, "finishReason": finish}
        return self.whole({"candidates": [whole], "usageMetadata": events[-1]["usageMetadata"]})

    def error(self, body: Fields) -> str:
        assert body["error"]["status"].isupper()
        return str(body["error"]["message"])

    def broke(self, events: list[Fields]) -> bool:
        candidates: Iterable[Fields] = (row for event in events for row in event.get("candidates", ()))
        return not any(row.get("finishReason") for row in candidates) and bool(self.error(events[-1]))


def _merge(kept: Fields, more: Fields, *grows: str) -> None:
    """Take in a delta: texts grow, the rest is replaced."""
    for name, value in more.items():
        kept[name] = kept.get(name, "") + value if name in grows and value else value


def _each(items: list[Fields], name: str) -> Iterator[Fields]:
    for item in items:
        yield from item.get(name) or ()


SPEAKERS: dict[str, Callable[[], Speaker]] = {
    "chat": Chat,
    "messages": Messages,
    "responses": Responses,
    "gemini": Gemini,
}
