"""What was used and how it went: the usage cube added up by model, provider, endpoint and bar."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from wideband.analytics.named import Query, Reader
from wideband.analytics.periods import DAY_S, HOUR_S, MINUTE_S, Period, Width
from wideband.routing.histogram import Histogram, points

C = TypeVar("C")
K = TypeVar("K", bound=Hashable)


class Use(msgspec.Struct, frozen=True):
    """Sums over answers; the fields are the measures of the cube `usage` by their names."""

    requests: int = 0
    ok: int = 0
    failed: int = 0
    cancelled: int = 0
    served: int = 0
    unserved: int = 0
    saved: int = 0
    tokens: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cost_nano: int = 0
    prompt_cost_nano: int = 0
    completion_cost_nano: int = 0
    tool_requests: int = 0
    tools_judged: int = 0
    tools_valid: int = 0
    structured_judged: int = 0
    structured_valid: int = 0

    @property
    def success(self) -> float | None:
        """The share that was answered of the requests that a provider was asked for.

        What callers did wrong or left, and answers from the response cache, say nothing of routing.
        """
        return _share(self.served, self.served + self.unserved)

    @property
    def prompt_price(self) -> float | None:
        """What a million prompt tokens really cost, cached ones and all, in nano-dollars."""
        return _share(self.prompt_cost_nano * 1_000_000, self.prompt_tokens)

    @property
    def completion_price(self) -> float | None:
        """What a million completion tokens really cost, in nano-dollars."""
        return _share(self.completion_cost_nano * 1_000_000, self.completion_tokens)

    @property
    def cache_rate(self) -> float | None:
        """The share of the prompt tokens that came from a cache."""
        return _share(self.cached_tokens, self.prompt_tokens)

    @property
    def tool_errors(self) -> float | None:
        """The share of the judged tool calls that were not as their schemas ask."""
        return _share(self.tools_judged - self.tools_valid, self.tools_judged)

    @property
    def structured_errors(self) -> float | None:
        """The share of the judged structured answers that were not as their schemas ask."""
        return _share(self.structured_judged - self.structured_valid, self.structured_judged)


class Speeds(msgspec.Struct, frozen=True):
    """Distributions: milliseconds to the first token and to the end, and tokens a second.

    Where a query does not ask for one, it is empty.
    """

    ttft: Histogram = {}
    speed: Histogram = {}
    latency: Histogram = {}

    @property
    def ttft_p50(self) -> float | None:
        return _point(self.ttft, 50)

    @property
    def ttft_p99(self) -> float | None:
        return _point(self.ttft, 99)

    @property
    def speed_p50(self) -> float | None:
        return _point(self.speed, 50)

    @property
    def latency_p50(self) -> float | None:
        return _point(self.latency, 50)

    @property
    def latency_p99(self) -> float | None:
        return _point(self.latency, 99)


# What queries over `usage` have in common: its first two parameters are a span's start and end, in unix seconds.
_SPAN = '"at" >= make_timestamp($1::BIGINT * 1000000) AND "at" < make_timestamp($2::BIGINT * 1000000)'
_SUMS = ", ".join(f"coalesce(sum({name}), 0)::BIGINT" for name in Use.__struct_fields__)
# Whether there is anything at all, `{whose}` being a condition on the third parameter.
ANY = Query("use.any", "SELECT 1 FROM usage_{grain} WHERE {span} AND {whose} LIMIT 1")
# Several distributions at once: a row is the keys, which one, its buckets and their counts.
_COUNTED = """
    WITH told AS (SELECT {named}, {kinds} FROM usage_{{grain}} WHERE {{where}}),
    counted AS ({counted}),
    summed AS (SELECT {names}, kind, bucket, sum(count)::BIGINT AS count FROM counted GROUP BY {groups})
    SELECT {names}, kind, list(bucket), list(count) FROM summed GROUP BY ALL
"""
_COUNTS = (
    "SELECT {names}, '{kind}' AS kind, unnest(map_keys({kind})) AS bucket, unnest(map_values({kind})) AS count"
    " FROM told"
)


def _counted(named: str, names: str, groups: str, kinds: Sequence[str]) -> str:
    counted = " UNION ALL ".join(_COUNTS.format(names=names, kind=kind) for kind in kinds)
    return _COUNTED.format(named=named, names=names, groups=groups, counted=counted, kinds=", ".join(kinds))


_TWICE = (
    "{keys} AS keys, {others} AS others",
    "keys, others",
    "GROUPING SETS ((keys, kind, bucket), (others, kind, bucket))",
)
# Without latencies, which few ask for.
SPEEDS = Query("speeds", _counted("{keys} AS keys", "keys", "keys, kind, bucket", ("ttft", "speed")))
TOKENS_A_SECOND = Query("speeds.alone", _counted("{keys} AS keys", "keys", "keys, kind, bucket", ("speed",)))
# The same answers told twice, by `{keys}` and by `{others}`: of the two, a row has the one that it is by.
SPEEDS_TWICE = Query("speeds.twice", _counted(*_TWICE, ("ttft", "speed")))
ALL_SPEEDS_TWICE = Query("speeds.all_twice", _counted(*_TWICE, Speeds.__struct_fields__))
# Bars are put together to bins so that each holds enough to tell a rate or a percentile, and lines stay few.
MOST_BINS = 36
# For each width of a bar: how many bars make a bin, and how long a bar is.
_STEPS: dict[Width, tuple[tuple[int, ...], int]] = {
    "minute": ((1, 2, 5, 10), MINUTE_S),
    "hour": ((1, 2, 3, 6, 12, 24), HOUR_S),
    "day": ((1, 2, 3, 7), DAY_S),
    "week": ((1,), 7 * DAY_S),
    "month": ((1,), 28 * DAY_S),
}


def bin_step_s(period: Period) -> int:
    """Return of what the starts of bins are multiples, in seconds; 1 where each bar is a bin of its own."""
    (steps, length_s), bars = _STEPS[period.width], len(period.starts)
    step = next((step for step in steps if bars <= step * MOST_BINS), steps[-1])
    return 1 if step == 1 else step * length_s


def words(period: Period, **own: str) -> dict[str, str]:
    """Return what the texts of queries over `usage` leave open: `span`, `sums`, the period's words and a query's own.

    A query's own may hold these in turn, and `bin`: where the bin of a row's bar starts.
    """
    known = {**period.words, "span": _SPAN, "sums": _SUMS}
    known["bin"] = f"greatest({known['bucket']} - {known['bucket']} % {bin_step_s(period)}, $1::BIGINT)"
    return known | {name: text.format(**known) for name, text in own.items()}


def total_use(rows: Iterable[Use]) -> Use:
    """Add rows up."""
    return Use(*map(sum, zip(*map(msgspec.structs.astuple, rows), strict=True)))


async def was_used(reader: Reader, period: Period, whose: str, name: str) -> bool:
    """Tell whether there were requests of a model or a provider, as `whose` says."""
    told = words(period, whose=f"{whose} = $3")
    return bool(await ANY.ask(reader, period.start_s, period.end_s, name, **told))


def speeds_by(rows: Iterable[tuple[Any, ...]]) -> dict[Any, Speeds]:
    """Return the distributions of rows that `SPEEDS` gave, by their keys: a value, or a tuple of some."""
    found: dict[Any, dict[str, Histogram]] = {}
    for keys, name, buckets, counts in rows:
        key = tuple(keys.values()) if isinstance(keys, dict) else keys
        found.setdefault(key, {})[name] = dict(zip(buckets, counts, strict=True))
    return {key: Speeds(**parts) for key, parts in found.items()}


def speeds_twice(rows: Iterable[tuple[Any, ...]]) -> tuple[dict[Any, Speeds], dict[Any, Speeds]]:
    """Return the distributions of rows that `SPEEDS_TWICE` gave, by keys and by others."""
    held = list(rows)
    first = [(keys, *rest) for keys, _, *rest in held if keys is not None]
    return speeds_by(first), speeds_by((others, *rest) for keys, others, *rest in held if keys is None)


def merged_speeds(rows: Iterable[Speeds]) -> Speeds:
    """Return the distributions of several together."""
    parts: dict[str, Histogram] = {name: {} for name in Speeds.__struct_fields__}
    for row in rows:
        for name, into in parts.items():
            _add(into, getattr(row, name))
    return Speeds(**parts)


def grouped_uses(uses: Mapping[C, Use], key: Callable[[C], K]) -> dict[K, Use]:
    """Return sums by a coarser key."""
    held: dict[K, list[Use]] = {}
    for cell, use in uses.items():
        held.setdefault(key(cell), []).append(use)
    return {group: total_use(rows) for group, rows in held.items()}


def grouped_speeds(speeds: Mapping[C, Speeds], key: Callable[[C], K]) -> dict[K, Speeds]:
    """Return distributions by a coarser key."""
    held: dict[K, list[Speeds]] = {}
    for cell, found in speeds.items():
        held.setdefault(key(cell), []).append(found)
    return {group: merged_speeds(rows) for group, rows in held.items()}


def _add(into: Histogram, counts: Mapping[int, int]) -> None:
    for bucket, count in counts.items():
        into[bucket] = into.get(bucket, 0) + count


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _point(counts: Histogram, share: int) -> float | None:
    return points(counts, (share,))[0] if counts else None
