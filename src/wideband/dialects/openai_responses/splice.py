"""A caller's own bytes, made ready for a Responses upstream: what need not change keeps its bytes, and its place."""

import re
from typing import Any, Final

import msgspec

from wideband.canon.request import Json, Loss, ReasoningAsk
from wideband.dialects import edits, seals
from wideband.dialects.base import Ask, Draft, Target
from wideband.dialects.bodies import unwritable
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.narrow import draft, effort_of, thinks, with_seals
from wideband.dialects.quirks import Edit, edit, holding
from wideband.wire import jsons

Body = dict[str, Any]
Row = dict[str, Json]

# Quirks of upstreams that read thinking without a seal.
_READING: Final = frozenset({"openrouter", "reasoning_content", "reasoning_text"})
# How OpenAI's ids of items begin, by type; with others it refuses the whole request.
_PREFIXES: Final = {
    words.MESSAGE: "msg",
    words.REASONING: "rs",
    words.FUNCTION_CALL: "fc",
    words.CUSTOM_CALL: "ctc",
}
_SEALED: Final = re.compile(rb'"encrypted_content"\s*:\s*"')
_FOREIGN_ID: Final = re.compile(rb'"id"\s*:\s*"(?!msg|rs|fc|ctc)')
_LONG_CALL_ID: Final = re.compile(rb'"call_id"\s*:\s*"[^"]{%d}' % (edits.MAX_ID + 1))


def splice(ask: Ask, target: Target) -> Draft:
    """Re-address the caller's own bytes; see `dialects.base.Dialect.splice`."""
    losses: list[Loss] = []
    body: Body = {**ask.fields, "model": target.model}
    try:
        _settle_items(body, target, losses)
        if "openrouter" not in target.quirks:
            spell = Edit("reasoning", _WIDER, lambda told: _as_openai(told, ask.max_tokens, target), None)
            edit(body, (spell,), losses)
        if jsons.plain(body.get("store")) is not False and thinks(target, asked="reasoning" in body):
            # What the provider would have kept travels with the client.
            include = jsons.plain(body.get("include"))
            if (wanted := with_seals(include)) is not include:
                body["include"] = wanted
    except jsons.DecodeError as error:
        raise unwritable(error) from None
    return draft(body, target, losses)


_WIDER: Final = holding(b'"max_tokens"', b'"enabled"', b'"exclude"')


def _as_openai(told: Json, max_tokens: int | None, target: Target) -> Json:
    """Put OpenRouter's ways to ask for thinking into OpenAI's words."""
    if not isinstance(told, dict):
        return told
    ask = ReasoningAsk(enabled=told.get("enabled"), effort=told.get("effort"), max_tokens=told.get("max_tokens"))
    effort = effort_of(ask, max_tokens, target)
    kept = edits.without_fields(told, {"enabled", "max_tokens", "exclude"})
    return kept if effort is None else {**kept, "effort": effort}


def _settle_items(body: Body, target: Target, losses: list[Loss]) -> None:
    """Change the items that the provider would refuse. The input is read only where its bytes tell of such items."""
    given = body.get("input")
    if not isinstance(given, msgspec.Raw):
        return
    raw = bytes(given)
    if not raw.startswith(b"[") or not _is_suspect(raw, target):
        return
    items: list[Json] = jsons.decode(raw)
    told = _Items(target).changed(items, losses)
    if len(told) != len(items) or any(new is not old for new, old in zip(told, items, strict=True)):
        body["input"] = told


def _is_suspect(raw: bytes, target: Target) -> bool:
    if seals.is_marked(raw) or _FOREIGN_ID.search(raw) or _LONG_CALL_ID.search(raw):
        return True
    return not target.quirks & _READING and raw.count(b'"reasoning"') > len(_SEALED.findall(raw))


class _Items:
    """The caller's items on their way to one provider."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._foreign = 0
        self._unsealed = 0

    def changed(self, items: list[Json], losses: list[Loss]) -> list[Json]:
        """Return the items as the provider made them; what it cannot read is left out, and said."""
        kept = [told for item in items if (told := self._item(item)) is not None]
        if self._foreign:
            losses.append(Loss("reasoning_seal", f"{self._foreign} of another provider's"))
        if self._unsealed:
            losses.append(Loss("reasoning_echo", f"{self._unsealed} without a seal"))
        if self._foreign or self._unsealed:
            # An item that stood behind a thought is looked for in vain under its id once the thought is gone.
            kept = [_without_id(item) for item in kept]
        return kept

    def _item(self, item: Json) -> Json:
        if not isinstance(item, dict):
            return item
        kind, sealed = item.get("type") or words.MESSAGE, item.get("encrypted_content")
        if isinstance(sealed, str) and sealed:
            own = self._own(sealed)
            if own is None:
                self._foreign += 1
                return None
            item = item if own == {"encrypted_content": sealed} else {**item, **own}
        elif kind == words.REASONING and not self._target.quirks & _READING:
            self._unsealed += 1
            return None
        prefix, identity = _PREFIXES.get(kind), item.get("id")
        if prefix is not None and isinstance(identity, str) and not identity.startswith(prefix):
            item = edits.without_fields(item, {"id"})
        call_id = item.get("call_id")
        if isinstance(call_id, str) and len(call_id) > edits.MAX_ID:
            item = {**item, "call_id": edits.within_64(call_id)}
        return item

    def _own(self, sealed: str) -> Row | None:
        """Return a seal, and the id it came with, as this provider made them, or None when it did not."""
        packed, identity = seals.unpack(sealed), {}
        if packed is not None:
            if packed.format != words.REASONING_FORMAT or not packed.data:
                return None
            sealed = packed.data
            identity = {"id": packed.id} if packed.id else {}
        bare, maker = seals.untag(sealed)
        return {"encrypted_content": bare, **identity} if maker in (None, self._target.provider) else None


def _without_id(item: Json) -> Json:
    if not isinstance(item, dict) or "encrypted_content" in item:
        return item
    if (item.get("type") or words.MESSAGE) not in _PREFIXES:
        return item
    return edits.without_fields(item, {"id"})
