"""Answers that are kept and given again: how one is read from the cache, replayed to its caller, and put there."""

import asyncio

import msgspec

from wideband.canon.events import FinishReason
from wideband.canon.reply import Choice, Reply, fold, unfold
from wideband.canon.request import Json, Opaque, Part, Reasoning, Refusal, Score, Text, ToolCall, Vector
from wideband.clock import now_ns
from wideband.dialects import seals
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.vectors import read_vector, write_vector
from wideband.gateway.accounting import Ending, ending_of
from wideband.gateway.caching import CacheWish, Slot, forbids_keeping, slot_key
from wideband.gateway.lanes import FastLane
from wideband.gateway.trial import Trial
from wideband.gateway.work import Work
from wideband.metering.record import Generation
from wideband.store.replies import Found, Replies
from wideband.wire import jsons

# What a model says. An answer with anything else in it is not kept.
_KINDS: dict[str, type[Part]] = {
    kind.__name__: kind for kind in (Text, Refusal, Reasoning, ToolCall, Opaque, Vector, Score)
}
# Whose relays pass seals of thinking on as they are.
_UNTAGGED = frozenset({"openai_chat", "anthropic_messages"})
# Whose relay passes thinking on though nobody asked for it, and whose takes only the words out and leaves the seals.
_SHOWS_THINKING, _SHOWS_SEALS = "anthropic_messages", "openai_responses"
_VECTOR = Vector.__name__
_SECOND_NS = 1_000_000_000


class _Part(msgspec.Struct, frozen=True):
    kind: str
    said: msgspec.Raw


class _Choice(msgspec.Struct, frozen=True, kw_only=True):
    index: int
    parts: list[_Part]
    finish: FinishReason
    native_finish: str | None = None
    stop_sequence: str | None = None
    logprobs: Json = None


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in the cache; `source_id` is the generation that was paid for.

    `tagged` says that its caller got the seals of thinking with the name of their provider, `hides` that it got no
    thinking at all.
    """

    source_id: str
    model: str
    provider: str
    provider_slug: str
    endpoint_id: str
    simulated: bool
    tagged: bool
    hides: bool
    choices: list[_Choice]
    extras: dict[str, Json]


class Kept:
    """An answer from the cache, made ready for one request."""

    def __init__(self, answer: _Answer) -> None:
        self._answer = answer
        reply = Reply(choices=tuple(map(_choice, answer.choices)), extras=answer.extras)
        self._reply = seals.tag_reply(reply, answer.provider_slug) if answer.tagged else reply

    def write(self, work: Work, closing: Closing) -> bytes:
        """Return the answer in the caller's protocol, all of it, under the request's own id. Notes losses."""
        answer, ask, dialect = self._answer, work.ask, work.dialect
        envelope = Envelope(
            id=work.id,
            model=answer.model,
            provider=answer.provider,
            provider_slug=answer.provider_slug,
            asked=ask.fields,
            created_s=work.created_ns // _SECOND_NS,
            include_usage=ask.include_usage,
            hides_reasoning=answer.hides,
        )
        if ask.stream:
            encoder = dialect.stream_encoder(envelope)
            body, losses = encoder.feed(unfold(self._reply)) + encoder.close(closing), encoder.losses
        else:
            body, losses = dialect.encode_reply(self._reply, envelope, closing)
        work.losses.extend(losses)
        return body

    def record(self, work: Work, ending: Ending) -> Generation:
        """Return the record of the request: whose answer it was, and that it cost nothing. No try stands in it."""
        answer, first = self._answer, self._reply.choices[0]
        facts = msgspec.structs.replace(ending.facts, is_replayed=True)
        return msgspec.structs.replace(
            work.meter.close(facts),
            model=answer.model,
            provider=answer.provider_slug,
            provider_name=answer.provider,
            endpoint_id=answer.endpoint_id,
            simulated=answer.simulated,
            upstream_id=answer.source_id,
            finish_reason=first.finish,
            native_finish_reason=first.native_finish,
        )

    def told(self, found: Found) -> dict[str, str]:
        """Return the headers that say where the answer is from."""
        now = now_ns()
        return {
            "x-openrouter-cache-status": "HIT",
            "x-openrouter-cache-age": str(max(0, now - found.at_ns) // _SECOND_NS),
            "x-openrouter-cache-ttl": str(max(0, -((now - found.expires_ns) // _SECOND_NS))),
            "x-openrouter-cache-source-id": self._answer.source_id,
        }


async def look_up(work: Work, wish: CacheWish) -> Kept | None:
    """Return the answer that is kept for a request, if one is. Readies `work` to say so, and to keep a new one."""
    replies = work.exchange.replies
    if replies is None or forbids_keeping(work.ask):
        return None
    return await asyncio.to_thread(_look, work, wish, replies)


def _look(work: Work, wish: CacheWish, replies: Replies) -> Kept | None:
    key = slot_key(work.caller.key.hash, work.ask, work.caller.passed, work.body)
    ttl_s = wish.ttl_s or 0
    work.slot = Slot(key, ttl_s)
    work.headers = _missed(ttl_s)
    if wish.clear:
        replies.drop(key)
        return None
    found = replies.find(key)
    if found is None:
        return None
    try:
        kept = Kept(jsons.decode_as(found.answer, _Answer))
    except (jsons.DecodeError, KeyError):
        # Another version of this program wrote it.
        replies.drop(key)
        return None
    work.headers = kept.told(found)
    return kept


def _missed(ttl_s: int) -> dict[str, str]:
    return {"x-openrouter-cache-status": "MISS", "x-openrouter-cache-ttl": str(ttl_s)}


def ask_anew(work: Work) -> None:
    """Ready a request to be asked whose kept answer cannot be given again; the new one takes its place."""
    work.losses.clear()
    if work.slot is not None:
        work.headers = _missed(work.slot.ttl_s)


async def replay(work: Work, kept: Kept) -> tuple[Generation, bytes]:
    """Return the record of a request that is answered from the cache, and its whole answer."""
    ending = ending_of(work, None, None)
    body = kept.write(work, ending.closing)
    losses = tuple(sorted({*ending.facts.losses, *(loss.feature for loss in work.losses)}))
    return msgspec.structs.replace(kept.record(work, ending), losses=losses), body


async def keep(work: Work, trial: Trial, ending: Ending) -> None:
    """Keep the answer of a try, if it is whole and says something."""
    replies, slot, facts = work.exchange.replies, work.slot, ending.facts
    if replies is None or slot is None or facts.fault is not None or facts.is_insured or trial.broke is not None:
        return
    reply = trial.whole[1] if trial.whole is not None else fold(trial.said or [])
    if _is_whole(work, reply):
        answer = _written(work, trial, reply)
        await asyncio.to_thread(replies.keep, slot.key, jsons.encode(answer), slot.ttl_s)


def _is_whole(work: Work, reply: Reply) -> bool:
    wanted = work.ask.n if work.dialect.task == "generate" else 1
    return (
        reply.fault is None
        and len(reply.choices) >= wanted
        and all(choice.finish not in (None, "error") for choice in reply.choices)
        and all(type(part).__name__ in _KINDS for choice in reply.choices for part in choice.parts)
    )


def _written(work: Work, trial: Trial, reply: Reply) -> _Answer:
    endpoint, hides = trial.endpoint, work.ask.hides_reasoning
    relay = work.dialect.name if trial.lane.name == FastLane.name else None
    return _Answer(
        source_id=work.id,
        model=endpoint.model,
        provider=endpoint.provider.name,
        provider_slug=endpoint.provider.slug,
        endpoint_id=endpoint.row_id,
        simulated=endpoint.simulated,
        tagged=relay not in _UNTAGGED,
        hides=hides and relay not in {_SHOWS_THINKING, _SHOWS_SEALS},
        choices=[
            _Choice(
                index=choice.index,
                parts=[_part(part, wordless=hides and relay == _SHOWS_SEALS) for part in choice.parts],
                finish=choice.finish or "stop",
                native_finish=choice.native_finish,
                stop_sequence=choice.stop_sequence,
                logprobs=choice.logprobs,
            )
            for choice in reply.choices
        ],
        extras=reply.extras,
    )


def _part(part: Part, *, wordless: bool) -> _Part:
    if wordless and isinstance(part, Reasoning):
        part = msgspec.structs.replace(part, text="")
    # A vector stays the bytes it came in.
    said = write_vector(part) if isinstance(part, Vector) else part
    return _Part(type(part).__name__, msgspec.Raw(jsons.encode(said)))


def _choice(row: _Choice) -> Choice:
    return Choice(
        index=row.index,
        parts=tuple(
            read_vector(part.said) if part.kind == _VECTOR else jsons.decode_as(part.said, _KINDS[part.kind])
            for part in row.parts
        ),
        finish=row.finish,
        native_finish=row.native_finish,
        stop_sequence=row.stop_sequence,
        logprobs=row.logprobs,
    )
