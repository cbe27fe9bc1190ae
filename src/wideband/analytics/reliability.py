"""How reliable endpoints, providers and models were: uptime by bar, and incidents.

A try is judged when it succeeded or failed by the provider's doing; rate limits, callers' mistakes and callers who left
say nothing. Uptime is the share of judged tries that succeeded.

An incident is a span in which fewer than 95 % of an endpoint's judged tries succeeded in each minute, and at least
three failed in all; up to ten minutes without a judged try do not end it. Minutes are kept for two days: what is older
is told by hours.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from wideband.analytics.named import Query, Reader
from wideband.analytics.periods import DAY_S, HOUR_S, MINUTE_S, Period

By = Literal["endpoint", "provider", "model", "all"]

UP_SHARE = 0.95
LEAST_DOWNS = 3
QUIET_S = 10 * MINUTE_S
# For so long at least minutes are kept; what is older is told by hours.
_MINUTES_S = 47 * HOUR_S
HOURS_S = 91 * DAY_S

_NAMES: dict[By, str] = {"endpoint": "endpoint_id", "provider": "provider", "model": "model", "all": "''"}

CAUSES = {
    "broken": "errors",
    "overloaded": "overloaded",
    "unreachable": "unreachable",
    "late": "too slow or silent",
    "refused": "refused our key or did not know the model",
}

_UPTIME = Query(
    "uptime",
    """
    SELECT {name}, {bucket}, sum(ok)::BIGINT, sum(down)::BIGINT, sum(limited)::BIGINT
    FROM tries_{grain}
    WHERE "at" >= make_timestamp($1::BIGINT * 1000000) AND "at" < make_timestamp($2::BIGINT * 1000000)
      AND ($3::VARCHAR IS NULL OR provider = $3) AND ($4::VARCHAR[] IS NULL OR list_contains($4, model))
    GROUP BY ALL
    """,
)

_COUNTS = ("ok", "down", *CAUSES)
_COUNTED = {
    "counts": ", ".join(_COUNTS),
    "sums": ", ".join(f"sum({name})::BIGINT AS {name}" for name in _COUNTS),
    "causes": ", ".join(f"sum({name})::BIGINT" for name in CAUSES),
    "whose": "($4::VARCHAR IS NULL OR provider = $4) AND ($5::VARCHAR IS NULL OR model = $5)",
}
# Islands: judged bars in order of time, a new one wherever good turns bad or back, or silence lasts too long. Of good
# bars only those are walked that can end an island: in a quarter of an hour in which an endpoint failed, or until which
# it may be quiet thereafter (a quarter is longer than a bar and a quiet spell).
_INCIDENTS = Query(
    "incidents",
    """
    WITH told AS MATERIALIZED (
        SELECT endpoint_id, provider, model, epoch("at")::BIGINT AS at_s, 3600 AS width, {counts} FROM tries_hour
        WHERE "at" >= make_timestamp($1::BIGINT * 1000000) AND "at" < make_timestamp($2::BIGINT * 1000000) AND {whose}
        UNION ALL
        SELECT endpoint_id, provider, model, epoch("at")::BIGINT AS at_s, 60 AS width, {counts} FROM tries_minute
        WHERE "at" >= make_timestamp($2::BIGINT * 1000000) AND "at" < make_timestamp($3::BIGINT * 1000000) AND {whose}
    ), near AS (
        SELECT DISTINCT endpoint_id, unnest([at_s // 900, (at_s + width + $7) // 900]) AS quarter
        FROM told WHERE down > 0
    ), bars AS (
        SELECT endpoint_id, provider, model, at_s, width, {sums} FROM told
        WHERE (endpoint_id, at_s // 900) IN (FROM near)
        GROUP BY ALL HAVING sum(ok) + sum(down) > 0
    ), marked AS (
        SELECT *, ok < $6 * (ok + down) AS bad,
            coalesce(bad <> lag(bad) OVER one OR at_s > lag(at_s + width) OVER one + $7, true) AS begins
        FROM bars WINDOW one AS (PARTITION BY endpoint_id, provider, model ORDER BY at_s)
    ), numbered AS (
        SELECT *, sum(begins::INTEGER) OVER (PARTITION BY endpoint_id, provider, model ORDER BY at_s) AS island
        FROM marked
    )
    SELECT endpoint_id, provider, model, min(at_s), max(at_s + width), sum(ok)::BIGINT, sum(down)::BIGINT,
        {causes}
    FROM numbered WHERE bad
    GROUP BY endpoint_id, provider, model, island HAVING sum(down) >= $8
    ORDER BY min(at_s) DESC, provider, model, endpoint_id
    """,
)


class Uptime(msgspec.Struct, frozen=True):
    """Judged tries of one name, in all and by the bars of a period; `shares` has None where none was judged.

    `served` is what share would have been answered if nobody else could be asked, bar by bar: rate limits count too.
    """

    name: str
    ok: int
    down: int
    limited: int
    shares: tuple[float | None, ...]
    served: tuple[float | None, ...] = ()

    @property
    def share(self) -> float | None:
        """Return what share of the judged tries succeeded."""
        return _share(self.ok, self.down)

    @property
    def served_share(self) -> float | None:
        """Return what share would have been answered if nobody else could be asked."""
        return _share(self.ok, self.down + self.limited)


class Incident(msgspec.Struct, frozen=True):
    """A span in which an endpoint failed too often. `causes` counts the failures by the keys of `CAUSES`."""

    endpoint_id: str
    provider: str
    model: str
    start_s: int
    end_s: int
    ok: int
    down: int
    causes: dict[str, int]

    @property
    def share(self) -> float:
        """Return what share of the judged tries succeeded."""
        return self.ok / (self.ok + self.down)

    @property
    def what(self) -> str:
        """Return what went wrong most often, in words."""
        worst = max(self.causes, key=lambda cause: self.causes[cause])
        return CAUSES[worst]

    def lasts_at(self, now_s: int) -> bool:
        """Say whether it goes on, as far as tries tell: a quiet spell does not end it."""
        return self.end_s + QUIET_S >= now_s


class Outage(msgspec.Struct, frozen=True):
    """Incidents of one provider that overlap or follow at once, told as one, oldest first."""

    provider: str
    start_s: int
    end_s: int
    incidents: tuple[Incident, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """Return which models were affected."""
        return tuple(sorted({incident.model for incident in self.incidents}))

    @property
    def down(self) -> int:
        """Return how many tries failed."""
        return sum(incident.down for incident in self.incidents)

    @property
    def share(self) -> float:
        """Return what share of the judged tries succeeded."""
        ok = sum(incident.ok for incident in self.incidents)
        return ok / (ok + self.down)

    @property
    def what(self) -> str:
        """Return what went wrong most often, in words."""
        return max(self.incidents, key=lambda incident: incident.down).what

    def lasts_at(self, now_s: int) -> bool:
        """Say whether it goes on, as far as tries tell."""
        return any(incident.lasts_at(now_s) for incident in self.incidents)


async def uptime(
    reader: Reader, period: Period, by: By, *, provider: str | None = None, models: Sequence[str] | None = None
) -> dict[str, Uptime]:
    """Return the uptime of each name that was tried: endpoint ids, provider slugs or models; all have the name ''.

    None of `provider` and `models` is all of them.
    """
    among = None if models is None else list(models)
    words = {**period.words, "name": _NAMES[by]}
    rows = await _UPTIME.ask(reader, period.start_s, period.end_s, provider, among, **words)
    counts: dict[str, dict[int, tuple[int, int, int]]] = {}
    for name, at_s, ok, down, limited in rows:
        counts.setdefault(name, {})[at_s] = (ok, down, limited)
    starts = period.starts
    return {name: _uptime(name, bars, starts) for name, bars in sorted(counts.items())}


async def incidents(
    reader: Reader, period: Period, now_s: int, *, provider: str | None = None, model: str | None = None
) -> list[Incident]:
    """Return the incidents that began in a period, newest first."""
    cut_s = now_s - _MINUTES_S
    cut_s = min(max(cut_s - cut_s % HOUR_S, period.start_s), period.end_s)
    bounds = (period.start_s, cut_s, period.end_s)
    rows = await _INCIDENTS.ask(reader, *bounds, provider, model, UP_SHARE, QUIET_S, LEAST_DOWNS, **_COUNTED)
    return [_incident(row) for row in rows]


def outages(found: Iterable[Incident]) -> list[Outage]:
    """Return incidents put together by provider where they overlap, newest first."""
    made: list[Outage] = []
    open_: dict[str, list[Incident]] = {}
    for incident in sorted(found, key=lambda one: one.start_s):
        group = open_.get(incident.provider)
        if group and incident.start_s <= max(one.end_s for one in group) + QUIET_S:
            group.append(incident)
            continue
        if group:
            made.append(_outage(group))
        open_[incident.provider] = [incident]
    made.extend(_outage(group) for group in open_.values())
    return sorted(made, key=lambda outage: (-outage.start_s, outage.provider))


def _incident(row: tuple[Any, ...]) -> Incident:
    endpoint_id, provider, model, start_s, end_s, ok, down, *causes = row
    return Incident(endpoint_id, provider, model, start_s, end_s, ok, down, dict(zip(CAUSES, causes, strict=True)))


def _outage(group: list[Incident]) -> Outage:
    return Outage(group[0].provider, min(one.start_s for one in group), max(one.end_s for one in group), tuple(group))


def _uptime(name: str, bars: Mapping[int, tuple[int, int, int]], starts: tuple[int, ...]) -> Uptime:
    shares: dict[int, float | None] = dict.fromkeys(starts)
    served: dict[int, float | None] = dict.fromkeys(starts)
    for at_s in bars.keys() & shares.keys():
        ok, down, limited = bars[at_s]
        shares[at_s], served[at_s] = _share(ok, down), _share(ok, down + limited)
    ok, down, limited = map(sum, zip(*bars.values(), strict=True))
    return Uptime(name, ok, down, limited, tuple(shares.values()), tuple(served.values()))


def _share(ok: int, down: int) -> float | None:
    return ok / (ok + down) if ok + down else None
