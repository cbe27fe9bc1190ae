"""One request from its body to its record: plan, hold, tries until one commits, settlement, end of the answer."""

import asyncio
import logging

import msgspec

from wideband.accounts.rows import Hold, Settlement
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.request import Request
from wideband.canon.usage import Usage
from wideband.catalog.rows import Endpoint, Rates
from wideband.clock import monotonic_ns, now_ns
from wideband.dialects.base import Ask, Closing, Dialect, Envelope
from wideband.dialects.seals import last_provider
from wideband.gateway import metadata
from wideband.gateway.exchange import Caller, Exchange, Terms
from wideband.gateway.lanes import SPEAKERS, FastLane, Lane, TranslatedLane, outward_dialect
from wideband.gateway.sink import Sink
from wideband.gateway.trial import Trial
from wideband.gateway.watch import Watch
from wideband.gateway.work import Work
from wideband.ids import seed
from wideband.metering.meter import CHARS_A_TOKEN, Facts, Meter
from wideband.pricing import Charge, charge, hold_amount, resolve
from wideband.routing.failover import tries
from wideband.routing.plan import plan
from wideband.routing.plans import Outcome, Plan, Refused, Wish
from wideband.routing.preferences import decode_preferences
from wideband.routing.variants import find_model, refined
from wideband.tasks import spawn
from wideband.wire import jsons

NOTHING_ANSWERED = Fault(kind=FaultKind.INTERNAL, message="Nothing answered.")
STOPPED = Fault(kind=FaultKind.CANCELLED, message="The server stopped before the answer was complete.")
INTERNAL = Fault(kind=FaultKind.INTERNAL, message="Internal Server Error")

log = logging.getLogger("wideband.gateway")


class Session:
    """Answers one request. Make it in the task that runs it."""

    def __init__(self, exchange: Exchange, dialect: Dialect, caller: Caller, sink: Sink, generation_id: str) -> None:
        self.exchange, self.dialect, self.caller, self.sink = exchange, dialect, caller, sink
        self.id = generation_id
        self.created_ns, self.began_ns = now_ns(), monotonic_ns()
        self._request: Request | None = None
        self._plan: Plan | None = None
        self._trial: Trial | None = None
        self._held_nano = 0
        self._keepalive: asyncio.TimerHandle | None = None

    async def answer(self, body: bytes) -> None:
        """Answer the request. Raises `Faulted` only for a body that could not be understood, before any record."""
        ask = self.dialect.read(body)
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
            meter=Meter(self.began_ns),
            first_token_s=_first_token_s(terms, ask),
        )
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
        try:
            plan = self._plan = self._make_plan()
            fault = plan.fault or await self._hold(plan)
            if fault is None:
                self._tend_line()
                fault = await self._try_in_turn(plan)
        except Faulted as error:
            fault = error.fault
        except asyncio.CancelledError:
            # The server is stopping and has run out of patience: the caller's money and record still come first.
            await self._finish(self._served(), STOPPED)
            raise
        except Exception:
            log.exception("request %s failed on a defect of ours", self.id)
            fault = INTERNAL
        await self._finish(self._served(), fault)

    def _served(self) -> Trial | None:
        """Return the try that the caller is being answered by."""
        return self._trial if self._trial is not None and self._trial.committed else None

    # -- choosing ------------------------------------------------------------------------------------------------

    def _make_plan(self) -> Plan:
        ask, catalogue = self.work.ask, self.exchange.catalogue
        preferences = decode_preferences(ask.preferences)
        chosen = []
        for name in ask.models or (ask.model,):
            named = find_model(name, catalogue)
            if named is None:
                raise Faulted(metadata.unknown_model(name, catalogue))
            row = catalogue.models.get(named.model)
            if row is not None and row.task != self.dialect.task:
                raise Faulted(metadata.wrong_task(row))
            choice = named.model, refined(preferences, named.variants)
            if choice not in chosen:
                chosen.append(choice)
        own = tuple(one for _, one in chosen)
        wish = Wish(
            models=tuple(model for model, _ in chosen),
            prompt_tokens=ask.prompt_chars // CHARS_A_TOKEN,
            max_tokens=ask.max_tokens,
            needs=ask.needs,
            modalities=ask.modalities,
            task=self.dialect.task,
            dialects=frozenset({ask.dialect}) if ask.untranslatable else SPEAKERS[self.dialect.task],
            sealed_by=last_provider(self.work.body),
            preferences=own[0],
            apart=own if any(one is not own[0] for one in own) else (),
        )

        def rates_of(endpoint: Endpoint) -> Rates:
            return self._rates(endpoint, wish.prompt_tokens)

        return plan(wish, catalogue, self.exchange.health, self.created_ns, seed(), rates_of)

    async def _hold(self, plan: Plan) -> Fault | None:
        """Set aside what the dearest endpoint of the plan could charge."""
        ask, terms = self.work.ask, self.exchange.terms
        prompt_tokens = ask.prompt_chars // CHARS_A_TOKEN
        output_tokens = (ask.max_tokens or terms.default_output_tokens) * ask.n
        amount = max(
            hold_amount(
                self._rates(endpoint, prompt_tokens),
                prompt_tokens,
                output_tokens if endpoint.max_output is None else min(output_tokens, endpoint.max_output * ask.n),
                ask.images,
                ask.inputs if self.dialect.task == "rerank" else 0,
            )
            for endpoint in plan.endpoints
        )
        fault = await self.exchange.ledger.hold(
            Hold(
                id=self.id,
                account_id=self.caller.key.account_id,
                key_hash=self.caller.key.hash,
                amount_nano=amount,
                created_ns=self.created_ns,
                expires_ns=self.created_ns + int(terms.hold_s * 1e9),
                model=ask.model,
            )
        )
        if fault is None:
            self._held_nano = amount
        return fault

    def _rates(self, endpoint: Endpoint, prompt_tokens: int) -> Rates:
        return resolve(endpoint.price, self.created_ns, prompt_tokens)

    # -- trying --------------------------------------------------------------------------------------------------

    async def _try_in_turn(self, plan: Plan) -> Fault | None:
        """Try endpoints until one commits. Returns what to tell the caller: None when the answer is whole."""
        meter, flow = self.work.meter, tries(plan, self.exchange.terms.max_tries)
        endpoint = next(flow)
        while True:
            meter.try_started(endpoint, monotonic_ns(), now_ns())
            trial = self._trial = Trial(self.work, endpoint, self._lane(endpoint))
            fault = await trial.run()
            ended = self._told(endpoint, fault or trial.broke)
            meter.try_ended(ended, monotonic_ns())
            self._observe(endpoint, ended)
            if fault is None or ended is None or ended.kind is FaultKind.CANCELLED:
                flow.close()
                return ended
            try:
                endpoint = flow.send(Refused(ended))
            except StopIteration as stop:
                return stop.value or ended

    def _told(self, endpoint: Endpoint, fault: Fault | None) -> Fault | None:
        """Return what of a try's fault may be said and recorded."""
        if fault is None:
            return None
        # A simulated provider's key is no secret, and its letters may stand anywhere.
        secret = None if endpoint.simulated else self.exchange.provider_keys.get(endpoint.provider.slug)
        return metadata.without_secret(fault, secret)

    def _lane(self, endpoint: Endpoint) -> Lane:
        outward = outward_dialect(self.dialect, endpoint)
        if outward is self.dialect:
            return FastLane(outward, self.work.ask)
        if self._request is None:
            self._request = self.dialect.decode_request(self.work.body)
        return TranslatedLane(self.dialect, outward, self._request, endpoint.provider.slug)

    def _observe(self, endpoint: Endpoint, fault: Fault | None) -> None:
        meter = self.work.meter
        cancelled = fault is not None and fault.kind in {FaultKind.CANCELLED, FaultKind.REQUEST_TIMEOUT}
        self.exchange.health.observe(
            Outcome(
                endpoint_id=endpoint.id,
                at_ns=now_ns(),
                fault=None if cancelled else fault,
                ttft_ns=meter.ttft_ns,
                generation_ns=meter.generation_ns,
                completion_tokens=meter.completion_tokens,
                cancelled=cancelled,
            )
        )

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
        closing, facts = self._account_for(trial, fault)
        try:
            tail = b"" if trial is None or self.sink.gone else self._tail(trial, closing)
        except Exception:
            log.exception("the answer of request %s could not be ended: a defect of ours", self.id)
            if trial is None or not work.content_sent:
                await self._finish(None, INTERNAL)
                return
            closing, facts = self._account_for(trial, INTERNAL)
            tail = self.dialect.stream_encoder(trial.envelope).close(closing)
        record = work.meter.close(facts)
        try:
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
        except Faulted as error:
            await self._refuse(error.fault, closing)
            return
        self.exchange.observer.finished(record)
        if not self.sink.gone:
            await self._end(trial, fault, closing, tail)

    def _account_for(self, trial: Trial | None, fault: Fault | None) -> tuple[Closing, Facts]:
        """Work out what is charged and what is told of it."""
        work, ask, key = self.work, self.work.ask, self.caller.key
        usage = work.meter.usage(ask.prompt_chars) if trial is not None else Usage()
        rates = self._rates(trial.endpoint, usage.prompt_tokens) if trial is not None else None
        charged = charge(rates, usage, ask.images) if rates is not None else Charge(0, 0, 0)
        router = None
        if self.caller.metadata and self._plan is not None:
            served = trial.endpoint if trial is not None else None
            router = metadata.router_metadata(ask.model, self._plan, tuple(work.meter.tries), served, work.losses)
        closing = Closing(
            usage=usage,
            cost_nano=charged.total_nano,
            prompt_cost_nano=charged.prompt_nano,
            completion_cost_nano=charged.completion_nano,
            fault=None if fault is None else metadata.for_caller(fault, self._blamed(fault), router),
            metadata=router,
        )
        cancelled = fault is not None and fault.kind is FaultKind.CANCELLED
        facts = Facts(
            id=self.id,
            created_ns=self.created_ns,
            at_ns=monotonic_ns(),
            account_id=key.account_id,
            key_hash=key.hash,
            api_type=self.dialect.api_type,
            dialect_in=self.dialect.name,
            dialect_out=trial.dialect.name if trial is not None else None,
            lane=trial.lane.name if trial is not None else "none",
            requested_model=ask.model,
            streamed=ask.stream,
            status=499 if cancelled else 200 if trial is not None or fault is None else fault.status,
            usage=usage,
            served=trial.endpoint if trial is not None else None,
            fault=fault,
            cancelled=cancelled,
            cost_nano=charged.total_nano,
            prompt_cost_nano=charged.prompt_nano,
            completion_cost_nano=charged.completion_nano,
            cache_discount_nano=charged.cache_discount_nano,
            held_nano=self._held_nano,
            rates=msgspec.structs.asdict(rates) if rates is not None else {},
            losses=tuple(sorted({loss.feature for loss in work.losses})),
            session_id=ask.session_id or self.caller.session_id,
            user=ask.user,
            app_url=self.caller.app_url,
            app_title=self.caller.app_title,
            user_agent=self.caller.user_agent,
        )
        return closing, facts

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
        elif not self.work.ask.stream:
            await self.sink.reply(200, {"content-type": "application/json", "x-generation-id": self.id}, tail)
        elif self.sink.started:
            await self.sink.end(tail)
        else:
            await self.work.send(tail)
            await self.sink.end()

    async def _refuse(self, fault: Fault, closing: Closing) -> None:
        """Tell the caller of a fault: as an error answer, or in-band where the response has already begun."""
        if self.sink.gone:
            return
        told = closing.fault if closing.fault is not None and closing.fault.kind is fault.kind else fault
        if not self.sink.started:
            body = self.dialect.encode_fault(told, self.id)
            status = metadata.status(told, self.dialect)
            await self.sink.reply(status, metadata.fault_headers(told, status, self.id), body)
            return
        envelope = Envelope(
            id=self.id,
            model=self.work.ask.model,
            provider=self._blamed(fault) or "Wideband",
            created_s=self.created_ns // 1_000_000_000,
            asked=self.work.ask.fields,
            include_usage=self.work.ask.include_usage,
        )
        closing = msgspec.structs.replace(closing, fault=told)
        await self.sink.end(self.dialect.stream_encoder(envelope).close(closing))

    def _blamed(self, fault: Fault) -> str | None:
        """Return the name of the provider a fault came from."""
        provider = self.exchange.catalogue.providers.get(fault.provider or "")
        if provider is not None:
            return provider.name
        tried = self.work.meter.tries
        return tried[-1].provider_name if tried and fault.rule.blames_provider else None


def _first_token_s(terms: Terms, ask: Ask) -> float:
    """Return how long a try may take to its first meaningful event: to its end, when the answer comes whole."""
    if ask.stream:
        return terms.first_token_s
    return terms.first_token_s + (ask.max_tokens or terms.default_output_tokens) / terms.slowest_tokens_per_s
