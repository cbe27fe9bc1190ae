"""What is answered: reply bodies and stream events of every dialect, as bytes."""

import msgspec

from bench.traffic import BURST_EVENTS, SENTENCE, Dialect, Fields, compact

_TEXT = (SENTENCE * 8)[:560]


def _message(text: str) -> Fields:
    said = [{"type": "output_text", "annotations": [], "logprobs": [], "text": text}] if text else []
    status = "completed" if text else "in_progress"
    return {"id": "msg_bench", "type": "message", "status": status, "role": "assistant", "content": said}


def _response(status: str, output: list[Fields]) -> Fields:
    """Write a response with all that one repeats of its request."""
    counts = {
        "input_tokens": 220,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 130,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 350,
    }
    return {
        "id": "resp_bench",
        "object": "response",
        "created_at": 1_760_000_000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": 256,
        "model": "reply",
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": True,
        "temperature": 0.7,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": counts if output else None,
        "user": None,
        "metadata": {},
    }


REPLIES: dict[Dialect, bytes] = {
    "openai_chat": compact(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1_760_000_000,
            "model": "reply",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": _TEXT, "refusal": None},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": 220,
                "completion_tokens": 130,
                "total_tokens": 350,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
            "system_fingerprint": "fp_bench",
        }
    ),
    "anthropic_messages": compact(
        {
            "id": "msg_bench",
            "type": "message",
            "role": "assistant",
            "model": "reply",
            "content": [{"type": "text", "text": _TEXT}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": 220,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 130,
            },
        }
    ),
    "openai_responses": compact(_response("completed", [_message(_TEXT)])),
    "gemini_generate": compact(
        {
            "candidates": [
                {"content": {"parts": [{"text": _TEXT}], "role": "model"}, "finishReason": "STOP", "index": 0}
            ],
            "usageMetadata": {"promptTokenCount": 220, "candidatesTokenCount": 130, "totalTokenCount": 350},
            "modelVersion": "reply",
            "responseId": "bench",
        }
    ),
}


class Events(msgspec.Struct, frozen=True):
    """The parts of a stream: how it opens, the event that repeats, how it ends."""

    opening: bytes
    delta: bytes
    ending: bytes


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return b"data: " + compact({**_CHUNK, "choices": [choice]}) + b"\n\n"


def _named(kind: str, **fields: object) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + compact({"type": kind, **fields}) + b"\n\n"


_CHUNK = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "stream"}
_USAGE = {"prompt_tokens": 220, "completion_tokens": BURST_EVENTS, "total_tokens": 220 + BURST_EVENTS}
_MESSAGE: dict[str, object] = {
    "id": "msg_bench",
    "type": "message",
    "role": "assistant",
    "model": "stream",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 220, "output_tokens": 1},
}

_PLACE: Fields = {"item_id": "msg_bench", "output_index": 0, "content_index": 0}
_PART: Fields = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
_SAID = "Words of a whole stream."


def _candidate(text: str, **finish: str) -> bytes:
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, **finish, "index": 0}
    counts = {"promptTokenCount": 220, "candidatesTokenCount": BURST_EVENTS, "totalTokenCount": 220 + BURST_EVENTS}
    event = {"candidates": [candidate], "usageMetadata": counts, "modelVersion": "stream", "responseId": "bench"}
    return b"data: " + compact(event) + b"\n\n"


EVENTS: dict[Dialect, Events] = {
    "openai_chat": Events(
        opening=_chunk({"role": "assistant", "content": ""}),
        delta=_chunk({"content": " token"}),
        ending=_chunk({}, "stop")
        + b"data: "
        + compact({**_CHUNK, "choices": [], "usage": _USAGE})
        + b"\n\ndata: [DONE]\n\n",
    ),
    "anthropic_messages": Events(
        opening=_named("message_start", message=_MESSAGE)
        + _named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        delta=_named("content_block_delta", index=0, delta={"type": "text_delta", "text": " token"}),
        ending=_named("content_block_stop", index=0)
        + _named(
            "message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": BURST_EVENTS},
        )
        + _named("message_stop"),
    ),
    "openai_responses": Events(
        opening=_named("response.created", sequence_number=0, response=_response("in_progress", []))
        + _named("response.in_progress", sequence_number=1, response=_response("in_progress", []))
        + _named("response.output_item.added", sequence_number=2, output_index=0, item=_message(""))
        + _named("response.content_part.added", sequence_number=3, **_PLACE, part=_PART),
        delta=_named("response.output_text.delta", sequence_number=4, **_PLACE, delta=" token", logprobs=[]),
        ending=_named("response.output_text.done", sequence_number=5, **_PLACE, text=_SAID, logprobs=[])
        + _named("response.content_part.done", sequence_number=6, **_PLACE, part=_PART | {"text": _SAID})
        + _named("response.output_item.done", sequence_number=7, output_index=0, item=_message(_SAID))
        + _named("response.completed", sequence_number=8, response=_response("completed", [_message(_SAID)])),
    ),
    "gemini_generate": Events(
        opening=_candidate(""),
        delta=_candidate(" token"),
        ending=_candidate("", finishReason="STOP"),
    ),
}
