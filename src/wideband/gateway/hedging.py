"""Two tries at once: when the first token of one is late, a second begins, and who says something first answers."""

import asyncio
from typing import Protocol

import msgspec

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.usage import Usage
from wideband.catalog.rows import Endpoint
from wideband.clock import now_ns
from wideband.gateway.choosing import rates_at
from wideband.gateway.trial import Trial
from wideband.gateway.watch import Watch
from wideband.gateway.work import Work
from wideband.metering.meter import CHARS_A_TOKEN, Meter
from wideband.pricing import charge
from wideband.routing.failover import Failover
from wideband.tasks import spawn

OUTRUN = Fault(kind=FaultKind.CANCELLED, message="Another try was faster.")
GIVEN_UP = Fault(kind=FaultKind.CANCELLED, message="Given up with the request.")


class Trier(Protocol):
    """Who makes tries and writes down how they end."""

    def begin(self, endpoint: Endpoint, watch: Watch, meter: Meter, *, hedge: bool = False) -> Trial: ...
    def end(self, trial: Trial, fault: Fault | None) -> Fault | None: ...


class Race:
    """A try and, once it is late, a second one beside it; `winner` is the one that committed.

    The first runs in the request's own task, so that a race without a second costs one timer; the second in a task,
    with a watch and a meter of its own. When the second fails while the first still waits, another takes its place.
    """

    def __init__(self, work: Work, trier: Trier, flow: Failover, first: Trial, late_s: float) -> None:
        self._work, self._trier, self._flow, self._first = work, trier, flow, first
        self._second: Trial | None = None
        self._task: asyncio.Task[tuple[Trial, Fault | None] | None] | None = None
        self._is_first_over = False
        self._raced = {first.endpoint.id: first.endpoint}
        self.winner: Trial | None = None
        first.claim = self._claim
        self._timer = asyncio.get_running_loop().call_later(late_s, self._start)

    async def over(self, fault: Fault | None) -> tuple[Trial, Fault | None]:
        """See the race to its end, now that the first try has run; returns the try that counts, with its fault."""
        self._timer.cancel()
        try:
            return await self._over(fault)
        finally:
            self._reckon()

    async def _over(self, fault: Fault | None) -> tuple[Trial, Fault | None]:
        first = self._first
        if first.committed:
            if self._task is not None:
                # What lost has ended at once; its record comes before the winner's.
                await asyncio.wait({self._task})
            return first, self._trier.end(first, fault)
        self._is_first_over = True
        ended = self._trier.end(first, fault)
        if self._second is not None:
            self._follow(self._second)
        last = await self._task if self._task is not None else None
        if last is None:
            return first, ended
        trial, fault = last
        return trial, self._trier.end(trial, fault)

    async def abandon(self) -> None:
        """End what still runs beside the first try, which ended with its task."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._reckon()

    # -- the second ----------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._task = spawn(self._run(), name=f"hedge {self._work.id}")

    def _next(self) -> Endpoint | None:
        """Take the endpoint for a second try, if there is one of the same model that is well, a need, and the money."""
        health, at_ns, ahead = self._work.exchange.health, now_ns(), next(self._flow.ahead(), None)
        if self.winner is not None or self._is_first_over or self._work.sink.gone:
            return None
        if ahead is None or ahead.model != self._first.endpoint.model:
            return None
        if not health.is_healthy(ahead.id, at_ns) or health.is_full(ahead.id, at_ns):
            return None
        return self._flow.next() if self._work.exchange.hedges.take() else None

    async def _run(self) -> tuple[Trial, Fault | None] | None:
        """Run second tries until one wins or is the only one left; that one is returned with its fault, not booked."""
        watch = Watch(self._work.watch.left_s)
        self._work.sink.on_gone(self._client_gone)
        try:
            while (endpoint := self._next()) is not None:
                self._raced[endpoint.id] = endpoint
                try:
                    trial = self._second = self._trier.begin(endpoint, watch, self._first.meter.beside(), hedge=True)
                except Faulted as error:
                    self._flow.refused(endpoint, error.fault)
                    return None
                fault = await self._run_one(trial)
                if trial.committed or self._is_first_over:
                    return trial, fault
                self._second = None
                self._trier.end(trial, fault)
            return None
        finally:
            watch.close()

    async def _run_one(self, trial: Trial) -> Fault | None:
        trial.claim = self._claim
        try:
            return await trial.run()
        except BaseException:
            if not trial.committed:
                self._trier.end(trial, GIVEN_UP)
            raise

    # -- who wins ------------------------------------------------------------------------------------------------

    def _claim(self, trial: Trial) -> None:
        """Make a try the one that answers, and hang up on the other. Raises `Faulted` when there is one already."""
        if self.winner is not None:
            raise Faulted(OUTRUN)
        self.winner = trial
        self._timer.cancel()
        self._follow(trial)
        other = self._first if trial is self._second else self._second
        if other is not None:
            other.watch.break_off(OUTRUN)

    def _follow(self, trial: Trial) -> None:
        """Let the request go by what one of its tries does."""
        self._work.watch, self._work.meter = trial.watch, trial.meter

    def _reckon(self) -> None:
        """Write down what the tries that were given up for another may have cost."""
        tries, winner = self._work.meter.tries, self.winner
        for at, one in enumerate(tries):
            is_extra = one.hedge if winner is None else one.endpoint_id != winner.endpoint.id
            if is_extra and one.fault == FaultKind.CANCELLED and one.endpoint_id in self._raced:
                wasted_nano = self._waste(self._raced[one.endpoint_id])
                tries[at] = msgspec.structs.replace(one, wasted_nano=wasted_nano)

    def _waste(self, endpoint: Endpoint) -> int:
        """Return what an endpoint may ask for an answer that nobody waited for: as for one like the winner's."""
        ask = self._work.ask
        if ask.stream and endpoint.provider.stops_billing:
            return 0
        usage = Usage(prompt_tokens=-(-ask.prompt_chars // CHARS_A_TOKEN))
        if self.winner is not None:
            said = self.winner.meter.usage(ask.prompt_chars)
            usage = Usage(prompt_tokens=said.prompt_tokens, completion_tokens=said.completion_tokens)
        return charge(rates_at(self._work, endpoint, usage.prompt_tokens), usage, ask.images).total_nano

    def _client_gone(self) -> None:
        self._first.watch.client_gone()
        if self._second is not None:
            self._second.watch.client_gone()
