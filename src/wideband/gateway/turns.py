"""The tries of one request, one after the other, until one of them commits."""

from wideband.canon.faults import Fault, FaultKind
from wideband.canon.request import Request
from wideband.catalog.rows import Endpoint
from wideband.clock import monotonic_ns, now_ns
from wideband.gateway import metadata
from wideband.gateway.lanes import FastLane, Lane, TranslatedLane, outward_dialect
from wideband.gateway.trial import Trial
from wideband.gateway.work import Work
from wideband.routing.failover import Failover
from wideband.routing.plans import Outcome, Plan


class Turns:
    """Asks the endpoints of a plan. `served` is the try that the caller is being answered by, once there is one."""

    def __init__(self, work: Work) -> None:
        self._work = work
        # Losses of before any try, which all tries share.
        self._common = len(work.losses)
        self._request: Request | None = None
        self._trial: Trial | None = None

    @property
    def served(self) -> Trial | None:
        return self._trial if self._trial is not None and self._trial.committed else None

    async def run(self, plan: Plan) -> Fault | None:
        """Try endpoints until one commits. Returns what to tell the caller: None when the answer is whole."""
        flow = Failover(plan, self._work.exchange.terms.max_tries)
        while (endpoint := flow.next()) is not None:
            trial = self._trial = self._begin(endpoint)
            try:
                fault = await trial.run()
            except BaseException:
                self._note_losses(trial)
                raise
            ended = self._end(trial, fault)
            if fault is None or ended is None or ended.kind is FaultKind.CANCELLED:
                return ended
            flow.refused(endpoint, ended)
        return flow.last_word()

    def _begin(self, endpoint: Endpoint) -> Trial:
        work = self._work
        work.meter.try_started(endpoint, monotonic_ns(), now_ns())
        return Trial(work, endpoint, self._lane(endpoint), work.watch, work.meter)

    def _end(self, trial: Trial, fault: Fault | None) -> Fault | None:
        """Write down how a try ended; returns its fault as it may be told."""
        work, ended = self._work, self._told(trial.endpoint, fault or trial.broke)
        self._note_losses(trial)
        trial.meter.try_ended(ended, monotonic_ns())
        if not trial.committed:
            work.exchange.health.observe(failed(work, trial.endpoint, ended))
        return ended

    def _note_losses(self, trial: Trial) -> None:
        self._work.losses[self._common :] = trial.losses

    def _told(self, endpoint: Endpoint, fault: Fault | None) -> Fault | None:
        """Return what of a try's fault may be said and recorded."""
        if fault is None:
            return None
        # A simulated provider's key is no secret, and its letters may stand anywhere.
        secret = None if endpoint.simulated else self._work.exchange.provider_keys.get(endpoint.provider.slug)
        return metadata.without_secret(fault, secret)

    def _lane(self, endpoint: Endpoint) -> Lane:
        work = self._work
        outward = outward_dialect(work.dialect, endpoint)
        if outward is work.dialect:
            return FastLane(outward, work.ask)
        if self._request is None:
            self._request = work.dialect.decode_request(work.body)
        return TranslatedLane(work.dialect, outward, self._request, endpoint.provider.slug)


# How a try ends through no doing of its endpoint's.
NOT_ITS_DOING = frozenset({FaultKind.CANCELLED, FaultKind.REQUEST_TIMEOUT})


def failed(work: Work, endpoint: Endpoint, fault: Fault | None) -> Outcome:
    """Tell the health board of a try that gave the caller nothing."""
    cancelled = fault is not None and fault.kind in NOT_ITS_DOING
    return Outcome(
        endpoint_id=endpoint.id,
        at_ns=now_ns(),
        fault=None if cancelled else fault,
        ttft_ns=work.meter.ttft_ns,
        cancelled=cancelled,
    )
