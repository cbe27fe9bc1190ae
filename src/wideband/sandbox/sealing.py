"""Seals of the simulated models' thinking: who made them, for what, and whether anybody touched them since.

Real providers encrypt; these seals are only hard to come by otherwise, and say in clear whose they are.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable

import msgspec

from wideband.canon.faults import Faulted, invalid
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Part, Reasoning

_KEY = b"wideband sandbox"
_BREAK = b"\n"


class Shown(msgspec.Struct, frozen=True):
    """A seal that a request brings back; `bound` is what it stands at there, None when that does not say."""

    seal: str
    where: str
    bound: str | None = None


class Sealing(msgspec.Struct, frozen=True, kw_only=True):
    """How a protocol seals thinking.

    `bound` names what the seal of a choice's part stands at, and must stand at again. `portable` seals are read by
    every provider of the protocol. `refusal` is the message of a refused seal, with `{where}` and `{reason}` to fill;
    `excused` are seals that clients may send in place of one they lost.
    """

    bound: Callable[[Reasoning, Choice], str]
    refusal: str
    portable: bool = False
    excused: frozenset[str] = frozenset()


def seal(maker: str, nonce: str, bound: str) -> str:
    """Make a seal."""
    facts = _BREAK.join((maker.encode(), nonce.encode(), _digest(bound.encode())))
    return base64.b64encode(facts + _BREAK + _digest(facts)).decode()


def flaw_of(shown: Shown, maker: str) -> str | None:
    """Return why a maker does not take a seal back, None when it does."""
    try:
        facts, _, mac = base64.b64decode(shown.seal, validate=True).rpartition(_BREAK)
        made_by, _, bound = facts.split(_BREAK)
    except (binascii.Error, ValueError):
        return "it could not be decoded"
    if mac != _digest(facts):
        return "it was altered"
    if made_by != maker.encode():
        return "another provider made it"
    if shown.bound is not None and bound != _digest(shown.bound.encode()):
        return "it was made for something else"
    return None


def check_seals(shown: tuple[Shown, ...], sealing: Sealing, maker: str) -> None:
    """Refuse seals that are foreign, altered or out of place. Raises `Faulted`."""
    for each in shown:
        flaw = None if each.seal in sealing.excused else flaw_of(each, maker)
        if flaw is not None:
            raise _refused(each, sealing, flaw)


def sealed(reply: Reply, sealing: Sealing, maker: str) -> Reply:
    """Turn the bare signatures of an answer's thinking into seals."""
    choices = (
        msgspec.structs.replace(choice, parts=tuple(_sealed(part, choice, sealing, maker) for part in choice.parts))
        for choice in reply.choices
    )
    return msgspec.structs.replace(reply, choices=tuple(choices))


def _sealed(part: Part, choice: Choice, sealing: Sealing, maker: str) -> Part:
    if not isinstance(part, Reasoning) or not part.signature:
        return part
    return msgspec.structs.replace(part, signature=seal(maker, part.signature, sealing.bound(part, choice)))


def _refused(shown: Shown, sealing: Sealing, flaw: str) -> Faulted:
    return invalid(sealing.refusal.format(where=shown.where, reason=flaw), shown.where)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=12, key=_KEY).hexdigest().encode()
