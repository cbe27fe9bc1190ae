"""Why a request goes where it goes: every candidate, what took it out or where the ranker put it, with the figures."""

from collections.abc import Mapping, Sequence

import msgspec

from wideband.canon.faults import Fault
from wideband.catalog.rows import Catalogue, Endpoint, Rates
from wideband.routing.filters import FILTERS, RatesOf
from wideband.routing.health import Health
from wideband.routing.outlook import Outlook
from wideband.routing.plan import as_ranked, pools_of, what_is_left
from wideband.routing.plans import FunnelStep, Weighed, Wish
from wideband.routing.pools import Pool
from wideband.routing.rankers import Scene, strategy, weigh

# What the words of `Weighed.note` mean.
NOTES: dict[str, str] = {
    "warm": "comes first: the conversation is cached there",
    "sealed": "comes first: it sealed the thinking in this conversation",
    "probed": "comes first for one request, which finds out whether it has recovered",
    "half_open": "waits for one request to find out whether it has recovered",
    "resting": "rests after failures or a rate limit, and is asked last",
    "full": "bears no more than it gets now, and is asked after those that do",
    "slow": "is known to miss a speed that was asked for, and is asked after the others",
    "poor": "calls tools badly or is slow beside its peers: it gets only the traffic that finds out",
}
# In which order those with a note come; None are those that have none.
PLACES = ("sealed", "warm", "probed", None, "poor", "slow", "half_open", "full", "resting")


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint of a model that was asked for.

    `removed_by` is the filter that took it out, `reason` its words; else `rank` (from 1) is its place by share and
    `weighed` what it was weighed by. `rates` hold for this prompt at this instant. `uptime` is in percent by window.
    `failing` is the share of its tries of the last five minutes that failed, None without any; what routing expects of
    the next ones is in `outlook`.
    """

    endpoint: Endpoint
    rates: Rates
    standing: str
    outlook: Outlook
    uptime: dict[str, float | None]
    failing: float | None = None
    removed_by: str | None = None
    reason: str | None = None
    rank: int | None = None
    weighed: Weighed | None = None

    @property
    def why(self) -> str:
        """What happens to it, in a sentence."""
        if self.weighed is None:
            return f"out: {self.reason or self.removed_by}"
        if self.weighed.note is not None:
            return NOTES[self.weighed.note]
        share = self.weighed.share
        if not share:
            return "is asked if those before it fail"
        return "is asked first" if share == 1 else f"gets {share:.1%} of the traffic"


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole decision. `candidates` are those kept, in order, and then those taken out, in the filters' order."""

    wish: Wish
    strategy: str
    output_tokens: float
    funnel: tuple[FunnelStep, ...]
    candidates: tuple[Candidate, ...]
    fault: Fault | None = None


def explain(wish: Wish, catalogue: Catalogue, health: Health, now_ns: int, seed: int, rates_of: RatesOf) -> Explanation:
    """Explain what `plan` would do with the same arguments. Nothing is claimed and nothing changes."""
    pools = pools_of(wish, catalogue, health, rates_of)
    funnel, fault = what_is_left(wish, pools)
    outlooks: dict[str, Outlook] = {}
    for _, pool in pools:
        outlooks |= health.outlooks(pool.stages[0], now_ns)
    sight = _Sight(health, outlooks, now_ns, rates_of)
    removed = [(at, sight.removed(endpoint, at, own)) for own, pool in pools for at, endpoint in _taken(pool)]
    removed.sort(key=lambda found: found[0])
    kept: list[Candidate] = []
    if fault is None:
        pools, slow = as_ranked(wish, pools, funnel, health, now_ns)
        for own, pool in pools:
            scene = Scene(
                wish=own, health=health, now_ns=now_ns, seed=seed, rates_of=rates_of, slow=slow, probing=False
            )
            by_id = {endpoint.id: endpoint for endpoint in pool.endpoints}
            # What one draw put first says little; the shares say what happens.
            rows = sorted(weigh(scene, pool), key=lambda row: (PLACES.index(row.note), -row.share))
            kept += [sight.kept(by_id[row.endpoint_id], row, len(kept) + at) for at, row in enumerate(rows, 1)]
    length = next((outlook.output_tokens for outlook in reversed(outlooks.values())), 500.0)
    return Explanation(
        wish=wish,
        strategy=strategy(wish),
        output_tokens=min(length, wish.max_tokens or length),
        funnel=tuple(funnel),
        candidates=(*kept, *(candidate for _, candidate in removed)),
        fault=fault,
    )


def _taken(pool: Pool) -> Sequence[tuple[int, Endpoint]]:
    """Return the endpoints that filters took away, with the number of the filter."""
    stages = pool.stages
    return [
        (at, endpoint)
        for at in pool.cuts
        for endpoint in stages[at]
        if endpoint.id not in {left.id for left in stages[at + 1]}
    ]


class _Sight:
    """What can be seen of the endpoints of one model."""

    def __init__(self, health: Health, outlooks: Mapping[str, Outlook], now_ns: int, rates_of: RatesOf) -> None:
        self._health, self._outlooks, self._now_ns, self._rates_of = health, outlooks, now_ns, rates_of

    def kept(self, endpoint: Endpoint, row: Weighed, rank: int) -> Candidate:
        return msgspec.structs.replace(self._seen(endpoint), rank=rank, weighed=row)

    def removed(self, endpoint: Endpoint, at: int, wish: Wish) -> Candidate:
        row = FILTERS[at]
        return msgspec.structs.replace(self._seen(endpoint), removed_by=row.step, reason=row.reason(wish))

    def _seen(self, endpoint: Endpoint) -> Candidate:
        health, now_ns = self._health, self._now_ns
        windows = {"5m": 5, "30m": 30, "1d": 24 * 60}
        lately = health.total(endpoint.id, windows["5m"], now_ns)
        return Candidate(
            endpoint=endpoint,
            rates=self._rates_of(endpoint),
            standing=health.standing(endpoint.id, now_ns),
            outlook=self._outlooks[endpoint.id],
            uptime={name: health.uptime(endpoint.id, minutes, now_ns) for name, minutes in windows.items()},
            failing=lately.downs / lately.tries if lately.tries else None,
        )
