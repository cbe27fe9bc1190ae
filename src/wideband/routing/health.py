"""How every endpoint is doing, folded from the outcomes of tries; all times are unix nanoseconds given from outside."""

from wideband.routing.breaker import Breaker, Standing
from wideband.routing.minutes import Minutes, Speeds
from wideband.routing.plans import Outcome

ROUTING_WINDOW_MINUTES = 5
_SPEEDS_KEPT_NS = 1_000_000_000


class _Record:
    __slots__ = ("breaker", "minutes", "speeds", "speeds_until_ns")

    def __init__(self) -> None:
        self.breaker = Breaker()
        self.minutes = Minutes()
        self.speeds = Speeds()
        self.speeds_until_ns = 0


class Health:
    """The board. An endpoint never heard of is healthy.

    `version` grows with every change of state that an outcome brings; what only time changes (a rest that ends) it
    cannot show.
    """

    def __init__(self) -> None:
        self.version = 0
        self._records: dict[str, _Record] = {}
        # The endpoints with something held against them, so that a plan looks at few or none.
        self._troubled: dict[str, Breaker] = {}

    def observe(self, outcome: Outcome) -> None:
        """Fold in how a try went."""
        record = self._records.get(outcome.endpoint_id)
        if record is None:
            record = self._records[outcome.endpoint_id] = _Record()
        record.minutes.add(outcome)
        if record.breaker.observe(outcome):
            self.version += 1
        if not record.breaker.at_ease(outcome.at_ns):
            self._troubled[outcome.endpoint_id] = record.breaker
        else:
            self._troubled.pop(outcome.endpoint_id, None)

    def standing(self, endpoint_id: str, now_ns: int) -> Standing:
        """Say whether an endpoint may be asked first (healthy), by one request (half_open), or last (resting)."""
        breaker = self._troubled.get(endpoint_id)
        return "healthy" if breaker is None else breaker.standing(now_ns)

    def is_healthy(self, endpoint_id: str, now_ns: int) -> bool:
        """Say whether nothing speaks against sending requests to an endpoint."""
        return self.standing(endpoint_id, now_ns) == "healthy"

    def all_well(self) -> bool:
        """Say whether nothing is held against any endpoint."""
        return not self._troubled

    def claim_probe(self, endpoint_id: str, now_ns: int) -> bool:
        """Take the one probe of a half-open endpoint: True for one request at a time."""
        breaker = self._troubled.get(endpoint_id)
        return breaker is not None and breaker.claim_probe(now_ns)

    def uptime(self, endpoint_id: str, window_minutes: int, now_ns: int) -> float | None:
        """Return the percentage of minutes in which an endpoint was up, at most a day back; None when unknown."""
        record = self._records.get(endpoint_id)
        return None if record is None else record.minutes.uptime(window_minutes, now_ns)

    def percentiles(self, endpoint_id: str, window_minutes: int, now_ns: int) -> Speeds:
        """Return time to first token and throughput of the last minutes, at most half an hour back."""
        record = self._records.get(endpoint_id)
        return Speeds() if record is None else record.minutes.speeds(window_minutes, now_ns)

    def speeds(self, endpoint_id: str, now_ns: int) -> Speeds:
        """Return the speeds that routing goes by: of the last five minutes, up to a second old."""
        record = self._records.get(endpoint_id)
        if record is None:
            return Speeds()
        if now_ns >= record.speeds_until_ns:
            record.speeds = record.minutes.speeds(ROUTING_WINDOW_MINUTES, now_ns)
            record.speeds_until_ns = now_ns + _SPEEDS_KEPT_NS
        return record.speeds
