"""How every endpoint is doing, folded from the outcomes of tries; all times are unix nanoseconds given from outside."""

from collections.abc import Mapping, Sequence

from wideband.canon.faults import FaultKind
from wideband.catalog.rows import Endpoint
from wideband.routing import sharing
from wideband.routing.breaker import Breaker, Change, Standing
from wideband.routing.load import Load
from wideband.routing.minutes import KEPT_MINUTES, MINUTE_NS, Minute, Speeds
from wideband.routing.outlook import Outlook, Quality
from wideband.routing.plans import Outcome
from wideband.routing.pools import Sieve
from wideband.routing.quality import SPEED_MINUTES, TOOL_MINUTES, qualities
from wideband.routing.recent import Recent, expected
from wideband.routing.records import Record
from wideband.routing.sharing import Row

SECOND_NS = 1_000_000_000
ROUTING_WINDOW_MINUTES = 5
_SPEEDS_KEPT_NS = _OUTLOOKS_KEPT_NS = SECOND_NS
_QUALITIES_KEPT_NS = 15 * SECOND_NS
# When a try is overdue, by what was usual of late.
PATIENCE_FACTOR = 2.0
LEAST_PATIENCE_S, MOST_PATIENCE_S, UNKNOWN_PATIENCE_S = 0.5, 30.0, 10.0
# How fast a prompt is read where that is slow: a long one may take so much longer to its first token than most do.
PROMPT_TOKENS_PER_S = 4000.0
LEAST_WAITS = 20
# So many are kept in mind, about 9 kB each.
MOST_ENDPOINTS = 20_000
# Clocks of one machine agree; what claims to be later than this is no news. One that goes back by more was set.
_FUTURE_NS = 5 * SECOND_NS
_SET_BACK_NS = 60 * SECOND_NS


class _Expected:
    """The outlooks of a model's endpoints, good until an instant."""

    __slots__ = ("endpoints", "rows", "until_ns")

    def __init__(self, endpoints: Sequence[Endpoint], rows: dict[str, Outlook], until_ns: int) -> None:
        self.endpoints, self.rows, self.until_ns = endpoints, rows, until_ns


class Health:
    """The board. An endpoint never heard of is healthy.

    `sieve` is what plans by this board remember of the filters.
    """

    def __init__(self) -> None:
        self._latest_ns = 0
        self.sieve = Sieve()
        self._records: dict[str, Record] = {}
        # The endpoints with something held against them, so that a plan looks at few or none.
        self._troubled: dict[str, Breaker] = {}
        # Likewise those that were found to bear only so much.
        self._capped: dict[str, Load] = {}
        # What others have not been told.
        self._untold: dict[str, Record] = {}
        # By model: what is expected, and until when how its endpoints compare.
        self._expected: dict[str, _Expected] = {}
        self._models: dict[str, str] = {}
        self._qualities: dict[str, tuple[int, dict[str, Quality]]] = {}

    # -- what happens ------------------------------------------------------------------------------------------------

    def began(self, endpoint_id: str, at_ns: int) -> None:
        """Hear that a try begins; `observe` with its outcome ends it."""
        self._it_is(at_ns)
        record = self._record(endpoint_id)
        record.begun += 1
        record.under_way += 1
        record.load.started(at_ns)

    def overdue(self, endpoint_id: str, at_ns: int) -> None:
        """Hear, once a try, that it has waited longer than `patience_s` for its first token."""
        record = self._record(endpoint_id)
        patience_ns = int(self.patience_s(endpoint_id, at_ns) * SECOND_NS)
        record.recent.expect_error(at_ns)
        self._note(endpoint_id, record, record.breaker.overdue(at_ns, patience_ns, record.begun), at_ns)

    def answering(self, endpoint_id: str, ttft_ns: int, at_ns: int) -> None:
        """Hear, at most once a try, that its first token came and more follows; its outcome says so again."""
        record = self._counting(endpoint_id, at_ns)
        record.slice.count_wait(ttft_ns, at_ns)
        breaker = record.breaker
        if breaker.overdue_tries and breaker.overdue_answered(ttft_ns):
            record.recent.take_back()
        change = breaker.heard(at_ns, at_ns)
        if change is not None:
            self._note(endpoint_id, record, change, at_ns)

    def observe(self, outcome: Outcome) -> None:
        """Fold in how a try went."""
        endpoint_id, at_ns = outcome.endpoint_id, outcome.at_ns
        record = self._counting(endpoint_id, at_ns)
        record.slice.count(outcome)
        breaker = record.breaker
        was_overdue = breaker.overdue_tries > 0 and breaker.overdue_ended(outcome)
        if outcome.fault is not None:
            change = self._failed(record, outcome, was_overdue)
        else:
            change = breaker.observe(outcome)
            if was_overdue:
                record.recent.take_back()
        if record.under_way:
            record.under_way -= 1
        if breaker.overdue_tries:
            breaker.only_under_way(record.under_way)
        if change is not None or endpoint_id in self._troubled:
            self._note(endpoint_id, record, change, at_ns)

    # -- who may be asked --------------------------------------------------------------------------------------------

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

    def is_unprobed(self, endpoint_id: str, now_ns: int) -> bool:
        """Say whether a half-open endpoint has long waited for its probe: its own share of the requests is small."""
        breaker = self._troubled.get(endpoint_id)
        return breaker is not None and breaker.is_unprobed(now_ns)

    def claim_probe(self, endpoint_id: str, now_ns: int) -> bool:
        """Take the one probe of a half-open endpoint: True for one request at a time."""
        breaker = self._troubled.get(endpoint_id)
        return breaker is not None and breaker.claim_probe(now_ns)

    def is_full(self, endpoint_id: str, now_ns: int) -> bool:
        """Say whether as many tries begin at an endpoint as it was found to bear."""
        load = self._capped.get(endpoint_id)
        if load is None:
            return False
        if load.cap(now_ns) is None:
            del self._capped[endpoint_id]
            return False
        return load.is_full(now_ns)

    def under_way(self, endpoint_id: str) -> int:
        """Return how many tries of this process have begun at an endpoint and not ended."""
        record = self._records.get(endpoint_id)
        return 0 if record is None else record.under_way

    # -- what is to be expected --------------------------------------------------------------------------------------

    def outlooks(self, endpoints: Sequence[Endpoint], now_ns: int) -> Mapping[str, Outlook]:
        """Return, by id, what to expect of the endpoints of one model; give all of them, they are each other's peers.

        The same mapping is returned for up to a second, unless a breaker opens or closes; it never changes.
        """
        if not endpoints:
            return {}
        held = self._expected.get(endpoints[0].model)
        if held is not None and now_ns < held.until_ns:
            rows = held.rows
            if held.endpoints is endpoints or all(e.id in rows for e in endpoints):
                return rows
        return self._expect(endpoints, now_ns)

    def patience_s(self, endpoint_id: str, now_ns: int) -> float:
        """Return after how many seconds without a first token a try is overdue."""
        late_ms = self.speeds(endpoint_id, now_ns).late_ms
        if late_ms is None:
            return UNKNOWN_PATIENCE_S
        return min(max(PATIENCE_FACTOR * late_ms / 1000, LEAST_PATIENCE_S), MOST_PATIENCE_S)

    def late_s(self, endpoint_id: str, now_ns: int) -> float | None:
        """Return within how many seconds 95 % of the first tokens of the last minutes came; None for too few."""
        speeds = self.speeds(endpoint_id, now_ns)
        return None if speeds.late_ms is None or speeds.waits < LEAST_WAITS else speeds.late_ms / 1000

    # -- what is known of the last minutes ---------------------------------------------------------------------------

    def uptime(self, endpoint_id: str, window_minutes: int, now_ns: int) -> float | None:
        """Return the percentage of minutes in which an endpoint was up, at most a day back; None when unknown."""
        record = self._settled(endpoint_id)
        return None if record is None else record.minutes.uptime(window_minutes, now_ns)

    def percentiles(self, endpoint_id: str, window_minutes: int, now_ns: int) -> Speeds:
        """Return time to first token and throughput of the last minutes, at most half an hour back."""
        record = self._settled(endpoint_id)
        return Speeds() if record is None else record.minutes.speeds(window_minutes, now_ns)

    def total(self, endpoint_id: str, window_minutes: int, now_ns: int) -> Minute:
        """Return all counts of the last minutes added up, at most two hours back."""
        record = self._settled(endpoint_id)
        return Minute(0) if record is None else record.minutes.total(window_minutes, now_ns)

    def speeds(self, endpoint_id: str, now_ns: int) -> Speeds:
        """Return the speeds that routing goes by: of the last five minutes, up to a second old."""
        record = self._records.get(endpoint_id)
        if record is None:
            return Speeds()
        if now_ns >= record.speeds_until_ns:
            record.settle()
            record.speeds = record.minutes.speeds(ROUTING_WINDOW_MINUTES, now_ns)
            record.speeds_until_ns = now_ns + _SPEEDS_KEPT_NS
        return record.speeds

    # -- what others know --------------------------------------------------------------------------------------------

    def take_delta(self) -> bytes | None:
        """Return what this process saw since the last call, for others to merge; None when it saw nothing.

        What nobody takes for two hours is not told any more. Load caps and tries under way are this process's own.
        """
        if not self._untold:
            return None
        rows = {}
        for endpoint_id, record in self._untold.items():
            record.settle()
            rows[endpoint_id] = Row(record.minutes.take(), record.breaker.mark() if record.news else None)
            record.news = False
        self._untold = {}
        return sharing.pack(rows)

    def merge(self, delta: bytes, now_ns: int) -> None:
        """Add what another process saw. Raises ValueError for what is no delta, and then adds nothing."""
        self._merge(sharing.unpack(delta), now_ns)

    def snapshot(self) -> bytes:
        """Return all that is known, for `restore` after a restart."""
        rows = {}
        for endpoint_id, record in self._records.items():
            record.settle()
            minutes, day = record.minutes.all()
            rows[endpoint_id] = Row(minutes, record.breaker.mark(), record.recent, day)
        return sharing.pack(rows)

    def restore(self, data: bytes, now_ns: int) -> None:
        """Add what a snapshot holds of the last day, faded by its age; others are not told of it.

        Raises ValueError for what is no snapshot, and then adds nothing.
        """
        oldest = now_ns // MINUTE_NS - KEPT_MINUTES
        self._merge({id_: row for id_, row in sharing.unpack(data).items() if row.newest > oldest}, now_ns)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _record(self, endpoint_id: str) -> Record:
        record = self._records.get(endpoint_id)
        if record is None:
            if len(self._records) >= MOST_ENDPOINTS:
                self._forget()
            record = self._records[endpoint_id] = Record()
        return record

    def _forget(self) -> None:
        """Drop the half that was heard of longest ago: who brings keys of its own makes endpoints with each."""
        idle = [(max(r.recent.at_ns, r.until_ns), id_) for id_, r in self._records.items() if not r.under_way]
        for _, id_ in sorted(idle)[: MOST_ENDPOINTS // 2]:
            for held in (self._records, self._troubled, self._capped, self._untold, self._models):
                held.pop(id_, None)

    def _counting(self, endpoint_id: str, at_ns: int) -> Record:
        """Return the record of an endpoint, with a slice that takes what happens at an instant."""
        record = self._records.get(endpoint_id) or self._record(endpoint_id)
        if not record.since_ns <= at_ns < record.until_ns:
            record.begin_slice(at_ns)
            self._untold[endpoint_id] = record
        return record

    def _settled(self, endpoint_id: str) -> Record | None:
        record = self._records.get(endpoint_id)
        if record is not None:
            record.settle()
        return record

    def _failed(self, record: Record, outcome: Outcome, was_overdue: bool) -> Change | None:
        """Tell the breaker of a fault, and the load of a rate limit."""
        if was_overdue:
            # All that routing makes of it was made when it was overdue.
            record.slice.belated += 1
            return None
        if outcome.fault is not None and outcome.fault.kind is FaultKind.PROVIDER_RATE_LIMITED:
            share = record.load.limited(outcome.at_ns)
            if record.load.cap(outcome.at_ns) is not None:
                self._capped[outcome.endpoint_id] = record.load
            return record.breaker.observe(outcome, share)
        return record.breaker.observe(outcome)

    def _note(self, endpoint_id: str, record: Record, change: Change | None, at_ns: int) -> None:
        """Draw the consequences of what this process saw."""
        if change is not None:
            record.news = True
            self._untold[endpoint_id] = record
        self._apply(endpoint_id, record, change, at_ns)

    def _apply(self, endpoint_id: str, record: Record, change: Change | None, at_ns: int) -> None:
        """Draw the consequences of a change, whoever saw it; None is a look at whether the trouble is over."""
        if change is not None:
            if change == "closed":
                record.forgive()
            elif change == "relieved":
                record.settle()
                record.recent.limits = 0.0
            if change != "paused":
                self._expected.pop(self._models.get(endpoint_id, ""), None)
        if record.breaker.at_ease(at_ns):
            self._troubled.pop(endpoint_id, None)
        else:
            self._troubled[endpoint_id] = record.breaker

    def _expect(self, endpoints: Sequence[Endpoint], now_ns: int) -> Mapping[str, Outlook]:
        model = endpoints[0].model
        rows, broken, full = [], [], []
        known = self._qualities_of(model, endpoints, now_ns)
        for endpoint in endpoints:
            self._models[endpoint.id] = model
            record = self._settled(endpoint.id)
            if record is not None:
                record.recent.fade(now_ns)
            rows.append(Recent() if record is None else record.recent)
            broken.append(record is not None and record.breaker.is_open)
            full.append(self.is_full(endpoint.id, now_ns))
        outlooks = expected(rows, broken, [known[e.id] for e in endpoints], full)
        found = {e.id: outlook for e, outlook in zip(endpoints, outlooks, strict=True)}
        self._expected[model] = _Expected(endpoints, found, now_ns + _OUTLOOKS_KEPT_NS)
        return found

    def _qualities_of(self, model: str, endpoints: Sequence[Endpoint], now_ns: int) -> dict[str, Quality]:
        until_ns, known = self._qualities.get(model, (0, {}))
        if now_ns >= until_ns or any(e.id not in known for e in endpoints):
            seen = [None if (record := self._settled(e.id)) is None else record.minutes for e in endpoints]
            speed = [() if minutes is None else minutes.since(SPEED_MINUTES, now_ns) for minutes in seen]
            tools = [() if minutes is None else minutes.since(TOOL_MINUTES, now_ns) for minutes in seen]
            known = {e.id: quality for e, quality in zip(endpoints, qualities(speed, tools), strict=True)}
            self._qualities[model] = now_ns + _QUALITIES_KEPT_NS, known
        return known

    def _it_is(self, now_ns: int) -> None:
        """Forget what waits for an instant when somebody set the clock back: it may not come for years."""
        if now_ns < self._latest_ns - _SET_BACK_NS:
            for held in (self._troubled, self._capped, self._expected, self._qualities):
                held.clear()
            for record in self._records.values():
                record.set_back(now_ns)
        self._latest_ns = now_ns

    def _merge(self, rows: dict[str, Row], now_ns: int) -> None:
        self._it_is(now_ns)
        latest_ns = now_ns + _FUTURE_NS
        for endpoint_id, row in rows.items():
            record = self._record(endpoint_id)
            record.settle()
            if row.mark is not None and sharing.is_news(row.mark, latest_ns):
                self._apply(endpoint_id, record, record.breaker.adopt(row.mark), now_ns)
            for minute in row.minutes:
                if not sharing.is_past(minute, latest_ns):
                    continue
                if minute.at_ns <= record.breaker.closed_ns:
                    minute.belated = minute.downs
                if row.recent is None:
                    record.recent.add(minute)
                record.minutes.add(minute, told=True)
            if row.recent is not None and row.recent.at_ns <= latest_ns:
                record.recent.join(row.recent)
            record.minutes.restore_day(line for line in row.day if line[0] <= latest_ns // MINUTE_NS)
