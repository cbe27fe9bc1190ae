"""The log, a request's page and activity over the filled archive: what they show is what the records say."""

import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.unit.analytics.filled import KEYS, NOW_S, Filled
from tests.unit.gateway.stage import KEY
from tests.unit.site.shown import Books, Shown, at_present

from wideband.accounts.rows import Key
from wideband.gateway.listening import Listening
from wideband.metering.receipt import receipt
from wideband.metering.record import Generation
from wideband.site import figures
from wideband.site.app import site
from wideband.site.cells import dollars, plain
from wideband.site.gate import OpenGate
from wideband.site.timelines import timeline
from wideband.site.views import activity
from wideband.site.visit import Person
from wideband.store.contents import Content, Contents
from wideband.wire import jsons

EVIL = "<script>alert(1)</script>"


class Records(Books):
    """A ledger that also knows keys and single records; `given` are those that are not in the archive."""

    def __init__(self, filled: Filled, *given: Generation) -> None:
        super().__init__(filled)
        self._records = {one.id: one for one in (*filled.records, *given)}

    async def keys(self, _account_id: str | None = None) -> list[Key]:
        return [msgspec.structs.replace(KEY, hash=KEYS[0], name="First key")]

    async def generation(self, name: str) -> bytes | None:
        record = self._records.get(name)
        return None if record is None else jsons.encode(record)


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    at_present(monkeypatch)


@pytest.fixture
def shown(filled: Filled) -> Shown:
    return Shown(Records(filled))


def day(filled: Filled) -> list[Generation]:
    """Return the records of the last day's bars, newest first."""
    start_s = (NOW_S - 86_400 + 1) // 3600 * 3600
    return [one for one in reversed(filled.records) if one.created_ns >= start_s * 10**9]


def listed(answer: httpx.Response) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/log/([^"]+)"', answer.text)


# -- the log -------------------------------------------------------------------------------------------------------


async def test_the_log_shows_the_newest_and_leads_on(filled: Filled, shown: Shown) -> None:
    there = [one.id for one in day(filled)]
    seen: list[str] = []
    path = "/log"
    while True:
        answer = await shown.get(path)
        assert answer.status_code == 200
        seen += listed(answer)
        following = re.search(r'href="(/log\?[^"]+)" rel="next"', answer.text)
        if following is None:
            break
        path = following[1].replace("&amp;", "&")
    assert seen == there
    assert f"{len(there)} requests" in answer.text
    back = re.search(r'href="(/log\?[^"]+)" rel="prev"', answer.text)
    assert back is not None
    before = await shown.get(back[1].replace("&amp;", "&"))
    assert listed(before)[-1] == there[there.index(listed(answer)[0]) - 1]


async def test_only_the_first_page_follows_and_can_be_paused(shown: Shown) -> None:
    first = await shown.get("/log")
    assert re.search(r'id="log-rows" data-live', first.text)
    assert 'href="/log?tail=off"' in first.text
    for path in ("/log?tail=off", "/log?before=1795350585001675000-gen-x", "/log?from=2026-11-20&to=2026-11-22"):
        assert not re.search(r'id="log-rows" data-live', (await shown.get(path)).text)


async def test_filters_come_from_the_address_and_unknown_ones_are_refused_in_words(
    filled: Filled, shown: Shown
) -> None:
    answer = await shown.get(f"/log?period=30d&key={KEYS[0]}&outcome=failed&model=&status=")
    start_s = (NOW_S - 30 * 86_400 + 1) // 86_400 * 86_400
    there = [
        one
        for one in filled.records
        if one.key_hash == KEYS[0] and one.fault and not one.cancelled and one.created_ns >= start_s * 10**9
    ]
    assert f"{len(there)} request" in answer.text
    assert set(listed(answer)) <= {one.id for one in there}
    assert "First key" in answer.text
    for wrong in ("outcome=fine", "fault=none", "status=many", "min_ms=-1", "before=yesterday", "period=fortnight"):
        refused = await shown.get(f"/log?{wrong}")
        assert refused.status_code == 400
        assert f"<code>{wrong.split('=')[0]}</code>" in refused.text


async def test_an_empty_log_says_what_to_do(shown: Shown) -> None:
    text = await shown.text("/log?from=2020-01-01&to=2020-01-02")
    assert "No requests in this period" in text
    assert "curl http://127.0.0.1:8484/api/v1/chat/completions" in text
    assert "matches these filters" in await shown.text("/log?session=nobody")


async def test_the_export_has_the_filtered_rows_to_the_nano_dollar(
    filled: Filled, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await shown.get("/log?format=csv&period=24h&provider=groq")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    there = [one for one in day(filled) if one.provider == "groq"]
    assert [row["id"] for row in rows] == [one.id for one in there]
    assert [row["cost_usd"] for row in rows] == [dollars(one.cost_nano) for one in there]
    assert answer.headers["x-cut"] == "false"
    monkeypatch.setattr("wideband.site.views.log.EXPORT_ROWS", 3)
    cut = await shown.get("/log?format=csv&period=24h&provider=groq")
    assert (cut.headers["x-cut"], len(cut.text.splitlines())) == ("true", 4)
    assert "newest-3" in cut.headers["content-disposition"]


def test_a_cell_is_never_a_formula() -> None:
    assert [plain(text) for text in ("=1+1", "@x", "-2", "fine", -2)] == ["'=1+1", "'@x", "'-2", "fine", -2]
    assert [dollars(nano) for nano in (0, 1, -1, 1_500_000_000)] == [
        "0.000000000",
        "0.000000001",
        "-0.000000001",
        "1.500000000",
    ]


# -- one request -----------------------------------------------------------------------------------------------------


def chosen(filled: Filled, **holds: Any) -> Generation:
    return next(one for one in filled.records if all(getattr(one, name) == value for name, value in holds.items()))


async def test_every_kind_of_record_has_a_page(filled: Filled, shown: Shown) -> None:
    kinds = {(one.fault, one.is_replayed, one.cancelled, one.is_byok, len(one.tries)): one for one in filled.records}
    assert len(kinds) > 10
    for record in kinds.values():
        text = await shown.text(f"/log/{record.id}")
        assert record.id in text
        for one in record.tries:
            assert one.provider_name in text
        assert f"Charged ${dollars(record.cost_nano)}" in text or "Nothing was charged" in text


async def test_the_money_of_the_page_is_the_receipt(filled: Filled, shown: Shown) -> None:
    record = chosen(filled, is_byok=False, is_replayed=False, fault=None)
    text = await shown.text(f"/log/{record.id}")
    lines = receipt(record)
    assert sum(line.amount_nano for line in lines) == record.cost_nano
    for line in lines:
        assert f"${dollars(abs(line.amount_nano))}" in text
    assert f"held {figures.usd(record.held_nano)}" in text


async def test_the_page_tells_of_failover_and_of_what_was_weighed(filled: Filled, shown: Shown) -> None:
    record = next(one for one in filled.records if one.fault is None and len(one.tries) > 1 and not one.cancelled)
    text = await shown.text(f"/log/{record.id}")
    assert "failover" in text
    assert "1 failed" in text
    for row in record.weighed:
        assert f"{row.tag} {figures.usd(row.cost_nano)}" in text
    assert "answered" in text
    assert "try 1" in text


async def test_a_text_of_a_caller_is_only_text(filled: Filled) -> None:
    nasty = msgspec.structs.replace(
        filled.records[0], id="gen-nasty", app_title=EVIL, user=EVIL, session_id=EVIL, model=EVIL, fault_message=EVIL
    )
    answer = await Shown(Records(filled, nasty)).get("/log/gen-nasty")
    assert answer.status_code == 200
    assert EVIL not in answer.text


async def test_a_request_that_is_not_there_is_not_found(shown: Shown) -> None:
    answer = await shown.get("/log/gen-nothing")
    assert answer.status_code == 404
    assert "No request <code>gen-nothing</code> is known" in answer.text


async def test_what_was_said_is_shown_where_it_is_kept_and_can_be_forgotten(filled: Filled, tmp_path: Path) -> None:
    record = msgspec.structs.replace(
        filled.records[0], id="gen-said", dialect_in="openai_chat", streamed=False, fault=None
    )
    shown = Shown(Records(filled, record))
    assert "Prompts and answers are not kept" in await shown.text("/log/gen-said")
    contents = shown.exchange.contents = Contents(tmp_path, days=7)
    shown.exchange.listening = Listening(contents, None, 1000)
    request = {
        "model": "acme/m1",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": EVIL}],
        "provider": {"order": ["openai"]},
    }
    answer = {
        "id": "x",
        "object": "chat.completion",
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi there."}}],
    }
    contents.put(
        Content(id="gen-said", at_ns=NOW_S * 10**9, request=jsons.encode(request), answer=jsons.encode(answer))
    )
    answered = await shown.get("/log/gen-said")
    assert "Be brief." in answered.text
    assert "&lt;script&gt;" in answered.text
    assert EVIL not in answered.text
    assert "Hi there." in answered.text
    transport = httpx.ASGITransport(shown.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8484") as browser:
        token = re.search(r'name="csrf" value="([^"]*)"', answered.text)
        assert token is not None
        assert (await browser.post("/log/gen-said/forget", data={"csrf": "wrong"})).status_code == 403
        assert contents.find("gen-said") is not None
        done = await browser.post("/log/gen-said/forget", data={"csrf": token[1]})
    assert (done.status_code, done.headers["location"]) == (303, "/log/gen-said#content")
    assert contents.find("gen-said") is None
    assert "Nothing is kept of this request" in await shown.text("/log/gen-said")
    contents.close()


def test_a_timeline_leaves_no_time_out_and_puts_each_try_where_it_was(filled: Filled) -> None:
    for record in filled.records:
        record = msgspec.structs.replace(
            record,
            duration_ms=max(
                record.duration_ms,
                *((one.started_ns - record.created_ns) / 1e6 + one.duration_ms + 1 for one in record.tries),
                1,
            ),
        )
        spans = timeline(record)
        for number, one in enumerate(record.tries, 1):
            own = [span for span in spans if span.label == f"{number} {one.provider_name}"]
            start = (one.started_ns - record.created_ns) / 1e6
            assert own[0].start_ms == pytest.approx(start, abs=1e-3)
            assert own[-1].end_ms == pytest.approx(start + one.duration_ms, abs=1e-3)
            failed = any(span.kind == "bad" for span in own)
            assert failed == (one.fault not in (None, "cancelled"))
        edges = sorted((span.start_ms, span.end_ms) for span in spans)
        reached = 0.0
        for start_ms, end_ms in edges:
            assert start_ms <= reached + 0.06
            reached = max(reached, end_ms)
        assert reached == pytest.approx(record.duration_ms, abs=0.06)


# -- activity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["model", "key", "app", "provider", "author"])
async def test_activity_shows_the_sums_of_the_records_and_exports_the_same(
    filled: Filled, shown: Shown, by: str
) -> None:
    there = day(filled)
    answer = await shown.get(f"/activity?period=24h&by={by}&format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    nano = sum(int(row["cost_usd"].replace(".", "")) for row in rows)
    assert nano == sum(one.cost_nano for one in there)
    assert sum(int(row["requests"]) for row in rows) == len(there)
    text = await shown.text(f"/activity?period=24h&by={by}")
    assert f"Spend {figures.usd(nano)}" in text
    tokens = sum(one.prompt_tokens + one.completion_tokens for one in there)
    assert f"Tokens {figures.tokens(tokens)}" in text
    assert f"All {len(there)}" in text
    for row in rows:
        assert row["name"] in text


async def test_activity_sums_what_is_not_shown_by_itself_into_others(
    filled: Filled, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "_MOST_SERIES", 1)
    spent = Counter[str]()
    for one in day(filled):
        spent[one.model] += one.cost_nano
    rows = list(csv.DictReader(io.StringIO((await shown.get("/activity?period=24h&format=csv")).text)))
    ((dearest, _),) = spent.most_common(1)
    rest = Counter[str]()
    for row in rows:
        rest[row["start"]] += (row["group"] != dearest) * int(row["requests"])
    text = await shown.text("/activity?period=24h")
    assert "others" in text
    assert max(rest.values()) > 0
    for requests in rest.values():
        assert not requests or f"others: {requests}" in text


async def test_activity_refuses_what_it_does_not_know_and_says_when_there_is_nothing(shown: Shown) -> None:
    assert (await shown.get("/activity?by=weather")).status_code == 400
    assert (await shown.get(f"/activity?period=1y&by=app&key={KEYS[0]}")).status_code == 400
    assert "No requests in this period" in await shown.text("/activity?from=2020-01-01&to=2020-01-02")
    assert "matches these filters" in await shown.text("/activity?model=nobody/nothing")


# -- whose ---------------------------------------------------------------------------------------------------------


class Viewer(OpenGate):
    """Lets in somebody of the account acme who may only look."""

    def __init__(self) -> None:
        self._person = Person("vera", "viewer", "acme", "token")


async def test_who_is_no_admin_sees_the_records_of_the_own_account_only(filled: Filled, shown: Shown) -> None:
    shown.app = site(shown.house, Viewer())
    own = [one for one in day(filled) if one.account_id == "acme"]
    assert f"{len(own)} requests" in await shown.text("/log")
    assert set(listed(await shown.get("/log"))) <= {one.id for one in own}
    newest = set(re.findall(r'href="/log/([^"]+)"', (await shown.get("/")).text))
    assert newest
    assert newest <= {one.id for one in own}
    rows = list(csv.DictReader(io.StringIO((await shown.get("/activity?period=24h&by=app&format=csv")).text)))
    assert sum(int(row["requests"]) for row in rows) == len(own)
    foreign = next(one for one in filled.records if one.account_id == "local")
    assert (await shown.get(f"/log/{foreign.id}")).status_code == 404
    assert (await shown.get(f"/log/{own[0].id}")).status_code == 200


async def test_activity_shows_the_largest_groups_and_one_row_for_the_rest(
    filled: Filled, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wideband.site.views.activity._MOST_ROWS", 1)
    there = day(filled)
    text = await shown.text("/activity?period=24h&by=model")
    models = {one.model for one in there}
    spent = {model: sum(one.cost_nano for one in there if one.model == model) for model in models}
    dearest = max(spent, key=lambda model: spent[model])
    rest = [one for one in there if one.model != dearest]
    assert f"{len(models) - 1} more {len(rest)}" in text
    assert figures.usd(sum(one.cost_nano for one in rest)) in text
