"""What became of the requests: counted one by one, summed up once."""

from array import array
from collections import Counter
from typing import Any

import msgspec

from wideband.replay.outages import Reaction
from wideband.replay.truth import Truth


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One request as its client saw it. Times are milliseconds of real time; `fault` None means a whole answer.

    `late_ms` is how long after its time it was sent. `tokens_per_s` needs a stream of at least two deliveries.
    """

    late_ms: float
    fault: str | None = None
    generation_id: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    ttft_ms: float | None = None
    tokens_per_s: float | None = None


class Quantiles(msgspec.Struct, frozen=True):
    """The middle and the tail; None when nothing was measured."""

    p50: float | None
    p99: float | None


class Tokens(msgspec.Struct, frozen=True):
    """Tokens as the answers counted them."""

    prompt: int
    completion: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay found out; `--json` prints exactly this.

    Times and speeds are real, not multiplied by `speedup`. `tries`, `failovers`, `records`, `cost_usd` and
    `try_faults` are the server's own account; None where it could not be had.
    """

    model: str
    speedup: float
    requests: int
    sent: int
    ok: int
    failed_for_client: int
    failovers: int | None
    tries: int | None
    records: int | None
    ledger_balanced: bool | None
    cost_usd: str | None
    tokens: Tokens
    ttft_ms: Quantiles
    tokens_per_second: Quantiles
    late_ms: Quantiles
    wall_s: float
    requests_per_second: float
    try_faults: dict[str, int] | None
    client_faults: dict[str, int]
    interrupted: bool
    outages: list[Reaction] | None = None
    note: str | None = None

    @property
    def passed(self) -> bool:
        """Nothing failed, nothing was left out, and the ledger adds up as far as it could be read.

        With outages one request in two thousand may fail.
        """
        allowed = 0 if self.outages is None else self.requests * MOST_FAILED
        told = self.ok + self.failed_for_client == self.requests
        complete = self.failed_for_client <= allowed and told and not self.interrupted
        return complete and self.ledger_balanced is not False and self.records in {None, self.sent}


# Of requests while providers are broken in turn, the share that may fail for their clients.
MOST_FAILED = 0.0005


class Tally:
    """Counts results as they come."""

    def __init__(self) -> None:
        self.sent = 0
        self.ok = 0
        self.faults: Counter[str] = Counter()
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.ttft_ms = array("d")
        self.tokens_per_s = array("d")
        self.late_ms = array("d")

    @property
    def failed(self) -> int:
        return self.faults.total()

    def take(self, result: Result) -> None:
        """Count one finished request."""
        self.late_ms.append(result.late_ms)
        if result.fault is not None:
            self.faults[result.fault] += 1
        else:
            self.ok += 1
        self.prompt_tokens += result.prompt_tokens
        self.completion_tokens += result.completion_tokens
        if result.ttft_ms is not None:
            self.ttft_ms.append(result.ttft_ms)
        if result.tokens_per_s is not None:
            self.tokens_per_s.append(result.tokens_per_s)


def quantiles(values: "array[float]") -> Quantiles:
    """Return the nearest-rank median and 99th percentile, to a hundredth."""
    if not values:
        return Quantiles(None, None)
    ordered = sorted(values)
    last = len(ordered) - 1
    return Quantiles(round(ordered[round(last * 0.5)], 2), round(ordered[round(last * 0.99)], 2))


def sum_up(tally: Tally, truth: Truth, facts: dict[str, Any]) -> Summary:
    """Put the client's and the server's account together; `facts` are the run's own."""
    return Summary(
        sent=tally.sent,
        ok=tally.ok,
        failed_for_client=tally.failed,
        failovers=truth.failovers,
        tries=truth.tries,
        records=truth.records,
        ledger_balanced=truth.balanced,
        cost_usd=truth.cost_usd,
        tokens=Tokens(tally.prompt_tokens, tally.completion_tokens),
        ttft_ms=quantiles(tally.ttft_ms),
        tokens_per_second=quantiles(tally.tokens_per_s),
        late_ms=quantiles(tally.late_ms),
        try_faults=truth.try_faults,
        client_faults=dict(tally.faults.most_common()),
        note=truth.note,
        **facts,
    )
