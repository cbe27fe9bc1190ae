"""A whole answer for a Gemini client."""

from wideband.canon.reply import Choice, Reply, unfold
from wideband.canon.request import Json, Loss
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.gemini_generate.candidates import EMPTY, Candidate
from wideband.dialects.gemini_generate.encoder import address
from wideband.dialects.gemini_generate.usage import closing_fields
from wideband.dialects.google_faults import encode_fault
from wideband.wire import jsons


def encode_reply(reply: Reply, envelope: Envelope, closing: Closing) -> tuple[bytes, list[Loss]]:
    """Write an answer; a broken one is an error object, since this protocol has no broken answers."""
    losses: list[Loss] = []
    fault = closing.fault or reply.fault
    if fault is not None:
        return encode_fault(fault, envelope.id), losses
    candidates = [_candidate(choice, envelope, losses) for choice in reply.choices or (Choice(),)]
    body = {"candidates": candidates, **address(envelope), "provider": envelope.provider, **closing_fields(closing)}
    return jsons.encode(body), losses


def _candidate(choice: Choice, envelope: Envelope, losses: list[Loss]) -> dict[str, Json]:
    candidate, parts = Candidate(choice.index, losses, hides=envelope.hides_reasoning), list[bytes]()
    for event in unfold(Reply(choices=(choice,))):
        candidate.take(event, parts)
    parts += candidate.end()
    content = {"parts": [jsons.Raw(part) for part in parts or [EMPTY]], "role": "model"}
    return {"content": content, **candidate.fields()}
