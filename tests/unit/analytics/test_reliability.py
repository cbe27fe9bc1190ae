"""Uptime and incidents, against the same told by plain Python over the same records."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.unit.analytics.filled import NOW_S, Filled, filled, records

from wideband.analytics import reliability
from wideband.analytics.periods import DAY_S, HOUR_S, Period, period_of
from wideband.analytics.reliability import CAUSES, LEAST_DOWNS, QUIET_S, UP_SHARE, Incident
from wideband.metering.record import Generation, Try

MODEL = "acme/writer"
Tell = Callable[[Sequence[Generation]], Awaitable[list[Incident]]]


def try_of(at_s: float, fault: str | None, provider: str = "acme", model: str = MODEL) -> Try:
    return Try(
        endpoint_id=f"{provider}:{model}",
        provider=provider,
        provider_name=provider.title(),
        model=model,
        status=200 if fault is None else 503,
        fault=fault,
        counted_as_down=fault not in (None, "provider_rate_limited"),
        started_ns=int(at_s * 1e9),
    )


def asked(at_s: float, fault: str | None = None, provider: str = "acme") -> Generation:
    """Return a request with one try."""
    (base,) = records(1)
    model = MODEL
    return msgspec.structs.replace(
        base,
        id=f"gen-{at_s}-{provider}-{fault}",
        created_ns=int(at_s * 1e9),
        model=model,
        tries=(try_of(at_s, fault, provider),),
    )


def told_at(record: Generation, one: Try) -> int:
    """Return the second in which a try counts: when it began, within the hour of its request."""
    hour_s = record.created_ns // 1_000_000_000 // HOUR_S * HOUR_S
    return min(max(record.created_ns, one.started_ns) // 1_000_000_000, hour_s + HOUR_S - 1)


def minute(ago: float) -> float:
    """Return the start of a minute so many minutes before the present."""
    return NOW_S - ago * 60


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Tell]:
    opened: list[Filled] = []

    async def tell(given: Sequence[Generation]) -> list[Incident]:
        home = tmp_path / str(len(opened))
        home.mkdir()
        made = filled(home, given)
        opened.append(made)
        return await reliability.incidents(made.reader, period_of({"period": "7d"}, NOW_S), NOW_S)

    yield tell
    for made in opened:
        made.archive.close()


@pytest.mark.parametrize("name", ["1h", "24h", "7d", "30d"])
async def test_uptime_is_the_share_of_judged_tries_that_succeeded(filled: Filled, name: str) -> None:
    period = period_of({"period": name}, NOW_S)
    ok: Counter[tuple[str, int]] = Counter()
    judged: Counter[tuple[str, int]] = Counter()
    for record in filled.records:
        for one in record.tries:
            at_s = told_at(record, one)
            if not period.start_s <= at_s < period.end_s or not (one.fault is None or one.counted_as_down):
                continue
            bar = max(start for start in period.starts if start <= at_s)
            judged[one.provider, bar] += 1
            ok[one.provider, bar] += one.fault is None
    found = await reliability.uptime(filled.reader, period, "provider")
    assert {
        (name, bar): share
        for name, row in found.items()
        for bar, share in zip(period.starts, row.shares, strict=True)
        if share is not None
    } == {key: ok[key] / judged[key] for key in judged}
    assert judged
    whole = (await reliability.uptime(filled.reader, period, "all"))[""]
    assert whole.share == pytest.approx(sum(ok.values()) / sum(judged.values()))


async def test_uptime_can_be_asked_of_one_model_or_provider(filled: Filled) -> None:
    period = period_of({"period": "30d"}, NOW_S)
    by_model = await reliability.uptime(filled.reader, period, "model")
    by_endpoint = await reliability.uptime(filled.reader, period, "endpoint", provider="groq")
    assert len(by_model) == 4
    assert {name.partition(":")[0] for name in by_endpoint} == {"groq"}
    groq = (await reliability.uptime(filled.reader, period, "provider"))["groq"]
    assert sum(row.down for row in by_endpoint.values()) == groq.down > 0


async def test_uptime_of_some_models_is_theirs_alone(filled: Filled) -> None:
    period = period_of({"period": "30d"}, NOW_S)
    everything = await reliability.uptime(filled.reader, period, "model")
    some = sorted(everything)[:2]
    found = await reliability.uptime(filled.reader, period, "model", models=some)
    assert found == {name: everything[name] for name in some}
    assert await reliability.uptime(filled.reader, period, "model", models=[]) == {}


def plain_incidents(given: Sequence[Generation]) -> set[tuple[str, int, int, int, int]]:
    """Walk the minutes of each endpoint as the page tells it: endpoint, start, end, ok, down."""
    minutes: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for record in given:
        for one in record.tries:
            at_s = told_at(record, one)
            if at_s >= NOW_S - 46 * HOUR_S and (one.fault is None or one.counted_as_down):
                minutes[one.endpoint_id][at_s - at_s % 60][one.fault is not None] += 1
    found = set()
    for name, bars in minutes.items():
        spans: list[list[int]] = []
        for at_s in sorted(bars):
            if bars[at_s][0] / sum(bars[at_s]) >= UP_SHARE:
                spans.append([])
            elif spans and spans[-1] and at_s <= spans[-1][-1] + 60 + QUIET_S:
                spans[-1].append(at_s)
            else:
                spans.append([at_s])
        for span in spans:
            ok, down = (sum(bars[minute][side] for minute in span) for side in (0, 1))
            if down >= LEAST_DOWNS:
                found.add((name, span[0], span[-1] + 60, ok, down))
    return found


async def test_incidents_are_those_that_a_walk_over_the_minutes_finds(tmp_path: Path) -> None:
    given = [record for record in records(3000, seed=5, days=2) if record.created_ns // 10**9 >= NOW_S - 46 * HOUR_S]
    made = filled(tmp_path, given)
    found = await reliability.incidents(made.reader, Period(NOW_S - 45 * HOUR_S - 1800, NOW_S, "hour"), NOW_S)
    made.archive.close()
    since = NOW_S - 45 * HOUR_S
    expected = {row for row in plain_incidents(given) if row[1] >= since}
    assert {(i.endpoint_id, i.start_s, i.end_s, i.ok, i.down) for i in found if i.start_s >= since} == expected
    assert len(expected) > 20


async def test_three_failures_in_a_row_are_an_incident_and_two_are_not(told: Tell) -> None:
    three = [asked(minute(ago), "provider_timeout") for ago in (30, 29, 28)]
    (found,) = await told(three)
    assert (found.start_s, found.end_s, found.down) == (minute(30), minute(27), 3)
    assert found.what == CAUSES["late"]
    assert await told(three[:2]) == []


async def test_a_good_minute_ends_an_incident(told: Tell) -> None:
    bad = [asked(minute(ago), "provider_error") for ago in (40, 39, 38, 36, 35, 34)]
    assert len(await told(bad)) == 1
    assert len(await told([*bad, *(asked(minute(37) + second) for second in range(30))])) == 2


async def test_a_quiet_spell_does_not_end_an_incident_and_a_long_one_does(told: Tell) -> None:
    def bad(gap: int) -> list[Generation]:
        return [asked(minute(ago), "provider_error") for ago in (60, 59, 58, 57 - gap, 56 - gap, 55 - gap)]

    assert len(await told(bad(10))) == 1
    assert len(await told(bad(11))) == 2


async def test_rate_limits_are_no_incident(told: Tell) -> None:
    assert await told([asked(minute(ago), "provider_rate_limited") for ago in range(20, 30)]) == []


async def test_what_is_older_than_two_days_is_told_by_hours(told: Tell) -> None:
    start_s = NOW_S - 4 * DAY_S
    start_s -= start_s % HOUR_S
    (found,) = await told([asked(start_s + 60 * at, "provider_unreachable") for at in range(100)])
    assert (found.start_s, found.end_s, found.down) == (start_s, start_s + 2 * HOUR_S, 100)
    assert not found.lasts_at(NOW_S)


async def test_an_incident_across_the_border_of_minutes_and_hours_is_one(told: Tell) -> None:
    border_s = NOW_S - 47 * HOUR_S
    border_s -= border_s % HOUR_S
    (found,) = await told([asked(border_s + 60 * at, "provider_error") for at in range(-30, 30)])
    assert (found.start_s, found.end_s, found.down) == (border_s - HOUR_S, border_s + 1800, 60)


async def test_a_good_minute_after_the_last_hour_told_by_hours_ends_an_incident(told: Tell) -> None:
    border_s = NOW_S - 47 * HOUR_S
    border_s -= border_s % HOUR_S
    before = [asked(border_s + 60 * at, "provider_error") for at in range(-30, 0)]
    after = [asked(border_s + 60 * at, "provider_error") for at in range(5, 9)]
    assert len(await told([*before, *after])) == 1
    good = [asked(border_s + 120 + second) for second in range(30)]
    ended, (first, later) = await told([*before, *good]), sorted(await told([*before, *good, *after]), key=starts)
    assert [one.end_s for one in ended] == [first.end_s] == [border_s]
    assert (later.start_s, later.down) == (border_s + 300, 4)


def starts(incident: Incident) -> int:
    return incident.start_s


async def test_incidents_of_a_provider_that_overlap_are_told_as_one(told: Tell) -> None:
    fails = [asked(minute(ago), "provider_overloaded", provider) for ago in (30, 29, 28) for provider in ("a", "b")]
    incidents = await told(fails)
    assert len(reliability.outages(incidents)) == 2
    same = [Incident(i.endpoint_id, "a", f"model of {i.provider}", *list_of(i)) for i in incidents]
    (one,) = reliability.outages(same)
    assert one.down == 6
    assert one.models == ("model of a", "model of b")
    assert one.what == CAUSES["overloaded"]


def list_of(incident: Incident) -> tuple[int, int, int, int, dict[str, int]]:
    return incident.start_s, incident.end_s, incident.ok, incident.down, incident.causes
