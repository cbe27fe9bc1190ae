"""What was used and how it went: the usage cube added up by model, provider, endpoint and bar."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from wideband.analytics.named import Query
from wideband.analytics.periods import Period
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
    """Distributions: milliseconds to the first token and to the end, and tokens a second."""

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
# All three distributions at once: a row is the keys, which one, its bucket and the count.
SPEEDS = Query(
    "speeds",
    """
    WITH told AS (SELECT *, {keys} AS keys FROM usage_{grain} WHERE {where})
    SELECT keys, 'ttft', entry.key, sum(entry.value)::BIGINT
    FROM (SELECT keys, unnest(map_entries(ttft)) AS entry FROM told) GROUP BY ALL
    UNION ALL
    SELECT keys, 'speed', entry.key, sum(entry.value)::BIGINT
    FROM (SELECT keys, unnest(map_entries(speed)) AS entry FROM told) GROUP BY ALL
    UNION ALL
    SELECT keys, 'latency', entry.key, sum(entry.value)::BIGINT
    FROM (SELECT keys, unnest(map_entries(latency)) AS entry FROM told) GROUP BY ALL
    """,
)


def words(period: Period, **own: str) -> dict[str, str]:
    """Return what the texts of queries over `usage` leave open: `span`, `sums`, the period's words and a query's own.

    A query's own may hold these in turn.
    """
    known = {**period.words, "span": _SPAN, "sums": _SUMS}
    return known | {name: text.format(**known) for name, text in own.items()}


def total_use(rows: Iterable[Use]) -> Use:
    """Add rows up."""
    held = list(rows)
    return Use(*[sum(getattr(row, name) for row in held) for name in Use.__struct_fields__])


def speeds_by(rows: Iterable[tuple[Any, ...]]) -> dict[Any, Speeds]:
    """Return the distributions of rows that `SPEEDS` gave, by their keys: a value, or a tuple of some."""
    found: dict[Any, dict[str, Histogram]] = {}
    for keys, name, bucket, count in rows:
        key = tuple(keys.values()) if isinstance(keys, dict) else keys
        found.setdefault(key, {}).setdefault(name, {})[bucket] = count
    return {key: Speeds(**parts) for key, parts in found.items()}


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
