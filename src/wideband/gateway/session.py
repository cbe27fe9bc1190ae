"""One request from its body to its record: plan, hold, tries until one commits, settlement, end of the answer."""

import asyncio
import logging

import msgspec

from wideband.accounts.rows import Hold, Settlement
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.clock import monotonic_ns, now_ns
from wideband.dialects.base import Ask, Closing, Dialect, Envelope
from wideband.gateway import metadata, replies
from wideband.gateway.accounting import Ending, blamed, ending_of
from wideband.gateway.auto import note_routed
from wideband.gateway.byok import own_only
from wideband.gateway.caching import settled
from wideband.gateway.choosing import make_plan, most_cost
from wideband.gateway.exchange import Caller, Exchange, Terms
from wideband.gateway.presets import read_body
from wideband.gateway.sink import Sink
from wideband.gateway.trial import Trial
from wideband.gateway.turns import Turns
from wideband.gateway.warmth import note_warm
from wideband.gateway.watch import Watch
from wideband.gateway.work import Work
from wideband.metering.meter import Meter
from wideband.metering.record import Generation
from wideband.metering.verdicts import Heard
from wideband.routing.plans import Outcome, Plan
from wideband.tasks import spawn
from wideband.wire import jsons

NOTHING_ANSWERED = Fault(kind=FaultKind.INTERNAL, message="Nothing answered.")
STOPPED = Fault(kind=FaultKind.CANCELLED, message="The server stopped before the answer was complete.")
INTERNAL = Fault(kind=FaultKind.INTERNAL, message="Internal Server Error")

log = logging.getLogger("wideband.gateway")


async def answer(
    exchange: Exchange, dialect: Dialect, caller: Caller, sink: Sink, name: str, bodies: tuple[bytes, bytes]
) -> None:
    """Answer one request into a sink, and keep its words where they are to be kept.

    `bodies` are the body as it was sent, which is kept, and as the dialect reads it. Raises `Faulted` as
    `Session.answer` does.
    """
    sent, body = bodies
    listening = exchange.listening
    if listening is None or not listening.wants(caller.key):
        await Session(exchange, dialect, caller, sink, name).answer(body)
        return

    async def into(heard: Sink) -> None:
        await Session(exchange, dialect, caller, heard, name).answer(body)

    await listening.overhear(sink, name, sent, into)


class Session:
    """Answers one request. Make it in the task that runs it."""

    def __init__(self, exchange: Exchange, dialect: Dialect, caller: Caller, sink: Sink, generation_id: str) -> None:
        self.exchange, self.dialect, self.caller, self.sink = exchange, dialect, caller, sink
        self.id = generation_id
        self.created_ns, self.began_ns = now_ns(), monotonic_ns()
        self._keepalive: asyncio.TimerHandle | None = None

    async def answer(self, body: bytes) -> None:
        """Answer the request. Raises `Faulted` only for a body that could not be understood, before any record."""
        ask, applied = read_body(self.dialect, body, self.exchange.presets, self.caller.key.account_id)
        body = body if applied is None else applied.body
        terms = self.exchange.terms
        watch = Watch(terms.total_s)
        self.sink.on_gone(watch.client_gone)
        self.work = Work(
            id=self.id,
            created_ns=self.created_ns,
            exchange=self.exchange,
            dialect=self.dialect,
            caller=self.caller,
            ask=ask,
            body=body,
            sink=self.sink,
            watch=watch,
            meter=Meter(self.began_ns, Heard.of(ask)),
            first_token_s=_first_token_s(terms, ask),
        )
        if applied is not None:
            self.work.preset = applied.preset
            self.work.preset_losses = applied.losses
        self.exchange.open_requests += 1
        try:
            await self._answer()
        finally:
            self.exchange.open_requests -= 1
            watch.close()
            if self._keepalive is not None:
                self._keepalive.cancel()

    async def _answer(self) -> None:
        fault: Fault | None
        work, turns = self.work, Turns(self.work)
        replayed: tuple[Generation, bytes] | None = None
        try:
            if self.caller.cache is not None or work.preset is not None:
                replayed = await self._replayed()
            fault = None if replayed is not None else await self._asked(turns)
        except Faulted as error:
            fault = error.fault
        except asyncio.CancelledError:
            # The server is stopping and has run out of patience: the caller's money and record still come first.
            await self._finish(turns.served, STOPPED)
            raise
        except Exception:
            log.exception("request %s failed on a defect of ours", self.id)
            fault = INTERNAL
        if replayed is not None:
            await self._give_again(*replayed)
        else:
            await self._finish(turns.served, fault)

    async def _asked(self, turns: Turns) -> Fault | None:
        """Plan, set the money aside and ask. Returns what to tell the caller: None when the answer is whole."""
        work = self.work
        plan = work.plan = make_plan(work)
        fault = plan.fault or await self._hold(plan)
        if fault is not None and plan.fault is None and (own := own_only(plan)) is not None:
            # Who cannot pay the exchange still has what its own keys open.
            plan = work.plan = own
            fault = await self._hold(plan)
        if fault is not None:
            return fault
        self._tend_line()
        return await turns.run(plan)

    async def _replayed(self) -> tuple[Generation, bytes] | None:
        """Return the record and the answer of a request that is answered from the cache; None for all others."""
        work, preset = self.work, self.work.preset
        says = (preset.cache_enabled, preset.cache_ttl_seconds) if preset is not None else (None, None)
        wish = settled(self.caller.cache, *says)
        kept = await replies.look_up(work, wish) if wish is not None else None
        if kept is None:
            return None
        try:
            return await replies.replay(work, kept)
        except Exception:
            log.exception("the answer kept for request %s could not be given again: a defect of ours", self.id)
            replies.ask_anew(work)
            return None

    async def _give_again(self, record: Generation, body: bytes) -> None:
        """Record a request that is answered from the cache, and only then answer it."""
        try:
            await self._settle(record)
        except Faulted as error:
            await self._refuse(error.fault, ending_of(self.work, None, error.fault).closing)
            return
        if not self.sink.gone:
            await self._deliver(body)

    # -- before and during the answer ----------------------------------------------------------------------------

    async def _hold(self, plan: Plan) -> Fault | None:
        """Set aside what the dearest endpoint of the plan could charge."""
        work, terms = self.work, self.exchange.terms
        amount = most_cost(work, plan)
        fault = await self.exchange.ledger.hold(
            Hold(
                id=self.id,
                account_id=self.caller.key.account_id,
                key_hash=self.caller.key.hash,
                amount_nano=amount,
                created_ns=self.created_ns,
                expires_ns=self.created_ns + int(terms.hold_s * 1e9),
                model=work.ask.model,
            )
        )
        if fault is None:
            work.held_nano = amount
        return fault

    def _tend_line(self) -> None:
        """Keep a streaming client's line open while providers are silent."""
        if self.work.ask.stream:
            self._keepalive = asyncio.get_running_loop().call_later(self.exchange.terms.keepalive_s, self._tend)

    def _tend(self) -> None:
        work, pause_s = self.work, self.exchange.terms.keepalive_s
        silent_s = (monotonic_ns() - max(work.last_sent_ns, self.began_ns)) / 1e9
        if silent_s >= pause_s * 0.9:
            spawn(work.keep_alive(), name=f"keepalive {self.id}")
            silent_s = 0.0
        self._keepalive = asyncio.get_running_loop().call_later(pause_s - silent_s, self._tend)

    # -- ending --------------------------------------------------------------------------------------------------

    async def _finish(self, trial: Trial | None, fault: Fault | None) -> None:
        """Charge, record, and only then end the answer: what the caller has seen whole is on the disk."""
        work = self.work
        work.watch.phase = "idle"
        ending = ending_of(work, trial, fault)
        if ending.outcome is not None:
            self._learn(ending.outcome, trial)
        try:
            tail = b"" if trial is None or self.sink.gone else self._tail(trial, ending.closing)
        except Exception:
            log.exception("the answer of request %s could not be ended: a defect of ours", self.id)
            if trial is None or not work.content_sent:
                await self._finish(None, INTERNAL)
                return
            ending = ending_of(work, trial, INTERNAL)
            tail = self.dialect.stream_encoder(trial.envelope).close(ending.closing)
        record = work.meter.close(ending.facts)
        try:
            await self._settle(record)
        except Faulted as error:
            await self._refuse(error.fault, ending.closing)
            return
        if work.slot is not None and trial is not None:
            await self._keep(trial, ending)
        if not self.sink.gone:
            await self._end(trial, fault, ending.closing, tail)

    async def _settle(self, record: Generation) -> None:
        """Make the charge and the record durable. Raises `Faulted` (unavailable)."""
        await self.exchange.ledger.settle(
            Settlement(
                id=self.id,
                account_id=self.caller.key.account_id,
                key_hash=self.caller.key.hash,
                charge_nano=record.cost_nano,
                at_ns=now_ns(),
                record=jsons.encode(record),
            )
        )
        self.exchange.observer.finished(record)

    async def _keep(self, trial: Trial, ending: Ending) -> None:
        try:
            await replies.keep(self.work, trial, ending)
        except Exception:
            log.exception("the answer of request %s could not be kept: a defect of ours", self.id)

    def _learn(self, outcome: Outcome, trial: Trial | None) -> None:
        """Keep in mind for later requests how this one went."""
        self.exchange.health.observe(outcome)
        if trial is not None and outcome.fault is None:
            note_warm(self.work, trial.endpoint, outcome.prompt_tokens)
            note_routed(self.work, trial.endpoint)

    def _tail(self, trial: Trial, closing: Closing) -> bytes:
        """Return the rest of the answer: of a stream its end, else the whole body."""
        if trial.writer is not None:
            tail = trial.writer.close(closing)
        elif trial.whole is not None:
            body, reply = trial.whole
            tail = trial.lane.reply(body, reply, trial.envelope, closing)
        else:
            raise RuntimeError("a committed try has a writer or a whole reply")
        self.work.losses.extend(trial.lane.losses)
        return tail

    async def _end(self, trial: Trial | None, fault: Fault | None, closing: Closing, tail: bytes) -> None:
        if trial is None:
            await self._refuse(fault or NOTHING_ANSWERED, closing)
        else:
            await self._deliver(tail)

    async def _deliver(self, rest: bytes) -> None:
        """Send the rest of an answer, which may be all of it."""
        if not self.work.ask.stream:
            headers = {"content-type": "application/json", "x-generation-id": self.id, **self.work.headers}
            await self.sink.reply(200, headers, rest)
        elif self.sink.started:
            await self.sink.end(rest)
        else:
            await self.work.send(rest)
            await self.sink.end()

    async def _refuse(self, fault: Fault, closing: Closing) -> None:
        """Tell the caller of a fault: as an error answer, or in-band where the response has already begun."""
        if self.sink.gone:
            return
        told = closing.fault if closing.fault is not None and closing.fault.kind is fault.kind else fault
        if not self.sink.started:
            body = self.dialect.encode_fault(told, self.id)
            status = metadata.status(told, self.dialect)
            headers = {**metadata.fault_headers(told, status, self.id), **self.work.headers}
            await self.sink.reply(status, headers, body)
            return
        envelope = Envelope(
            id=self.id,
            model=self.work.ask.model,
            provider=blamed(self.work, fault) or "Wideband",
            created_s=self.created_ns // 1_000_000_000,
            asked=self.work.ask.fields,
            include_usage=self.work.ask.include_usage,
        )
        closing = msgspec.structs.replace(closing, fault=told)
        await self.sink.end(self.dialect.stream_encoder(envelope).close(closing))


def _first_token_s(terms: Terms, ask: Ask) -> float:
    """Return how long a try may take to its first meaningful event: to its end, when the answer comes whole."""
    if ask.stream:
        return terms.first_token_s
    return terms.first_token_s + (ask.max_tokens or terms.default_output_tokens) / terms.slowest_tokens_per_s
