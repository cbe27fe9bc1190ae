"""The data API over a filled archive: OpenRouter's shapes, the files, and who may ask for what."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime
from typing import Any, cast

import duckdb
import httpx
import msgspec
import pytest
from openrouter.components import ActivityResponse, AppRankingsResponse, RankingsDailyResponse
from openrouter.operations import GetAnalyticsMetaResponse, QueryAnalyticsResponse
from tests.unit.analytics.filled import NOW_S, ArchiveReader, Filled
from tests.unit.gateway.stage import KEY, MemoryLedger, stage

from wideband.accounts.rows import Key
from wideband.server import datasets
from wideband.server.management import Management
from wideband.server.tabular import csv_of
from wideband.store.base import Status, Table
from wideband.store.upkeep import Upkeep


class Known(MemoryLedger):
    """Knows every key: `manage` manages the account `acme`, `use` only uses it."""

    def __init__(self, reader: ArchiveReader) -> None:
        super().__init__()
        self._reader = reader

    def key_for(self, _hash: str) -> Key:
        return msgspec.structs.replace(KEY, account_id=self.account, management=self.manages)

    account, manages = "acme", True

    async def archive_status(self) -> Status:
        return Upkeep(self._reader.archive).status()

    async def read(self, sql: str, parameters: tuple[Any, ...] = ()) -> Table:
        return await self._reader.read(sql, parameters)


@pytest.fixture
def ledger(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> Known:
    monkeypatch.setattr(datasets, "now_ns", lambda: NOW_S * 10**9)
    return Known(filled.reader)


@pytest.fixture
def http(ledger: Known) -> httpx.AsyncClient:
    exchange = stage({}).exchange
    exchange.ledger = cast("Any", ledger)
    app = Management(exchange, str, cast("Any", None)).app()
    headers = {"authorization": "Bearer key"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here/api/v1", headers=headers)


def days(filled: Filled, first: str, last: str) -> list[Any]:
    return [
        record
        for record in filled.records
        if first <= f"{datetime.fromtimestamp(record.created_ns / 1e9, UTC):%F}" <= last
    ]


def tokens(records: list[Any]) -> int:
    return sum(record.prompt_tokens + record.completion_tokens for record in records)


async def test_daily_rankings_cover_the_thirty_days_up_to_yesterday(http: httpx.AsyncClient, filled: Filled) -> None:
    answer = (await http.get("/datasets/rankings-daily")).json()
    RankingsDailyResponse.model_validate(answer)
    assert (answer["meta"]["start_date"], answer["meta"]["end_date"]) == ("2026-10-22", "2026-11-21")
    assert sum(int(row["total_tokens"]) for row in answer["data"]) == tokens(days(filled, "2026-10-22", "2026-11-21"))
    assert [row["date"] for row in answer["data"]] == sorted(row["date"] for row in answer["data"])


@pytest.mark.parametrize(
    ("query", "keeps"),
    [
        ({"context_bucket": "1K"}, lambda record: record.prompt_tokens < 1000),
        ({"category": "programming"}, lambda record: (record.task_tag or "").startswith("code:")),
        ({"category": "code:review"}, lambda record: record.task_tag == "code:review"),
    ],
)
async def test_rankings_of_some_requests(
    http: httpx.AsyncClient, filled: Filled, query: dict[str, str], keeps: Any
) -> None:
    span = {"start_date": "2026-11-01", "end_date": "2026-11-22", "period": "month"}
    rows = (await http.get("/datasets/rankings-daily", params={**span, **query})).json()["data"]
    expected = [record for record in days(filled, "2026-11-01", "2026-11-22") if keeps(record)]
    if query.get("category") != "programming":  # whose tags are ours, of which the records have only some
        assert sum(int(row["total_tokens"]) for row in rows) == tokens(expected) > 0
    assert {row["date"] for row in rows} <= {"2026-11-01"}


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        ("/datasets/rankings-daily", {"start_date": "yesterday"}, "start_date"),
        ("/datasets/rankings-daily", {"end_date": "2024-12-31"}, "end_date"),
        ("/datasets/rankings-daily", {"start_date": "2026-11-03", "end_date": "2026-11-02"}, "start_date"),
        ("/datasets/rankings-daily", {"start_date": "2025-01-01", "end_date": "2026-11-02"}, "start_date"),
        ("/datasets/rankings-daily", {"period": "year"}, "period"),
        ("/datasets/rankings-daily", {"context_bucket": "5K"}, "context_bucket"),
        ("/datasets/rankings-daily", {"category": "astrology"}, "category"),
        ("/datasets/rankings-daily", {"context_bucket": "1K", "modality": "text"}, "modality"),
        ("/datasets/rankings-daily", {"language_type": "natural"}, "language_type"),
        ("/datasets/rankings-daily", {"format": "xlsx"}, "format"),
        ("/datasets/app-rankings", {"category": "coding"}, "category"),
        ("/datasets/app-rankings", {"sort": "loudest"}, "sort"),
        ("/datasets/app-rankings", {"limit": "0"}, "limit"),
        ("/activity", {"date": "2026-01-01"}, "date"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(
    http: httpx.AsyncClient, path: str, query: dict[str, str], param: str
) -> None:
    answer = await http.get(path, params=query)
    assert answer.status_code == 400
    assert f"`{param}`" in answer.json()["error"]["message"]


async def test_apps_are_ranked_and_ranks_stay_absolute_on_later_pages(http: httpx.AsyncClient) -> None:
    whole = (await http.get("/datasets/app-rankings", params={"end_date": "2026-11-22"})).json()
    AppRankingsResponse.model_validate(whole)
    sizes = [int(row["total_tokens"]) for row in whole["data"]]
    assert sizes == sorted(sizes, reverse=True)
    assert len({row["app_id"] for row in whole["data"]}) == len(whole["data"]) == 4
    page = (await http.get("/datasets/app-rankings", params={"end_date": "2026-11-22", "offset": 1, "limit": 2})).json()
    assert page["data"] == whole["data"][1:3]
    assert page["data"][0]["rank"] == 2


async def test_only_apps_that_grow_are_trending(http: httpx.AsyncClient) -> None:
    span = {"start_date": "2026-11-22", "end_date": "2026-11-22", "sort": "trending"}
    rows = (await http.get("/datasets/app-rankings", params=span)).json()["data"]
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows  # a third of all records are of the last day


async def test_activity_is_the_accounts_own_by_day_model_and_endpoint(
    http: httpx.AsyncClient, ledger: Known, filled: Filled
) -> None:
    answer = (await http.get("/activity")).json()
    ActivityResponse.model_validate(answer)
    mine = [record for record in days(filled, "2026-10-23", "2026-11-21") if record.account_id == "acme"]
    assert sum(row["requests"] for row in answer["data"]) == len(mine) > 0
    cost_nano = sum(record.cost_nano for record in mine)
    assert sum(row["usage"] for row in answer["data"]) == pytest.approx(cost_nano / 1e9)
    day = (await http.get("/activity", params={"date": "2026-11-20"})).json()["data"]
    assert {row["date"] for row in day} <= {"2026-11-20"}
    ledger.manages = False
    assert (await http.get("/activity")).status_code in (401, 403)


async def test_meta_names_what_a_query_may_ask_for(http: httpx.AsyncClient) -> None:
    answer = (await http.get("/analytics/meta")).json()
    GetAnalyticsMetaResponse.model_validate(answer)
    names = [row["name"] for row in answer["data"]["metrics"]]
    ask = {"metrics": names, "dimensions": [answer["data"]["dimensions"][0]["name"]], "granularity": "day"}
    assert (await http.post("/analytics/query", json=ask)).status_code == 200


@pytest.mark.parametrize(
    ("account", "manages", "status"), [("acme", True, 200), ("local", False, 200), ("acme", False, 403)]
)
async def test_how_the_archive_stands_is_told_to_who_runs_the_server(
    http: httpx.AsyncClient, ledger: Known, filled: Filled, account: str, manages: bool, status: int
) -> None:
    ledger.account, ledger.manages = account, manages
    answer = await http.get("/analytics/status")
    assert answer.status_code == status
    if status == 200:
        told = answer.json()["data"]
        assert told["hot_records"] + told["sealed_records"] == len(filled.records)


async def test_a_query_is_answered_in_dollars_and_dates(http: httpx.AsyncClient, filled: Filled) -> None:
    ask = {
        "metrics": ["request_count", "total_usage"],
        "dimensions": ["model"],
        "granularity": "day",
        "time_range": {"start": "2026-11-20T00:00:00Z", "end": "2026-11-22T00:00:00Z"},
    }
    answer = (await http.post("/analytics/query", json=ask)).json()
    QueryAnalyticsResponse.model_validate(answer)
    mine = [record for record in days(filled, "2026-11-20", "2026-11-21") if record.account_id == "acme"]
    rows = answer["data"]["data"]
    assert {row["date"] for row in rows} <= {"2026-11-20T00:00:00.000Z", "2026-11-21T00:00:00.000Z"}
    assert Counter({row["model"]: 0 for row in rows}).keys() == {record.model for record in mine}
    assert sum(row["total_usage"] for row in rows) == pytest.approx(sum(record.cost_nano for record in mine) / 1e9)
    assert answer["data"]["metadata"]["row_count"] == len(rows)


async def test_rows_can_be_taken_away_as_csv_and_parquet(http: httpx.AsyncClient, tmp_path: Any) -> None:
    json_rows = (await http.get("/datasets/rankings-daily")).json()["data"]
    csv = await http.get("/datasets/rankings-daily", params={"format": "csv"})
    assert csv.headers["content-type"].startswith("text/csv")
    lines = csv.text.splitlines()
    assert lines[0] == "date,model_permaslug,total_tokens"
    assert lines[1:] == [f"{r['date']},{r['model_permaslug']},{r['total_tokens']}" for r in json_rows]
    parquet = await http.get("/datasets/rankings-daily", params={"format": "parquet"})
    file = tmp_path / "rankings.parquet"
    file.write_bytes(io.BytesIO(parquet.content).read())
    with duckdb.connect() as db:
        rows = "SELECT strftime(date, '%Y-%m-%d'), model_permaslug, total_tokens FROM read_parquet(?)"
        found = db.execute(rows, [str(file)])
        assert found.fetchall() == [(r["date"], r["model_permaslug"], int(r["total_tokens"])) for r in json_rows]


async def test_a_query_can_be_taken_away_with_its_money_in_dollars(http: httpx.AsyncClient) -> None:
    ask = {"metrics": ["total_usage"], "dimensions": ["model"], "format": "csv"}
    lines = (await http.post("/analytics/query", json=ask)).text.splitlines()
    assert lines[0] == "model,total_usage"
    assert all(0 < float(line.split(",")[1]) < 1000 for line in lines[1:])


def test_no_name_of_a_caller_is_a_formula_in_a_spreadsheet() -> None:
    rows: list[dict[str, Any]] = [
        {"app": "=cmd|'/c calc'!A1", "total": -5},
        {"app": "@SUM(1)", "total": None},
        {"app": "a-b", "total": 1},
    ]
    lines = list(csv.reader(csv_of(rows, ("app", "total")).decode().splitlines()))
    assert lines == [["app", "total"], ["'=cmd|'/c calc'!A1", "-5"], ["'@SUM(1)", ""], ["a-b", "1"]]
