"""Generated history: the same for the same seed, its sums right, its shapes as documented."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wideband.canon.faults import RULES, FaultKind
from wideband.canon.usage import Usage
from wideband.catalog.rows import Rates
from wideband.generate.market import market
from wideband.generate.rows import World
from wideband.generate.run import Maker, Wanted, days, write_days
from wideband.pricing import charge, fee
from wideband.routing.tags import TAGS
from wideband.store.engine import connect
from wideband.wire import jsons

# 2026-11-22 12:30 UTC, a Sunday.
UNTIL_S = 1_795_350_600
WANTED = Wanted(records=16_000, days=64, seed=7, until_s=UNTIL_S)


def world(seed: int = 7, models: int = 300) -> World:
    whole = market(seed, WANTED.days, people=400)
    few = whole.products[:models]
    offerings = tuple(row for row in whole.offerings if row.model in {product.id for product in few})
    return msgspec.structs.replace(whole, products=few, offerings=offerings)


def written(folder: Path, wanted: Wanted, jobs: int, models: int = 300) -> list[int]:
    told: list[int] = []
    write_days(world(wanted.seed, models), wanted, folder, lambda records, _: told.append(records), jobs)
    return told


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generated")
    assert sum(written(path, WANTED, jobs=2)) == WANTED.records
    return path


@pytest.fixture(scope="module")
def db(folder: Path) -> Iterator[Any]:
    with connect() as found:
        found.execute(f"CREATE TABLE record AS FROM read_parquet('{folder}/*.parquet')")
        yield found


def test_the_same_seed_gives_the_same_rows_however_many_work(folder: Path, tmp_path: Path) -> None:
    for name, jobs in (("one", 1), ("two", 2)):
        written(tmp_path / name, Wanted(records=300, days=2, seed=7, until_s=UNTIL_S), jobs, models=20)
    with connect() as db:

        def rows(name: str) -> list[Any]:
            return db.execute(f"FROM read_parquet('{tmp_path / name}/*.parquet')").fetchall()

        assert rows("one") == rows("two")
        assert len(rows("one")) == 300


def test_every_day_has_its_records_and_none_lies_ahead(db: Any) -> None:
    counts = dict(db.execute('SELECT "at"::DATE, count(*) FROM record GROUP BY 1').fetchall())
    assert counts == {day.date: day.records for day in days(WANTED)}
    ((last, ids),) = db.execute("SELECT max(created_ns), count(DISTINCT id) FROM record").fetchall()
    assert last < UNTIL_S * 1_000_000_000
    assert ids == WANTED.records


def test_every_record_says_that_it_is_made_up(db: Any) -> None:
    assert db.execute("SELECT DISTINCT usage_source, simulated FROM record").fetchall() == [("generated", True)]
    names = db.execute("SELECT DISTINCT unnest([model, coalesce(provider, 'sim-'), account_id]) FROM record").fetchall()
    assert [name for (name,) in names if not name.startswith("sim-")] == []


def test_costs_are_what_the_ledger_would_charge(db: Any) -> None:
    rows = db.execute(
        "SELECT rates, prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens, is_byok, cost_nano,"
        " prompt_cost_nano, completion_cost_nano, cache_discount_nano, upstream_cost_nano, held_nano FROM record"
        " WHERE endpoint_id IS NOT NULL"
    ).fetchall()
    assert len(rows) > 0.98 * WANTED.records
    assert {row[5] for row in rows} == {False, True}
    for rates, prompt, completion, cached, cache_write, byok, *money in rows:
        usage = Usage(
            prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached, cache_write_tokens=cache_write
        )
        due = charge(jsons.decode_as(rates, Rates), usage)
        own = (fee(due.total_nano, 50), 0, 0, 0)
        paid = own if byok else (due.total_nano, due.prompt_nano, due.completion_nano, due.cache_discount_nano)
        assert (*money[:4], money[4]) == (*paid, due.total_nano)
        assert money[5] >= due.total_nano
        assert cached + cache_write <= prompt
    ((unserved,),) = db.execute(
        "SELECT sum(cost_nano + tokens + coalesce(len(rates), 0) - 2) FROM record WHERE endpoint_id IS NULL"
    ).fetchall()
    assert unserved == 0


def test_tries_tell_how_each_request_ended(db: Any) -> None:
    rows = db.execute(
        "SELECT endpoint_id, status, fault, cancelled, is_replayed, outcome, is_saved, tries FROM record"
    ).fetchall()
    outcomes = set()
    for endpoint, status, fault, cancelled, replayed, outcome, saved, tries in rows:
        outcomes.add(outcome)
        failed = [one for one in tries if one["fault"] is not None]
        for one in failed:
            assert one["counted_as_down"] == RULES[FaultKind(one["fault"])].counts_as_down
        assert all(earlier["started_ns"] <= later["started_ns"] for earlier, later in pairwise(tries))
        if endpoint is None:
            assert failed == tries
            assert (fault is None) == replayed
            assert status == (200 if replayed else RULES[FaultKind(fault)].status)
            assert not tries or tries[-1]["fault"] == fault
        else:
            assert tries[-1]["endpoint_id"] == endpoint
            assert tries[-1]["fault"] == fault
            assert len(failed) == len(tries) - (fault is None)
            assert status == (499 if cancelled else 200)
        assert saved == (fault is None and bool(failed))
        assert len({one["endpoint_id"] for one in tries}) == len(tries)
    assert outcomes == {"ok", "failed", "cancelled"}
    assert any(row[6] for row in rows)


def test_days_of_work_have_more_than_weekends(db: Any) -> None:
    per_day = dict(
        db.execute('SELECT isodow("at"), count(*) FROM record WHERE "at" < DATE \'2026-11-16\' GROUP BY 1').fetchall()
    )
    weekend, workday = (per_day[6] + per_day[7]) / 2, sum(per_day[day] for day in range(1, 6)) / 5
    assert 0.6 < weekend / workday < 0.85


def test_it_grows_by_an_eighth_a_month() -> None:
    counts = Wanted(records=1_000_000, days=182, seed=3, until_s=UNTIL_S // 86_400 * 86_400).counts()
    assert sum(counts) == 1_000_000
    first, last = sum(counts[:28]), sum(counts[-28:])
    assert 1.12**4.5 < last / first < 1.12**5.7


def test_hours_follow_the_day_of_each_region(db: Any) -> None:
    hours = dict(
        db.execute(
            "SELECT hour(\"at\"), count(*) FROM record WHERE api_type = 'messages' OR task_tag LIKE 'code:%' GROUP BY 1"
        ).fetchall()
    )
    # Mornings of America and afternoons of Europe are the busiest; their nights, with Asia at lunch, are quieter.
    assert sum(hours[hour] for hour in (14, 15, 16)) > 1.25 * sum(hours[hour] for hour in (4, 5, 6))


def test_shares_of_models_and_apps_are_zipfs(db: Any) -> None:
    models = [count for (count,) in db.execute("SELECT count(*) FROM record GROUP BY model ORDER BY 1 DESC").fetchall()]
    apps = [count for (count,) in db.execute("SELECT count(*) FROM record GROUP BY app ORDER BY 1 DESC").fetchall()]
    assert len(models) > 150
    assert 0.2 < sum(models[:5]) / WANTED.records < 0.65
    assert 0.03 < sum(models[50:]) / WANTED.records < 0.4
    assert apps[0] > 8 * apps[30]


def test_fewer_come_back_each_month_but_a_core_stays() -> None:
    maker = Maker(market(7, 180, people=8_000), Wanted(records=150, days=180, seed=7, until_s=UNTIL_S))
    rows = maker.ask(
        "SELECT core, k, avg((chance('month', no * 1000 + k) < staying(core, k))::INTEGER) FROM person,"
        " range(6) AS r(k) GROUP BY 1, 2 ORDER BY 1, 2"
    )
    maker.close()
    fickle, core = ([share for is_core, _, share in rows if is_core is kind] for kind in (False, True))
    assert fickle[0] == core[0] == 1.0
    assert all(later < earlier + 0.02 for earlier, later in pairwise(fickle))
    assert fickle[5] < 0.15
    assert core[5] > 0.5


def test_agents_take_over_with_longer_prompts_and_tools(db: Any) -> None:
    cut = WANTED.first + timedelta(days=20), date(2026, 11, 2)
    ((early, early_tools),), ((late, late_tools),) = (
        db.execute(
            f"SELECT avg(prompt_tokens), avg((tool_calls > 0)::INTEGER) FROM record WHERE {span}", [at]
        ).fetchall()
        for span, at in (('"at" < $1', cut[0]), ('"at" >= $1', cut[1]))
    )
    assert late > early * 1.1
    assert late_tools > early_tools * 1.05


def test_tasks_are_tags_of_routing(db: Any) -> None:
    found = {tag for (tag,) in db.execute("SELECT DISTINCT task_tag FROM record").fetchall()}
    assert found <= set(TAGS)
    assert len(found) > 20
