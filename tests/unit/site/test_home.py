"""Home over the filled archive: the figures are those of the records."""

from pathlib import Path

import pytest
from tests.unit.analytics.filled import NOW_S, ArchiveReader, Filled, filled as fill, records
from tests.unit.gateway.stage import endpoint
from tests.unit.site.shown import Books, Shown, at_present

from wideband.canon.faults import Fault, FaultKind
from wideband.routing.plans import Outcome
from wideband.site import figures
from wideband.store.archive import Archive


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    at_present(monkeypatch)


async def test_the_big_figures_are_those_of_the_records(filled: Filled) -> None:
    start_s = (NOW_S - 86_400 + 1) // 3600 * 3600
    own = [record for record in filled.records if start_s <= record.created_ns / 1e9 < NOW_S]
    text = await Shown(Books(filled)).text("/")
    assert f"{len(own)} in all" in text
    assert f"{figures.tokens(sum(r.prompt_tokens + r.completion_tokens for r in own))} in all" in text
    assert figures.usd(sum(r.cost_nano for r in own)) in text
    saved = [r for r in own if r.fault is None and r.status < 400 and not r.cancelled and any(t.fault for t in r.tries)]
    assert f"saved by failover {len(saved)}" in text


async def test_the_newest_requests_lead_to_their_pages(filled: Filled) -> None:
    answer = await Shown(Books(filled)).get("/")
    newest = [record.id for record in reversed(filled.records) if record.created_ns / 1e9 < NOW_S][:8]
    places = [answer.text.index(f'href="/log/{name}"') for name in newest]
    assert places == sorted(places)


async def test_a_period_can_be_picked_and_another_is_refused(filled: Filled) -> None:
    shown = Shown(Books(filled))
    start_s = NOW_S - 30 * 86_400 + 1
    count = sum(r.created_ns / 1e9 >= start_s - start_s % 86_400 for r in filled.records)
    assert f"{count} in all" in await shown.text("/?period=30d")
    assert (await shown.get("/?period=fortnight")).status_code == 400


async def test_an_endpoint_that_rests_is_on_the_board(filled: Filled) -> None:
    shown = Shown(Books(filled), endpoint("openai"), endpoint("azure"))
    assert "Nothing speaks against any endpoint" in await shown.text("/")
    for _ in range(5):
        fault = Fault(kind=FaultKind.PROVIDER_UNREACHABLE, message="gone")
        shown.exchange.health.observe(Outcome(endpoint_id="azure:acme/m1", at_ns=NOW_S * 10**9 - 1, fault=fault))
    text = await shown.text("/")
    assert "not asked Azure acme/m1" in text
    assert "Nothing speaks against" not in text


async def test_money_says_what_is_left_of_credits(filled: Filled) -> None:
    text = await Shown(Books(filled, 20 * 10**9, 5 * 10**9)).text("/")
    assert "Credits granted $20.00" in text
    assert "Credits left $15.00" in text
    assert "not limited" in await Shown(Books(filled)).text("/")


async def test_a_home_without_requests_says_how_to_send_one(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    made = Filled(archive, [], ArchiveReader(archive))
    try:
        text = await Shown(Books(made)).text("/")
        assert "curl http://127.0.0.1:8484/api/v1/chat/completions" in text
        assert '"model":"acme/m1"' in text
        assert "/home/me/.wideband/local.key" in text
        assert "Requests a minute" not in text
    finally:
        made.archive.close()


async def test_a_period_without_requests_is_no_first_start(tmp_path: Path) -> None:
    made = fill(tmp_path, [r for r in records() if r.created_ns / 1e9 < NOW_S - 7 * 86_400])
    try:
        text = await Shown(Books(made)).text("/?period=1h")
        assert "No requests in this period" in text
        assert "curl" not in text
    finally:
        made.archive.close()
