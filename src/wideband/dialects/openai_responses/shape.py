"""The response object around the output: what it repeats of the request, how it ended, and what it cost."""

from typing import Any, Final

from wideband.canon.events import Finished
from wideband.canon.faults import Fault
from wideband.canon.request import Json
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.faults import failure
from wideband.dialects.openai_responses.usage import encode_usage

# What an answer repeats of its request, with what it says where the request said nothing: strict clients miss a key.
_ECHOED: Final[dict[str, Json]] = {
    "frequency_penalty": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": None,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
# What is so for every answer here, whatever was asked.
_FIXED: Final[dict[str, Json]] = {"background": False, "previous_response_id": None, "store": False}
_NULL: Final = b"null"


def response(
    envelope: Envelope, status: str, output: list[Json], extras: dict[str, Json], rest: dict[str, Json]
) -> dict[str, Json]:
    """Return the response object; `extras` are the provider's to say, `rest` is what the end adds."""
    asked = {name: raw for name in _ECHOED if (raw := envelope.asked.get(name)) is not None and bytes(raw) != _NULL}
    return {
        "id": envelope.id,
        "object": "response",
        "created_at": envelope.created_s,
        "completed_at": envelope.created_s if status == "completed" else None,
        "status": status,
        "model": envelope.model,
        "provider": envelope.provider,
        "output": output,
        "error": None,
        "incomplete_details": None,
        "usage": None,
        **_ECHOED,
        **asked,
        **extras,
        **envelope.tier_field,
        **_FIXED,
        **rest,
    }


def ending(closing: Closing, fault: Fault | None, finish: Finished | None, provider: str) -> tuple[str, dict[str, Any]]:
    """Return the status of a response that is over, and what its object says beside the output."""
    rest: dict[str, Any] = {"usage": encode_usage(closing), **closing.metadata_field}
    if fault is not None:
        return "failed", rest | {"error": failure(fault, provider), "error_type": fault.rule.error_type}
    reason = words.INCOMPLETE_WORDS.get(finish.reason) if finish is not None else None
    if reason is not None:
        return "incomplete", rest | {"incomplete_details": {"reason": reason}}
    return "completed", rest
