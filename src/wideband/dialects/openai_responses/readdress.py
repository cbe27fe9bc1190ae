"""A provider's response object as the client gets it: its own words, under our address, seals marked, with the bill."""

from typing import Any

import msgspec

from wideband.canon.events import Finished
from wideband.canon.faults import Fault
from wideband.dialects import loose, seals
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.shape import ending, response
from wideband.dialects.openai_responses.upstream_faults import decode_failure
from wideband.dialects.quirks import is_null
from wideband.wire import jsons

Fields = dict[str, Any]

# The field in which a provider seals what it alone can read.
_SEAL = "encrypted_content"
_SEAL_MARK = b'"encrypted_content"'


def begun(fields: Fields, envelope: Envelope) -> Fields:
    """Return a response that has only begun."""
    return _merged(response(envelope, "in_progress", [], {}, {}), fields, _address(envelope) | {"output": []})


def ended(
    fields: Fields, items: list[Any], envelope: Envelope, closing: Closing, heard: Finished | Fault | None = None
) -> Fields:
    """Return a response that is over. `items` stand in where it does not say its output.

    How it ended the closing says, else what was heard in the stream, else the response itself.
    """
    told = heard or _end_of(fields)
    fault = closing.fault or (told if isinstance(told, Fault) else None)
    status, rest = ending(closing, fault, told if isinstance(told, Finished) else None, envelope.provider)
    output = _output(fields.get("output"), envelope) or items
    if status == "incomplete" and not is_null(fields.get("incomplete_details")):
        del rest["incomplete_details"]
    rest["usage"] = _usage(fields.get("usage"), rest["usage"])
    said = {name: value for name, value in fields.items() if name != "error"}
    ours = _address(envelope) | {"status": status, "output": output} | rest
    return _merged(response(envelope, status, [], {}, {}), said, ours)


def item_for_client(raw: bytes, envelope: Envelope) -> Any:
    """Return an item with its seal marked as the provider's, and without its thoughts where they are not to be seen."""
    sealed = _SEAL_MARK in raw and envelope.provider_slug
    if not (sealed or envelope.hides_reasoning):
        return jsons.Raw(raw)
    item: Fields = dict(jsons.fields(raw))
    if sealed and isinstance(seal := jsons.plain(item.get(_SEAL)), str) and seal:
        item[_SEAL] = seals.tag(seal, envelope.provider_slug)
    if envelope.hides_reasoning and jsons.plain(item.get("type")) == words.REASONING:
        item["summary"] = []
        item.pop("content", None)
    return item


def is_touched(raw: bytes, envelope: Envelope) -> bool:
    """Tell whether bytes may hold an item that is not to pass as it is."""
    return _SEAL_MARK in raw or envelope.hides_reasoning


def _address(envelope: Envelope) -> Fields:
    return {
        "id": envelope.id,
        "object": "response",
        "created_at": envelope.created_s,
        "model": envelope.model,
        "provider": envelope.provider,
        **envelope.tier_field,
    }


def _merged(whole: Fields, said: Fields, ours: Fields) -> Fields:
    """Let a provider say what it will, but nothing by null that strict clients want a value of."""
    return whole | {name: value for name, value in said.items() if name not in whole or not is_null(value)} | ours


def _end_of(fields: Fields) -> Finished | Fault | None:
    status, error = jsons.plain(fields.get("status")), jsons.plain(fields.get("error"))
    if error or status in ("failed", "cancelled"):
        return decode_failure(error or f"The provider's answer is {status}.")
    if status == "incomplete":
        reason = loose.text(loose.obj(jsons.plain(fields.get("incomplete_details"))).get("reason"))
        return Finished(words.INCOMPLETE.get(reason or "", "length"), reason)
    return Finished("stop") if status == "completed" else None


def _output(raw: Any, envelope: Envelope) -> Any:
    """Return the output with its items as the client gets them; None when there is none."""
    data = bytes(raw) if isinstance(raw, msgspec.Raw) else b""
    if not data.startswith(b"[") or data.strip(b"[] \t\r\n") == b"":
        return None
    if not is_touched(data, envelope):
        return raw
    items = jsons.decode_as(data, list[jsons.Raw])
    return [item_for_client(bytes(item), envelope) if bytes(item).startswith(b"{") else item for item in items]


def _usage(raw: Any, ours: Fields) -> Fields:
    """Keep what else a provider counts; the counts that were billed are ours."""
    told = loose.obj(jsons.plain(raw))
    details = ("input_tokens_details", "output_tokens_details")
    return told | ours | {name: loose.obj(told.get(name)) | ours[name] for name in details}
