"""What a client of any dialect got: its text, and how it ended."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wideband.metering.record import Generation
from wideband.wire import sse


def _texts_of_chat(part: Any) -> list[str]:
    return [(choice.get("delta") or choice.get("message") or {}).get("content") or "" for choice in part["choices"]]


def _texts_of_messages(part: Any) -> list[str]:
    return [block.get("text", "") for block in part.get("content", ())] + [part.get("delta", {}).get("text", "")]


def _texts_of_responses(part: Any) -> list[str]:
    if part.get("type") == "response.output_text.delta":
        return [part["delta"]]
    return [text["text"] for item in part.get("output", ()) for text in item.get("content", ())]


def _texts_of_gemini(part: Any) -> list[str]:
    return [
        text["text"]
        for candidate in part.get("candidates", ())
        for text in candidate.get("content", {}).get("parts", ())
        if "text" in text
    ]


# Dialect -> the pieces of text in an event of a stream, or in a whole answer.
TEXTS: dict[str, Callable[[Any], list[str]]] = {
    "openai_chat": _texts_of_chat,
    "anthropic_messages": _texts_of_messages,
    "openai_responses": _texts_of_responses,
    "gemini_generate": _texts_of_gemini,
}


@dataclass
class Outcome:
    """What a client got, and what was recorded of it."""

    dialect: str
    stream: bool
    status: int
    generation_id: str
    body: bytes
    record: Generation | None = None

    @property
    def frames(self) -> list[sse.Frame]:
        decoder = sse.Decoder()
        return decoder.feed(self.body) + decoder.close()

    @property
    def parts(self) -> list[Any]:
        return [json.loads(one.data) for one in self.frames if one.data != b"[DONE]"]

    @property
    def text(self) -> str:
        return "".join(piece for part in self._answers for piece in TEXTS[self.dialect](part))

    @property
    def _answers(self) -> list[Any]:
        return self.parts if self.stream else [json.loads(self.body)]

    @property
    def error(self) -> Any:
        """Return the error that a stream ended with, or None; asserts that it did end, as its dialect has it."""
        if not self.stream:
            return None
        last = self.parts[-1]
        match self.dialect:
            case "openai_chat":
                assert self.body.endswith(b"data: [DONE]\n\n")
                error = last.get("error")
                ended = [choice["finish_reason"] for choice in last["choices"]]
                assert ended == (["error"] if error else ended)
                return error
            case "anthropic_messages":
                assert last["type"] in {"message_stop", "error"}
                return last.get("error")
            case "openai_responses":
                assert [part["sequence_number"] for part in self.parts] == list(range(len(self.parts)))
                ends = [
                    part["type"] for part in self.parts if part["type"] in {"response.completed", "response.failed"}
                ]
                assert ends == [last["type"]]
                assert (last["response"]["error"] is None) == (ends == ["response.completed"])
                return last["response"]["error"]
            case _:
                assert ("error" in last) != bool(last.get("candidates", [{}])[0].get("finishReason"))
                return last.get("error")
