"""The tries of one request until one of them commits: one after the other, and where that is allowed two at once."""

from functools import partial

from wideband.canon.faults import Fault, FaultKind
from wideband.canon.request import Request
from wideband.catalog.rows import Endpoint
from wideband.clock import monotonic_ns, now_ns
from wideband.gateway import metadata
from wideband.gateway.hedging import Race
from wideband.gateway.lanes import FastLane, Lane, TranslatedLane, outward_dialect
from wideband.gateway.trial import Trial
from wideband.gateway.watch import Watch
from wideband.gateway.work import Work
from wideband.metering.meter import CHARS_A_TOKEN, Meter
from wideband.routing.failover import Failover
from wideband.routing.health import PROMPT_TOKENS_PER_S
from wideband.routing.plans import Outcome, Plan

# A silent try is given up for another at so many times what all but a twentieth of its endpoint's tries take.
SILENCE = 4.0


class Turns:
    """Asks the endpoints of a plan. `served` is the try that the caller is being answered by, once there is one."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._flow: Failover
        self._stretch_s = 0.0
        self._request: Request | None = None
        self._trial: Trial | None = None
        self._race: Race | None = None

    @property
    def served(self) -> Trial | None:
        trial = self._race.winner if self._race is not None else self._trial
        return trial if trial is not None and trial.committed else None

    async def run(self, plan: Plan) -> Fault | None:
        """Try endpoints until one commits. Returns what to tell the caller: None when the answer is whole."""
        work, watch = self._work, self._work.watch
        flow = self._flow = Failover(plan, work.exchange.terms.max_tries)
        self._stretch_s = stretch_s(work)
        if work.may_hedge:
            work.exchange.hedges.pay_in(work.exchange.policy.hedge_share)
        while (endpoint := flow.next()) is not None:
            # A try that ran beside another may have left its own, which guards another task.
            work.watch = watch
            trial = self._trial = self.begin(endpoint, watch, work.meter)
            race = self._race = self._race_of(trial) if work.may_hedge else None
            try:
                fault = await trial.run()
            except BaseException:
                self._abandoned(trial)
                if race is not None:
                    await race.abandon()
                raise
            if race is None:
                ended = self.end(trial, fault)
            else:
                trial, ended = await race.over(fault)
            if trial.committed or ended is None or ended.kind is FaultKind.CANCELLED:
                return ended
        return flow.last_word()

    # -- one try -------------------------------------------------------------------------------------------------

    def begin(self, endpoint: Endpoint, watch: Watch, meter: Meter, *, hedge: bool = False) -> Trial:
        """Make a try that is about to run. Raises `Faulted` for a request that cannot be read to be translated."""
        work, health, at_ns = self._work, self._work.exchange.health, now_ns()
        meter.try_started(endpoint, monotonic_ns(), at_ns, hedge=hedge)
        trial = Trial(work, endpoint, self._lane(endpoint), watch, meter)
        health.began(endpoint.id, at_ns)
        patience_s = health.patience_s(endpoint.id, at_ns) + self._stretch_s
        watch.remind(patience_s, partial(self._overdue, trial, patience_s))
        return trial

    def end(self, trial: Trial, fault: Fault | None) -> Fault | None:
        """Write down how a try ended; returns its fault as it may be told."""
        ended = self._told(trial.endpoint, fault or trial.broke)
        trial.watch.remind(0.0, None)
        trial.meter.try_ended(ended, monotonic_ns())
        if not trial.committed:
            self._work.exchange.health.observe(failed(trial, ended))
            if ended is not None:
                self._flow.refused(trial.endpoint, ended)
            if self.served is None:
                self._work.losses[:] = trial.losses
        return ended

    def _abandoned(self, trial: Trial) -> None:
        """Let the health board know that a try ended with the task that ran it."""
        trial.watch.remind(0.0, None)
        if not trial.committed:
            self._work.exchange.health.observe(failed(trial, None))

    def _overdue(self, trial: Trial, waited_s: float) -> None:
        """Say that a try is later than its endpoint's are; give it up soon if it is silent and another is well.

        Not for another model, and not where one may be thinking: that takes its time, and not every provider shows it.
        """
        if trial.committed:
            return
        work, health, at_ns, endpoint = self._work, self._work.exchange.health, now_ns(), trial.endpoint
        health.overdue(endpoint.id, at_ns)
        late_s = health.late_s(endpoint.id, at_ns)
        if late_s is None or not work.ask.stream or _may_think(work, endpoint):
            return
        others = (other for other in self._flow.ahead() if other.model == endpoint.model)
        if any(health.is_healthy(other.id, at_ns) for other in others):
            longest_s = max(SILENCE * late_s, work.exchange.terms.silent_s) + self._stretch_s
            trial.hurry(max(longest_s - waited_s, 0.0))

    def _race_of(self, trial: Trial) -> Race | None:
        late_s = self._work.exchange.health.late_s(trial.endpoint.id, now_ns())
        return None if late_s is None else Race(self._work, self, self._flow, trial, late_s + self._stretch_s)

    def _told(self, endpoint: Endpoint, fault: Fault | None) -> Fault | None:
        """Return what of a try's fault may be said and recorded."""
        if fault is None:
            return None
        if endpoint.own_key is not None:
            return metadata.of_own_key(metadata.without_secret(fault, self._work.secrets[endpoint.own_key]))
        # A simulated provider's key is no secret, and its letters may stand anywhere.
        secret = None if endpoint.simulated else self._work.exchange.provider_keys.get(endpoint.provider.slug)
        return metadata.without_secret(fault, secret)

    def _lane(self, endpoint: Endpoint) -> Lane:
        work = self._work
        searching = endpoint.model in work.searching
        outward = outward_dialect(work.dialect, endpoint, searching=searching)
        if outward is work.dialect:
            return FastLane(outward, work.ask, searching=searching)
        if self._request is None:
            self._request = work.dialect.decode_request(work.body)
        return TranslatedLane(work.dialect, outward, self._request, endpoint.provider.slug, searching=searching)


def stretch_s(work: Work) -> float:
    """Return how much later than others a request may get its first token for reasons of its own.

    A long prompt has to be read, and an answer that comes whole is written to its end first.
    """
    ask, terms = work.ask, work.exchange.terms
    reading_s = ask.prompt_chars / CHARS_A_TOKEN / PROMPT_TOKENS_PER_S
    writing_s = work.first_token_s - terms.first_token_s if work.dialect.task == "generate" else 0.0
    return reading_s + writing_s


def _may_think(work: Work, endpoint: Endpoint) -> bool:
    model = work.exchange.catalogue.models.get(endpoint.model)
    return "reasoning" in work.ask.needs or (model is not None and model.reasoning)


# How a try ends through no doing of its endpoint's.
NOT_ITS_DOING = frozenset({FaultKind.CANCELLED, FaultKind.REQUEST_TIMEOUT})


def failed(trial: Trial, fault: Fault | None) -> Outcome:
    """Tell the health board of a try that gave the caller nothing; None: the server gave it up."""
    cancelled = fault is None or fault.kind in NOT_ITS_DOING
    return Outcome(
        endpoint_id=trial.endpoint.id,
        at_ns=now_ns(),
        fault=None if cancelled else fault,
        ttft_ns=trial.meter.ttft_ns,
        cancelled=cancelled,
    )
