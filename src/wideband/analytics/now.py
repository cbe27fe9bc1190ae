"""How things go: requests by outcome, tokens, spend and first tokens, bar by bar, and what changed."""

import asyncio
from collections.abc import Iterable

import msgspec

from wideband.analytics.named import Query, Reader
from wideband.analytics.periods import DAY_S, HOUR_S, MINUTE_S, Period
from wideband.routing.histogram import Histogram, merged, points

_BAR_S = {"minute": MINUTE_S, "hour": HOUR_S, "day": DAY_S, "week": 7 * DAY_S, "month": 31 * DAY_S}

# Bars since $3; what is before them comes as one, whose start is 0.
_SINCE = 'CASE WHEN "at" >= make_timestamp($3::BIGINT * 1000000) THEN {bucket} ELSE 0 END'
_FLOW = Query(
    "flow",
    """
    SELECT {since} AS bar, sum(requests)::BIGINT, sum(ok)::BIGINT, sum(saved)::BIGINT, sum(failed)::BIGINT,
        sum(cancelled)::BIGINT, sum(tokens)::BIGINT, sum(cost_nano)::BIGINT,
        coalesce(sum(requests) FILTER (simulated), 0)::BIGINT
    FROM usage_{grain}
    WHERE "at" >= make_timestamp($1::BIGINT * 1000000) AND "at" < make_timestamp($2::BIGINT * 1000000)
    GROUP BY ALL
    """,
)
_WAITS = Query(
    "waits",
    """
    SELECT bar, entry.key, sum(entry.value)::BIGINT
    FROM (
        SELECT {since} AS bar, unnest(map_entries(ttft)) AS entry FROM usage_{grain}
        WHERE "at" >= make_timestamp($1::BIGINT * 1000000) AND "at" < make_timestamp($2::BIGINT * 1000000)
    ) GROUP BY ALL
    """,
)
_OLDEST = Query("oldest", 'SELECT epoch("at")::BIGINT FROM beginning')


class Flow(msgspec.Struct, frozen=True):
    """What went through in some time. `saved` are those `ok` that a failover saved; `waits` counts first tokens."""

    requests: int = 0
    ok: int = 0
    saved: int = 0
    failed: int = 0
    cancelled: int = 0
    tokens: int = 0
    cost_nano: int = 0
    simulated: int = 0
    waits: Histogram = {}

    @property
    def ttft_ms(self) -> float | None:
        """Return the median time to the first token."""
        return points(self.waits, (50,))[0] if self.waits else None


_SUMS = tuple(name for name in Flow.__struct_fields__ if name != "waits")


class Now(msgspec.Struct, frozen=True):
    """A period bar by bar and in all; `before` is as many bars before it, None when records do not reach back."""

    period: Period
    bars: tuple[Flow, ...]
    total: Flow
    before: Flow | None
    bar_s: int

    def change(self, now: float | None, before: float | None) -> float | None:
        """Return by what share a value that does not grow with time changed."""
        return now / before - 1 if now is not None and before else None

    def growth(self, now: float, before: float) -> float | None:
        """Return by what share a sum changed, for equal times: the period's last bar is not over yet."""
        return self.change(now / self.seconds, before / (len(self.bars) * self.bar_s))

    @property
    def seconds(self) -> int:
        """Return how long the period is."""
        return self.period.end_s - self.period.start_s

    def paces(self, field: str, per_s: int) -> tuple[float, ...]:
        """Return a sum of each bar by seconds or minutes (`per_s`); the running bar counts as far as it went."""
        ends = (*self.period.starts[1:], self.period.end_s)
        return tuple(
            getattr(flow, field) * per_s / max(end_s - start_s, 1)
            for flow, start_s, end_s in zip(self.bars, self.period.starts, ends, strict=True)
        )


async def now(reader: Reader, period: Period) -> Now:
    """Return how things go in a period, and before it."""
    starts, bar_s = period.starts, _BAR_S[period.width]
    before = Period(period.start_s - len(starts) * bar_s, period.start_s, period.width)
    flows, oldest_s = await asyncio.gather(_flows(reader, before.start_s, period), oldest(reader))
    earlier = flows.pop(0, Flow())
    reaches = oldest_s is not None and oldest_s <= before.start_s
    return Now(
        period=period,
        bars=tuple(flows.get(start_s, Flow()) for start_s in starts),
        total=_sum(flows.values()),
        before=earlier if reaches else None,
        bar_s=bar_s,
    )


async def oldest(reader: Reader) -> int | None:
    """Return the day of the oldest record; None when there is none."""
    rows = await _OLDEST.ask(reader)
    found: int | None = rows[0][0] if rows else None
    return found


async def _flows(reader: Reader, since_s: int, period: Period) -> dict[int, Flow]:
    """Return what went through by the starts of a period's bars, and at 0 all since an instant before it."""
    span = (since_s, period.end_s, period.start_s)
    words = {**period.words, "since": _SINCE.format(**period.words)}
    waited, rows = await asyncio.gather(_WAITS.ask(reader, *span, **words), _FLOW.ask(reader, *span, **words))
    waits: dict[int, Histogram] = {}
    for bar, bucket, count in waited:
        waits.setdefault(bar, {})[bucket] = count
    return {row[0]: Flow(**dict(zip(_SUMS, row[1:], strict=True)), waits=waits.get(row[0], {})) for row in rows}


def _sum(flows: Iterable[Flow]) -> Flow:
    held = list(flows)
    sums = {name: sum(getattr(flow, name) for flow in held) for name in _SUMS}
    return Flow(**sums, waits=merged(flow.waits for flow in held))
