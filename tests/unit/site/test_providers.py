"""The providers' pages over the filled archive: figures as the records tell them, incidents, hours, failures."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.unit.analytics.filled import NOW_S, Filled, filled as fill, records
from tests.unit.analytics.test_models import added_up, period, within
from tests.unit.gateway.stage import endpoint
from tests.unit.site.shown import Books, Shown, at_present

from wideband.analytics.periods import DAY_S
from wideband.canon.faults import Fault, FaultKind
from wideband.catalog.rows import DataPolicy, Endpoint
from wideband.metering.record import Generation
from wideband.routing.plans import Outcome
from wideband.site import figures

KIMI, LLAMA = "moonshotai/kimi-k2", "meta-llama/llama-3.3-70b-instruct"
PAST = "30d"


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    at_present(monkeypatch)


def groq(model: str) -> Endpoint:
    """Return a row of a provider of which much is known."""
    row = endpoint("groq", model)
    told = msgspec.structs.replace(
        row.provider,
        headquarters="US",
        datacenters=("US", "FI"),
        status_page_url="https://status.groq.example",
        quirks=frozenset({"no_logprobs"}),
        data_policy=DataPolicy(trains=False, retains=True, retention_days=30),
        cache_ttl_s=3600,
    )
    return msgspec.structs.replace(row, provider=told)


def shown(filled: Filled) -> Shown:
    return Shown(
        Books(filled), groq(KIMI), groq(LLAMA), endpoint("moonshot", KIMI), endpoint("openai", "openai/gpt-5-mini")
    )


def answered_by(filled: Filled, slug: str) -> list[Generation]:
    return within(filled, period(PAST), lambda one: one.provider == slug)


def order(html: str) -> list[str]:
    return re.findall(r'class="provider" href="/providers/([^"]+)"', html)


# -- the list --------------------------------------------------------------------------------------------------------


async def test_every_provider_has_the_requests_and_tokens_of_its_records(filled: Filled) -> None:
    text = await shown(filled).text(f"/providers?period={PAST}")
    for slug in ("groq", "moonshot", "openai"):
        use = added_up(answered_by(filled, slug))
        counts = f"{figures.tokens(use.requests)} {figures.tokens(use.tokens)}"
        assert re.search(rf"{slug.title()} {slug} up .*? {re.escape(counts)} ", text), slug


@pytest.mark.parametrize("sort", ["requests", "models", "name"])
async def test_the_list_can_be_sorted(filled: Filled, sort: str) -> None:
    requests = {slug: len(answered_by(filled, slug)) for slug in ("groq", "moonshot", "openai")}
    expected: dict[str, Sequence[str]] = {
        "requests": sorted(requests, key=lambda slug: -requests[slug]),
        "models": ["groq", "moonshot", "openai"],
        "name": ["groq", "moonshot", "openai"],
    }
    assert order((await shown(filled).get(f"/providers?period={PAST}&sort={sort}")).text) == expected[sort]


@pytest.mark.parametrize("query", ["sort=best", "served=some"])
async def test_what_cannot_be_read_is_refused(filled: Filled, query: str) -> None:
    assert (await shown(filled).get(f"/providers?{query}")).status_code == 400


async def test_a_provider_is_as_well_as_its_endpoints(filled: Filled) -> None:
    site = shown(filled)
    fault = Fault(kind=FaultKind.PROVIDER_UNREACHABLE, message="gone")

    def break_(model: str) -> None:
        for _ in range(5):
            site.exchange.health.observe(Outcome(endpoint_id=f"groq:{model}", at_ns=NOW_S * 10**9 - 1, fault=fault))

    assert "Groq groq up" in await site.text("/providers")
    break_(KIMI)
    assert "Groq groq degraded" in await site.text("/providers")
    break_(LLAMA)
    assert "Groq groq down" in await site.text("/providers")


async def test_without_providers_the_page_says_what_to_do(filled: Filled) -> None:
    site = shown(filled)
    site.without_endpoints()
    assert "No provider is connected. Set a provider's key" in await site.text("/providers?served=here")


# -- one provider ----------------------------------------------------------------------------------------------------


async def test_a_provider_has_the_sums_of_its_records(filled: Filled) -> None:
    text = await shown(filled).text(f"/providers/groq?period={PAST}")
    use = added_up(answered_by(filled, "groq"))
    assert f"Requests {figures.tokens(use.requests)} Tokens {figures.tokens(use.tokens)} " in text
    tries = [
        one
        for record in within(filled, period(PAST))
        for one in record.tries
        if one.provider == "groq" and one.started_ns >= period(PAST).start_s * 10**9
    ]
    limited = sum(one.fault == "provider_rate_limited" for one in tries)
    assert f"Tries rate limited {figures.percent(limited / len(tries))} {limited} of {len(tries)} " in text


async def test_uptime_is_over_ninety_days_of_judged_tries(filled: Filled) -> None:
    text = await shown(filled).text("/providers/groq")
    judged = [
        one.fault is None
        for record in filled.records
        for one in record.tries
        if one.provider == "groq" and (one.fault is None or one.counted_as_down)
    ]
    assert f"Uptime, 90 days {figures.percent(sum(judged) / len(judged))} " in text


async def test_facts_and_models_are_told(filled: Filled) -> None:
    text = await shown(filled).text("/providers/groq")
    assert "no training keeps 30 days" in text
    assert "Data centres US, FI" in text
    assert "Quirks no logprobs" in text
    assert "60 minutes after the last use" in text
    assert 'href="https://status.groq.example"' in (await shown(filled).get("/providers/groq")).text
    assert {KIMI, LLAMA} <= set(
        re.findall(r'class="model" href="/models/([^"]+)"', (await shown(filled).get("/providers/groq")).text)
    )


async def test_failed_tries_are_counted_by_cause(filled: Filled) -> None:
    text = await shown(filled).text(f"/providers/groq?period={PAST}")
    faults = Counter(
        one.fault
        for record in filled.records
        for one in record.tries
        if one.provider == "groq" and one.started_ns >= period(PAST).start_s * 10**9
    )
    section = text[text.index("Failed tries by cause") :]
    assert f"too slow or silent {faults['provider_timeout']} " in section
    assert f"rate limits {faults['provider_rate_limited']} " in section


@pytest.fixture
def outage(tmp_path: Path) -> Iterator[Filled]:
    """Fill an archive in which one provider failed for a quarter of an hour this morning."""
    given = records(300)
    pattern = next(one for one in given if one.provider == "groq" and len(one.tries) == 1)
    broken = []
    for nth in range(15):
        start_ns = (NOW_S - NOW_S % DAY_S + 9 * 3600 + nth * 60) * 10**9
        (one,) = pattern.tries
        bad = msgspec.structs.replace(
            one, started_ns=start_ns, fault="provider_overloaded", status=503, counted_as_down=True, ttft_ms=None
        )
        broken.append(
            msgspec.structs.replace(
                pattern,
                id=f"gen-{start_ns // 10**9}-{nth:020x}",
                created_ns=start_ns,
                tries=(bad,),
                fault="provider_overloaded",
                status=503,
                provider=None,
                endpoint_id=None,
            )
        )
    made = fill(tmp_path, sorted([*given, *broken], key=lambda one: one.created_ns))
    yield made
    made.archive.close()


async def test_an_outage_is_an_incident_with_its_time_and_cause(outage: Filled) -> None:
    site = shown(outage)
    text = await site.text("/providers/groq")
    incidents = text[text.index("Incidents") : text.index("Speed through the day")]
    assert re.search(r"2026-11-22 09:00:00 .*2026-11-22 09:15:00 15 min .*overloaded 15 0%", incidents)
    row = re.search(r"Groq groq .*?% (\d+|-) ", await site.text("/providers"))
    assert row
    assert int(row[1]) == len(re.findall(r"2026-11-22 \d\d:\d\d:\d\d 2026", incidents)) > 0


async def test_hours_of_any_day_have_no_date(filled: Filled) -> None:
    html = (await shown(filled).get(f"/providers/groq?period={PAST}")).text
    assert "Time to first token by hour of the day" in html
    assert "1970" not in html
    assert "1 Jan" not in html
    axes = re.findall(r'<svg class="times".*?</svg>', html)
    assert sum(">00:00</text>" in axis and ">12:00</text>" in axis for axis in axes) == 2
    assert not any("&gt;" in axis for axis in axes)


async def test_an_unknown_name_is_not_found_and_near_ones_are_offered(filled: Filled) -> None:
    answer = await shown(filled).get("/providers/grok")
    assert answer.status_code == 404
    assert order(answer.text) == ["groq"]


async def test_who_once_answered_keeps_a_page(filled: Filled) -> None:
    text = await shown(filled).text(f"/providers/azure?period={PAST}")
    assert f"Requests {figures.tokens(len(answered_by(filled, 'azure')))} " in text
    assert "It serves no model that is known here." in text


async def test_a_provider_without_a_key_says_which_to_set(filled: Filled) -> None:
    site = shown(filled)
    away = endpoint("acme", "acme/giant")
    keyed = msgspec.structs.replace(away, provider=msgspec.structs.replace(away.provider, key_env=("ACME_KEY",)))
    catalogue = site.exchange.catalogue
    site.exchange.known = msgspec.structs.replace(
        catalogue,
        providers={**catalogue.providers, "acme": keyed.provider},
        endpoints={**catalogue.endpoints, "acme/giant": (keyed,)},
    )
    text = await site.text("/providers/acme")
    assert "Set ACME_KEY in its environment" in text
    assert "It was not asked in 90 days." in text
    assert "acme" in order((await site.get("/providers?served=all")).text)
    assert "acme" not in order((await site.get("/providers")).text)


async def test_no_page_has_inline_styles_or_scripts(filled: Filled) -> None:
    for path in ("/providers", f"/providers/groq?period={PAST}"):
        html = (await shown(filled).get(path)).text
        assert not re.search(r"\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=", html), path
