"""Status over the filled archive: uptime as the records tell it, incidents by day, and what is wrong now."""

import re
from pathlib import Path

import pytest
from tests.unit.analytics.filled import NOW_S, Filled, filled as fill, records
from tests.unit.gateway.stage import endpoint
from tests.unit.site.shown import Books, Shown, at_present

from wideband.canon.faults import Fault, FaultKind
from wideband.routing.plans import Outcome
from wideband.site import figures
from wideband.site.views.status import PAGES, day_name

DAY = r"\w+day, \d+ \w+ 20\d\d"


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    at_present(monkeypatch)


def fail(shown: Shown, endpoint_id: str) -> None:
    for _ in range(5):
        fault = Fault(kind=FaultKind.PROVIDER_UNREACHABLE, message="gone")
        shown.exchange.health.observe(Outcome(endpoint_id=endpoint_id, at_ns=NOW_S * 10**9 - 1, fault=fault))


async def test_every_provider_has_the_share_of_its_judged_tries(filled: Filled) -> None:
    text = await Shown(Books(filled)).text("/status")
    tries = [one for record in filled.records for one in record.tries if one.fault is None or one.counted_as_down]
    for slug in {one.provider for one in tries}:
        own = [one.fault is None for one in tries if one.provider == slug]
        assert re.search(rf"{slug}\b.*?{re.escape(figures.percent(sum(own) / len(own)))}", text, re.IGNORECASE), slug
    share = figures.percent(sum(one.fault is None for one in tries) / len(tries))
    assert f"{share} of {len(tries)} tries of the last 90 days succeeded" in text


async def test_all_is_up_when_nothing_is_held_against_anybody(filled: Filled) -> None:
    assert "All providers are up" in await Shown(Books(filled)).text("/status")


async def test_a_provider_is_down_when_all_its_endpoints_are(filled: Filled) -> None:
    shown = Shown(Books(filled), endpoint("openai"), endpoint("azure"), endpoint("azure", "acme/m2"))
    fail(shown, "azure:acme/m1")
    assert "1 endpoint has trouble; no provider is down" in await shown.text("/status")
    fail(shown, "azure:acme/m2")
    text = await shown.text("/status")
    assert "Azure is down" in text
    assert "not asked Azure acme/m2" in text


async def test_incidents_stand_under_their_day(tmp_path: Path) -> None:
    made = fill(tmp_path, records(2500, days=40))
    try:
        text = await Shown(Books(made)).text("/status?days=90")
        fewer = await Shown(Books(made)).text("/status")
    finally:
        made.archive.close()
    days = re.findall(DAY, text)
    assert days[0] == day_name(NOW_S - NOW_S % 86_400)
    assert len(days) > 1
    assert len(set(days)) == len(days)
    assert re.findall(DAY, fewer) == days[: len(re.findall(DAY, fewer))] != []


async def test_only_spans_that_are_offered_can_be_asked_for(filled: Filled) -> None:
    assert (await Shown(Books(filled)).get("/status?days=16")).status_code == 400


def test_it_may_be_public() -> None:
    assert [page.path for page in PAGES if page.public] == ["/status"]
