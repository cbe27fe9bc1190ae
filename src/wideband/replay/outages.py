"""Providers broken in turn while a trace is played, and what their traffic did about it."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import aiohttp
import msgspec

from wideband.clock import now_ns
from wideband.replay.truth import rows
from wideband.wire import jsons

BROKEN_AT_ONCE = 2
BROKEN_S = 8.0
CALM_S = 12.0
# How soon after the first try traffic has to have left a broken provider; later ones find out whether it is mended.
LEFT_WITHIN_S = 2.0
_SENT = 'SELECT provider, started_ns, fault FROM "try"'
_SECOND_NS = 1_000_000_000
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)

# Who is broken together, and how.
Rounds = list[tuple[tuple[str, ...], str]]


class Outage(msgspec.Struct, frozen=True, gc=False):
    """What was broken when: unix nanoseconds, half-open."""

    provider: str
    fault: str
    from_ns: int
    to_ns: int


class Sent(msgspec.Struct, frozen=True, gc=False):
    """A try as the record has it: to whom, when, and whether it went well."""

    provider: str
    at_ns: int
    fault: str | None


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """What the traffic did about one outage.

    `tries_at_first` went to the broken provider within two seconds of the first of them, `tries_later` after that, of
    `all_later` to anybody. `returned_s` is how long after the mending the first try there went well; None when that
    was not seen before the next outage or the end.
    """

    provider: str
    fault: str
    broken_s: float
    tries_at_first: int
    tries_later: int
    all_later: int
    returned_s: float | None


def turns(providers: Sequence[str], kinds: Sequence[str]) -> Rounds:
    """Return who is broken in which way, round by round: two neighbours at a time, each kind once."""
    doubled = [*providers, *providers]
    starts = (at % len(providers) for at in range(len(kinds)))
    return [(tuple(doubled[start : start + BROKEN_AT_ONCE]), kind) for start, kind in zip(starts, kinds, strict=True)]


async def break_in_turn(sandbox_url: str, rounds: Rounds, seen: list[Outage], calm_s: float = CALM_S) -> None:
    """Break providers round after round until cancelled; what was broken is added to `seen`, and mended at the end.

    Raises `aiohttp.ClientError` where the sandbox breaks nothing.
    """
    async with aiohttp.ClientSession(sandbox_url, timeout=_TIMEOUT, raise_for_status=True) as session:
        while True:
            for providers, kind in rounds:
                await asyncio.sleep(calm_s)
                began_ns, broken = now_ns(), list[str]()
                try:
                    for slug in providers:
                        async with session.put(f"/outages/{slug}", data=jsons.encode({"fault": kind})):
                            broken.append(slug)
                    await asyncio.sleep(BROKEN_S)
                finally:
                    for slug in providers:
                        with suppress(aiohttp.ClientError, TimeoutError):
                            async with session.delete(f"/outages/{slug}"):
                                pass
                    seen.extend(Outage(slug, kind, began_ns, now_ns()) for slug in broken)


def reactions(outages: Sequence[Outage], tries: Iterable[Sent]) -> list[Reaction]:
    """Tell for each outage how soon the traffic left and came back."""
    sent = sorted(tries, key=lambda one: one.at_ns)
    return [_reaction(outage, outages, sent) for outage in outages]


def _reaction(outage: Outage, outages: Sequence[Outage], sent: Sequence[Sent]) -> Reaction:
    again_ns = min(
        (o.from_ns for o in outages if o.provider == outage.provider and o.from_ns >= outage.to_ns),
        default=sent[-1].at_ns + 1 if sent else 0,
    )
    during = [one for one in sent if outage.from_ns <= one.at_ns < outage.to_ns]
    there = [one for one in during if one.provider == outage.provider]
    # Traffic comes in bursts: nobody can leave before anybody came.
    later_ns = (there[0].at_ns if there else outage.from_ns) + int(LEFT_WITHIN_S * _SECOND_NS)
    well = (
        one.at_ns
        for one in sent
        if one.provider == outage.provider and one.fault is None and outage.to_ns <= one.at_ns < again_ns
    )
    back_ns = next(well, None)
    return Reaction(
        provider=outage.provider,
        fault=outage.fault,
        broken_s=round((outage.to_ns - outage.from_ns) / 1e9, 2),
        tries_at_first=sum(one.at_ns < later_ns for one in there),
        tries_later=sum(one.at_ns >= later_ns for one in there),
        all_later=sum(one.at_ns >= later_ns for one in during),
        returned_s=None if back_ns is None else round((back_ns - outage.to_ns) / 1e9, 2),
    )


def tries_of(archive: Path) -> list[Sent]:
    """Read every try from the analytics of a server that has stopped."""
    return [Sent(*row) for row in rows(archive, _SENT)]
