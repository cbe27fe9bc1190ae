"""The tries of one request, one after the other, until one of them commits."""

from wideband.canon.faults import Fault, FaultKind
from wideband.canon.request import Request
from wideband.catalog.rows import Endpoint
from wideband.clock import monotonic_ns, now_ns
from wideband.gateway import metadata
from wideband.gateway.lanes import FastLane, Lane, TranslatedLane, outward_dialect
from wideband.gateway.trial import Trial
from wideband.gateway.work import Work
from wideband.routing.failover import tries
from wideband.routing.plans import Outcome, Plan, Refused


class Turns:
    """Asks the endpoints of a plan. `served` is the try that the caller is being answered by, once there is one."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._request: Request | None = None
        self._trial: Trial | None = None

    @property
    def served(self) -> Trial | None:
        return self._trial if self._trial is not None and self._trial.committed else None

    async def run(self, plan: Plan) -> Fault | None:
        """Try endpoints until one commits. Returns what to tell the caller: None when the answer is whole."""
        work = self._work
        meter, flow = work.meter, tries(plan, work.exchange.terms.max_tries)
        endpoint = next(flow)
        while True:
            meter.try_started(endpoint, monotonic_ns(), now_ns())
            trial = self._trial = Trial(work, endpoint, self._lane(endpoint))
            fault = await trial.run()
            ended = self._told(endpoint, fault or trial.broke)
            meter.try_ended(ended, monotonic_ns())
            if not trial.committed:
                work.exchange.health.observe(failed(work, endpoint, ended))
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
