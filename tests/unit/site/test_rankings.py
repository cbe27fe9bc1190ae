"""The rankings page over the filled archive: its figures are those of the records, its filters keep their promise."""

import csv
import io

import msgspec
import pytest
from tests.unit.analytics import oracle
from tests.unit.analytics.filled import NOW_S, Filled, filled as fill, records
from tests.unit.site.shown import Books, Shown, at_present

from wideband.analytics import rankings
from wideband.analytics.periods import period_of
from wideband.catalog.rows import Model
from wideband.metering.record import Generation
from wideband.site import figures
from wideband.site.views import boards
from wideband.site.views.boards import Asked

SONNET = "anthropic/claude-sonnet-4.5"


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    at_present(monkeypatch)


def within(filled: Filled, name: str) -> list[Generation]:
    period = period_of({"period": name}, NOW_S)
    return [record for record in filled.records if period.start_s <= record.created_ns / 1e9 < period.end_s]


def answered(given: list[Generation]) -> list[Generation]:
    return [record for record in given if oracle.outcome(record) != "failed"]


def tokens(given: list[Generation]) -> int:
    return sum(record.prompt_tokens + record.completion_tokens for record in given)


async def sheet(shown: Shown, path: str) -> list[dict[str, str]]:
    answer = await shown.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_the_leaderboard_tells_rank_share_and_volume_and_what_the_day_may_come_to(filled: Filled) -> None:
    own = within(filled, "30d")
    text = await Shown(Books(filled)).text("/rankings")
    assert "where this day may end, if it spreads over its hours as in the 5 weeks before" in text
    models = {record.model for record in own}
    order = sorted(models, key=lambda model: -tokens([r for r in own if r.model == model]))
    for rank, model in enumerate(order, 1):
        mine = [record for record in own if record.model == model]
        share = figures.percent(tokens(mine) / tokens(own))
        cost = figures.usd(sum(record.cost_nano for record in mine))
        row = (
            f"{rank} {model} {model.split('/')[0]} {figures.tokens(tokens(mine))} {len(answered(mine))} {cost} {share}"
        )
        assert row in text


@pytest.mark.parametrize("by", ["requests", "spend"])
async def test_the_measure_decides_who_leads(filled: Filled, by: str) -> None:
    own = within(filled, "30d")
    rows = await sheet(Shown(Books(filled)), f"/rankings/models.csv?by={by}")
    measured = {
        row["model"]: sum(1 if by == "requests" else r.cost_nano for r in answered(own) if r.model == row["model"])
        for row in rows
    }
    assert list(measured.values()) == sorted(measured.values(), reverse=True)
    assert sum(float(row["token_share"]) for row in rows) == pytest.approx(1)


async def test_simulated_traffic_is_told_and_left_out_on_demand(filled: Filled) -> None:
    own = answered(within(filled, "30d"))
    simulated = sum(record.simulated for record in own)
    shown = Shown(Books(filled))
    assert f"{simulated} of {len(own)} requests were answered by the sandbox" in await shown.text("/rankings")
    rows = await sheet(shown, "/rankings/models.csv?simulated=no")
    assert sum(int(row["requests"]) for row in rows) == len(own) - simulated


async def test_every_section_can_be_taken_away_as_csv(filled: Filled) -> None:
    shown, own = Shown(Books(filled)), within(filled, "30d")
    page = (await shown.get("/rankings?by=spend")).text
    assert "Spend by model" in page
    assert "GET /api/v1/datasets/rankings-daily?start_date=2026-10-23&amp;end_date=2026-11-22&amp;period=day" in page
    for section in ("models", "share", "apps", "fastest", "context", "tools", "tasks"):
        assert f'id="{section}"' in page
        assert f'href="/rankings/{section}.csv?by=spend"' in page
    sums = {
        section: await sheet(shown, f"/rankings/{section}.csv") for section in ("share", "context", "tasks", "apps")
    }
    assert sum(int(row["tokens"]) for row in sums["share"]) == tokens(own)
    assert sum(int(row["requests"]) for row in sums["context"]) == len(answered(own))
    assert sum(int(row["requests"]) for row in sums["tasks"]) == sum(r.task_tag is not None for r in answered(own))
    assert sum(int(row["requests"]) for row in sums["apps"]) == sum(
        oracle.app(record) != "" for record in answered(own)
    )
    tools = await sheet(shown, "/rankings/tools.csv")
    assert sum(int(row["tool_calls"]) for row in tools) == sum(record.tool_calls for record in own)
    fastest = await sheet(shown, "/rankings/fastest.csv")
    assert sum(int(row["timed_answers"]) for row in fastest) == sum(oracle.speed(r) is not None for r in own)


def test_the_data_api_is_named_with_the_days_of_the_period() -> None:
    apis = Asked(period_of({"period": "7d"}, NOW_S), NOW_S, trending=True).apis
    span = "start_date=2026-11-15&end_date=2026-11-22"
    assert apis["models"] == f"/api/v1/datasets/rankings-daily?{span}&period=day"
    assert apis["apps"] == f"/api/v1/datasets/app-rankings?{span}&sort=trending"


async def test_a_spreadsheet_takes_no_app_for_a_formula(tmp_path_factory: pytest.TempPathFactory) -> None:
    named = msgspec.structs.replace(records(1)[0], app_title="=1+1")
    made = fill(tmp_path_factory.mktemp("one"), [named])
    rows = await sheet(Shown(Books(made)), "/rankings/apps.csv?period=1y")
    made.archive.close()
    assert [row["app"] for row in rows] == ["'=1+1"]


async def test_weights_are_told_as_far_as_the_catalogue_knows_them(filled: Filled) -> None:
    asked = Asked(period_of({"period": "30d"}, NOW_S), NOW_S)
    found = await rankings.models(filled.reader, asked.period, simulated=True)
    unknown = await boards.told(filled.reader, asked, found, {SONNET: Model(id=SONNET, name="Sonnet")})
    assert boards.weights(asked, found, unknown.weights) is None
    known = {SONNET: Model(id=SONNET, name="Sonnet", open_weights=False)}
    board = boards.weights(asked, found, (await boards.told(filled.reader, asked, found, known)).weights)
    own = within(filled, "30d")
    closed = [record for record in own if record.model == SONNET]
    spend = sum(r.cost_nano for r in closed) / sum(r.cost_nano for r in own)
    expected = (tokens(closed) / tokens(own), len(answered(closed)) / len(answered(own)), spend)
    assert board is not None
    assert {row.name: row.shares for row in board.rows} == {
        "Closed weights": pytest.approx(expected),
        "Not known": pytest.approx(tuple(1 - share for share in expected)),
    }


async def test_an_empty_period_says_what_to_do(filled: Filled) -> None:
    text = await Shown(Books(filled)).text("/rankings?from=2024-01-01&to=2024-01-02")
    assert "No requests in this period" in text
    assert "Market share" not in text


@pytest.mark.parametrize("query", ["by=fame", "simulated=maybe", "apps=best", "period=fortnight"])
async def test_what_is_not_known_is_refused(filled: Filled, query: str) -> None:
    answer = await Shown(Books(filled)).get(f"/rankings?{query}")
    assert answer.status_code == 400
    assert f"<code>{query.partition('=')[0]}</code> is" in answer.text


async def test_no_section_is_made_up(filled: Filled) -> None:
    answer = await Shown(Books(filled)).get("/rankings/horoscope.csv")
    assert answer.status_code == 404
    assert "there are models, share, apps" in answer.text


async def test_all_rows_are_shown_on_demand(tmp_path_factory: pytest.TempPathFactory) -> None:
    given = [
        msgspec.structs.replace(record, model=f"maker/model-{number % 25}")
        for number, record in enumerate(records(100))
    ]
    made = fill(tmp_path_factory.mktemp("many"), given)
    shown = Shown(Books(made))
    few, all_ = (await shown.get("/rankings?period=1y")).text, (await shown.get("/rankings?period=1y&show=all")).text
    made.archive.close()
    assert "Show all 25 models" in few
    assert few.count('<td class="num rank">') < all_.count('<td class="num rank">')
    assert all(f'href="/models/maker/model-{number}"' in all_ for number in range(25))
