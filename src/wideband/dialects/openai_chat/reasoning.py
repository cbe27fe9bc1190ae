"""`reasoning_details` and its plainer cousins, both ways, in answers and in what callers echo back."""

from typing import Any

from wideband.canon.events import Event, OpaqueDelta, ReasoningDelta, ReasoningSealed
from wideband.canon.request import Opaque, Part, Reasoning
from wideband.dialects.loose import rows, text
from wideband.dialects.openai_chat.words import NAME, NO_FORMAT

_TEXT, _SUMMARY, _ENCRYPTED = "reasoning.text", "reasoning.summary", "reasoning.encrypted"


def _format(detail: dict[str, Any]) -> str | None:
    found = text(detail.get("format"))
    return None if found == NO_FORMAT else found


class Blocks:
    """Numbers the reasoning blocks of one choice while its details come in.

    A detail's `index` tells its block; without one, text goes on in the block before. Encrypted data joins the block
    of its index (a provider sends text and seal apart) but never a second time.
    """

    def __init__(self) -> None:
        self._by_index: dict[int | None, int] = {}
        self._holding_data: set[int] = set()
        self._count = 0

    def number(self, index: Any, *, data: bool) -> int:
        key = index if isinstance(index, int) and not isinstance(index, bool) else None
        block = self._by_index.get(key)
        if block is None or (data and (block in self._holding_data or key is None)):
            block = self._by_index[key] = self._count
            self._count += 1
        if data:
            self._holding_data.add(block)
        return block

    def events(self, details: Any, choice: int) -> list[Event]:
        """Read a `reasoning_details` array of a message or delta."""
        events: list[Event] = []
        for detail in rows(details):
            kind, seal_id = detail.get("type"), text(detail.get("id"))
            if kind in (_TEXT, _SUMMARY):
                block = self.number(detail.get("index"), data=False)
                said = detail.get("text" if kind == _TEXT else "summary")
                if isinstance(said, str) and said:
                    events.append(ReasoningDelta(said, choice, block, kind == _SUMMARY, _format(detail)))
                if text(detail.get("signature")) or seal_id:
                    signature = text(detail.get("signature"))
                    events.append(ReasoningSealed(signature, None, choice, block, _format(detail), seal_id))
            elif kind == _ENCRYPTED:
                if data := text(detail.get("data")):
                    block = self.number(detail.get("index"), data=True)
                    events.append(ReasoningSealed(None, data, choice, block, _format(detail), seal_id))
            else:
                events.append(OpaqueDelta(dialect=NAME, kind="reasoning_detail", raw=detail, choice=choice))
        return events


def decode_parts(message: dict[str, Any]) -> list[Part]:
    """Read the reasoning a caller echoes: the details if there are any, else the plain text under either name."""
    details = rows(message.get("reasoning_details"))
    if details:
        return [_part(detail) for detail in details]
    said = text(message.get("reasoning")) or text(message.get("reasoning_content"))
    return [Reasoning(text=said)] if said else []


def _part(detail: dict[str, Any]) -> Part:
    kind, seal_id, form = detail.get("type"), text(detail.get("id")), _format(detail)
    if kind == _TEXT:
        said, signature = text(detail.get("text")) or "", text(detail.get("signature"))
        return Reasoning(text=said, signature=signature, format=form, id=seal_id)
    if kind == _SUMMARY:
        return Reasoning(text=text(detail.get("summary")) or "", summary=True, format=form, id=seal_id)
    if kind == _ENCRYPTED:
        return Reasoning(data=text(detail.get("data")), format=form, id=seal_id)
    return Opaque(dialect=NAME, kind="reasoning_detail", raw=detail)


def encode_text(said: str, index: int, *, summary: bool, form: str | None) -> dict[str, Any]:
    """Return the detail for some reasoning text."""
    kind, field = (_SUMMARY, "summary") if summary else (_TEXT, "text")
    return {"type": kind, field: said, "format": form or NO_FORMAT, "index": index}


def encode_seal(sealed: ReasoningSealed | Reasoning, index: int) -> dict[str, Any]:
    """Return the detail for a seal: encrypted data, or the signature of a text told apart from it."""
    body = {"type": _ENCRYPTED, "data": sealed.data} if sealed.data else {"type": _TEXT, "signature": sealed.signature}
    identity = {"id": sealed.id} if sealed.id else {}
    return body | identity | {"format": sealed.format or NO_FORMAT, "index": index}


def encode_part(part: Reasoning, index: int) -> list[dict[str, Any]]:
    """Return the details of a whole block: its text with the signature, then its encrypted data."""
    details: list[dict[str, Any]] = []
    if part.text or part.signature or not part.data:
        detail = encode_text(part.text, index, summary=part.summary, form=part.format)
        if part.signature:
            detail["signature"] = part.signature
        if part.id:
            detail["id"] = part.id
        details.append(detail)
    if part.data:
        details.append(encode_seal(part, index))
    return details
