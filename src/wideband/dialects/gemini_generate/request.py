"""A caller's generateContent body in full, as a canonical request."""

from typing import Any, Final, TypeGuard

from wideband.canon.faults import invalid
from wideband.canon.request import Json, Message, Part, Reasoning, Request, Role, Text
from wideband.dialects import offering
from wideband.dialects.base import Ask, Offer
from wideband.dialects.gemini_generate import proto, words
from wideband.dialects.gemini_generate.ask import model_of, unreadable
from wideband.dialects.gemini_generate.calls import Calls
from wideband.dialects.gemini_generate.config import Config, decode_config
from wideband.dialects.gemini_generate.parts import Packed, Piece, decode_parts
from wideband.dialects.gemini_generate.proto import Fields
from wideband.dialects.gemini_generate.tools import decode_tool_config, decode_tools, only_allowed
from wideband.wire import jsons

_ROLES: Final[dict[str, Role]] = {
    "": "user",
    "assistant": "assistant",
    "function": "user",
    "model": "assistant",
    "system": "system",
    "tool": "user",
    "user": "user",
}
# What the canonical vocabulary has words for; every other field goes to `extras`.
_READ: Final = frozenset(
    {"contents", "generationConfig", "serviceTier", "systemInstruction", "toolConfig", "tools"}
) | {words.camel(name) for name in words.GATEWAY_FIELDS}  # fmt: skip


def decode_request(body: bytes) -> Request:
    """Read a body in full. Raises `Faulted` (invalid_request) naming the field."""
    try:
        found: Any = jsons.decode(body)
    except jsons.DecodeError as error:
        raise unreadable(error) from None
    if not isinstance(found, dict):
        raise invalid("The body must be a JSON object with `contents`.")
    try:
        return _request(found)
    except jsons.EncodeError as error:
        raise invalid(f"The request cannot be written ({error}); nest it less deeply.") from None


def offered(ask: Ask) -> Offer:
    """Return what the model may write for programs; see `dialects.base.Dialect.offered`."""
    names = "generationConfig", "generation_config", "tools"
    body = offering.told(ask.fields, *names)
    return offering.offer(decode_tools(body), decode_config(body).output)


def _request(body: Fields) -> Request:
    config = decode_config(body)
    choice, allowed, tool_rest = decode_tool_config(body)
    messages = (*_system(body), *_messages(body))
    tier = proto.text(body, "serviceTier")
    return Request(
        dialect=words.NAME,
        model=model_of(body),
        messages=messages,
        tools=only_allowed(decode_tools(body), allowed),
        tool_choice=choice,
        max_tokens=config.max_tokens,
        stop=config.stop,
        n=config.n,
        stream=proto.flag(body, "stream") or False,
        sampling=config.sampling,
        output=config.output,
        reasoning=config.reasoning,
        service_tier=words.tier(tier),
        user=proto.text(body, "user"),
        prefill=bool(messages) and messages[-1].role == "assistant",
        extras=_extras(body, config, tool_rest),
    )


def _extras(body: Fields, config: Config, tool_rest: Fields) -> dict[str, Json]:
    """Return what there is no word for: whole fields, and of those that are read what is left of them."""
    extras = {name: value for name, value in body.items() if words.camel(name) not in _READ and value is not None}
    left = {"generationConfig": config.rest, "toolConfig": tool_rest}
    return extras | {name: rest for name, rest in left.items() if rest}


def _system(body: Fields) -> list[Message]:
    told = words.pick(body, "systemInstruction")
    if isinstance(told, str | list):
        told = {"parts": told}
    found = proto.obj({"systemInstruction": told}, "systemInstruction")
    parts = _settled(decode_parts(found, "systemInstruction", Calls())) if found else ()
    return [Message(role="system", parts=parts)] if parts else []


def _messages(body: Fields) -> list[Message]:
    """Return the turns; contents of the model's that follow each other are one, as streams are kept piece by piece."""
    told = body.get("contents")
    told = [{"parts": each} if isinstance(each, str) else each for each in (told if isinstance(told, list) else [told])]
    contents = proto.rows({"contents": told}, "contents") if told != [None] else []
    if not contents:
        raise invalid("`contents` is missing or empty; send at least one content with `parts`.", "contents")
    calls, turns = Calls(), list[tuple[Role, list[Piece]]]()
    for index, content in enumerate(contents):
        at = f"contents.{index}"
        role = _role(content, at)
        goes_on = role == "assistant" and bool(turns) and turns[-1][0] == "assistant"
        if role == "assistant" and not goes_on:
            calls.begin_turn(index)
        parts = decode_parts(content, at, calls)
        if goes_on:
            turns[-1][1].extend(parts)
        elif parts:
            turns.append((role, parts))
    return [Message(role=role, parts=_settled(parts, joins=role == "assistant")) for role, parts in turns]


def _role(content: Fields, at: str) -> Role:
    told = proto.text(content, "role", at) or ""
    role = _ROLES.get(told.lower())
    if role is None:
        raise invalid(f'`{at}.role` must be "user" or "model".', f"{at}.role")
    return role


def _settled(pieces: list[Piece], *, joins: bool = False) -> tuple[Part, ...]:
    """Return a turn with packed thinking where it was, and with texts that were cut by streaming in one piece.

    Clients give back seals on function calls, so other makers' blocks come packed there: they stood before the text
    that leads to the call. Their words come along, and shown thoughts that repeat them are no second thoughts.
    """
    settled: list[Part] = []
    for piece in pieces:
        if isinstance(piece, Packed):
            _put_before_text(settled, piece.block)
        elif joins and settled and (joined := _joined(settled[-1], piece)) is not None:
            settled[-1] = joined
        else:
            settled.append(piece)
    return tuple(settled)


def _joined(held: Part, new: Part) -> Part | None:
    """Return two pieces of text, or of thought, as one."""
    if isinstance(held, Text) and isinstance(new, Text):
        return Text(text=held.text + new.text)
    return Reasoning(text=held.text + new.text) if _is_shown(held) and _is_shown(new) else None


def _is_shown(part: Part) -> TypeGuard[Reasoning]:
    """Tell a thought that was shown and no more from one that is sealed."""
    return isinstance(part, Reasoning) and part == Reasoning(text=part.text)


def _put_before_text(settled: list[Part], block: Reasoning) -> None:
    at = len(settled)
    while at and isinstance(settled[at - 1], Text):
        at -= 1
    settled.insert(at, block)
    while at and isinstance(settled[at - 1], Reasoning) and not _is_shown(settled[at - 1]):
        at -= 1
    if not at or not _is_shown(shown := settled[at - 1]):
        return
    if block.text and (block.text in shown.text or shown.text in block.text):
        del settled[at - 1]
