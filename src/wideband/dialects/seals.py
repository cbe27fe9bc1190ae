"""Seals of a model's thinking on their way through clients: each says whose it is, so that nobody else has to read it.

A seal is an opaque string that clients give back as they got it. Most can be read by the provider that made them only
(openrouter.md 7.1), so they travel as `wideband@<provider>:<seal>`. Where a protocol has one opaque slot and no words
for the rest (Gemini's `thoughtSignature`, Responses' `encrypted_content`), a whole block of thinking travels packed.
"""

import base64
import binascii
from typing import TypeVar

import msgspec

from wideband.canon.events import Event, ReasoningSealed
from wideband.canon.reply import Reply
from wideband.canon.request import Loss, Message, Part, Reasoning, Request
from wideband.wire import jsons

# Seals that every provider of these models reads.
PORTABLE = frozenset({"anthropic-claude-v1"})

T = TypeVar("T")

_TAG = "wideband@"
_PACK = b"wideband:"
# What base64 makes of `_PACK`, whose length is a multiple of three.
_PACKED = base64.urlsafe_b64encode(_PACK).decode()
_LONGEST_SLUG = 128


def tag(seal: str, provider: str) -> str:
    """Mark a seal with the slug of the provider that made it."""
    return f"{_TAG}{provider}:{seal}"


def untag(seal: str) -> tuple[str, str | None]:
    """Return a seal as its provider made it, and that provider; None when the seal does not say."""
    if not seal.startswith(_TAG):
        return seal, None
    provider, colon, bare = seal[len(_TAG) :].partition(":")
    return (bare, provider) if colon else (seal, None)


def pack(reasoning: Reasoning) -> str:
    """Write a block of thinking, its seal and all, as one string of base64url."""
    return base64.urlsafe_b64encode(_PACK + jsons.encode(reasoning)).decode()


def unpack(text: str) -> Reasoning | None:
    """Read what `pack` wrote, with any base64 alphabet; None for anything else."""
    if not text.startswith(_PACKED):
        return None
    try:
        raw = base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))
        return jsons.decode_as(raw[len(_PACK) :], Reasoning)
    except (binascii.Error, ValueError, jsons.DecodeError):
        return None


def is_marked(raw: bytes) -> bool:
    """Tell from bytes whether they may hold a seal that went through here."""
    return _TAG.encode() in raw or _PACKED.encode() in raw


def last_provider(body: bytes) -> str | None:
    """Return the provider whose seal a request's body holds last: nobody else can go on with that thinking."""
    tagged, packed = body.rfind(_TAG.encode()), body.rfind(_PACKED.encode())
    if packed > tagged:
        found = unpack(body[packed : body.find(b'"', packed)].decode("ascii", "replace"))
        return untag(found.data or found.signature or "")[1] if found is not None else None
    if tagged < 0:
        return None
    return untag(body[tagged : tagged + _LONGEST_SLUG].decode("utf-8", "replace"))[1]


def tag_events(events: list[Event], provider: str) -> list[Event]:
    """Mark the seals among events as a provider's, but those that others can read too."""
    for event in events:
        # Once for each piece of an answer, of which hardly one is a seal: nothing is copied for the others.
        if type(event) is ReasoningSealed:
            return [_tagged(event, provider) for event in events]
    return events


def tag_reply(reply: Reply, provider: str) -> Reply:
    """Do the same to a whole answer."""
    if not any(isinstance(part, Reasoning) for choice in reply.choices for part in choice.parts):
        return reply
    choices = (
        msgspec.structs.replace(choice, parts=tuple(_tagged(part, provider) for part in choice.parts))
        for choice in reply.choices
    )
    return msgspec.structs.replace(reply, choices=tuple(choices))


def _tagged(said: T, provider: str) -> T:
    if not isinstance(said, Reasoning | ReasoningSealed) or said.format in PORTABLE:
        return said
    signature = tag(said.signature, provider) if said.signature else said.signature
    data = tag(said.data, provider) if said.data else said.data
    return msgspec.structs.replace(said, signature=signature, data=data)


def for_provider(request: Request, provider: str) -> tuple[Request, list[Loss]]:
    """Return a request with the seals as `provider` made them; thinking sealed by others is left out, and said."""
    if not any(isinstance(part, Reasoning) for message in request.messages for part in message.parts):
        return request, []
    dropped = 0
    messages: list[Message] = []
    for message in request.messages:
        parts = [_own(part, provider) for part in message.parts]
        kept = tuple(part for part in parts if part is not None)
        dropped += len(parts) - len(kept)
        if kept or not parts:
            messages.append(msgspec.structs.replace(message, parts=kept))
    losses = [Loss("reasoning_seal", f"{dropped} blocks of another provider's")] if dropped else []
    return msgspec.structs.replace(request, messages=tuple(messages)), losses


def _own(part: Part, provider: str) -> Part | None:
    if not isinstance(part, Reasoning):
        return part
    signature, signer = untag(part.signature or "")
    data, sealer = untag(part.data or "")
    maker = signer or sealer
    if maker is None:
        return part
    if maker != provider:
        return None
    return msgspec.structs.replace(part, signature=signature or None, data=data or None)
