"""What a Responses provider says in place of an answer: error answers, error events and failed responses."""

from typing import Any

from wideband.canon.faults import Fault
from wideband.dialects import openai_faults
from wideband.dialects.loose import obj
from wideband.wire import jsons


def decode_fault(status: int, body: bytes) -> Fault:
    """Make the fault of an upstream's error answer, whatever its body is."""
    return openai_faults.decode_fault(status, body)


def decode_failure(error: Any) -> Fault:
    """Make the fault of a `response.error`, or of an error told in a 200 in any shape."""
    return openai_faults.decode_error(error if isinstance(error, dict) else {"message": error})


def decode_event(data: bytes) -> Fault:
    """Make the fault of an `error` event: an error object itself, or one that holds one."""
    try:
        told = obj(jsons.decode(data))
    except jsons.DecodeError:
        told = {}
    error = openai_faults.find_error(told) or {}
    if error is told:
        # Its own `type` says only that it is an error.
        error = {name: value for name, value in told.items() if name not in {"type", "sequence_number"}}
    return openai_faults.decode_error(error)
