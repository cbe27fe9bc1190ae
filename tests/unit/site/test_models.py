"""The models' pages over the filled archive: figures as the records tell them, filters, names, prices, ways to ask."""

import ast
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from tests.unit.analytics.filled import NOW_S, Filled
from tests.unit.analytics.test_models import added_up, of_model, period, within
from tests.unit.gateway.stage import endpoint
from tests.unit.site.shown import Books, Shown, at_present

from wideband.analytics.models import history
from wideband.analytics.use import MOST_BINS
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.request import Task
from wideband.catalog.rows import Catalogue, DataPolicy, Endpoint, Model, Override, Price, Provider, Rates
from wideband.config import load_market, load_settings
from wideband.routing.plans import Outcome
from wideband.sandbox.market import market
from wideband.site import figures
from wideband.site.views.model_figures import LEAST_JUDGED, bins_of, errors
from wideband.site.views.quickstart import AGENTS, examples

KIMI = "moonshotai/kimi-k2"
PAST = "30d"


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    at_present(monkeypatch)


def priced(slug: str, model: str, prompt: int, completion: int, *overrides: Override) -> Endpoint:
    """Return an endpoint with a price in dollars a million tokens."""
    rates = Rates(prompt=prompt * 10**9, completion=completion * 10**9)
    return msgspec.structs.replace(
        endpoint(slug, model), price=Price(base=rates, overrides=overrides), context_length=None
    )


# Half price from noon to one, UTC; the present of the archive is half past twelve.
NOON = Override(rates={"prompt": 10**9}, utc_start=720, utc_end=780)


def shown(filled: Filled) -> Shown:
    """Return a site with four models of different kinds, of which one is only known."""
    made = Shown(
        Books(filled),
        priced("groq", KIMI, 2, 3, NOON),
        priced("moonshot", KIMI, 4, 5),
        priced("openai", "openai/gpt-5-mini", 1, 8),
        priced("openai", "openai/text-embedding-9", 1, 0),
    )
    catalogue = made.exchange.catalogue
    rows = {
        KIMI: {"name": "Kimi K2", "created_s": 1_700_000_000, "context_length": 128_000, "open_weights": True},
        "openai/gpt-5-mini": {"name": "GPT-5 mini", "created_s": 1_790_000_000, "context_length": 400_000},
        "openai/text-embedding-9": {"output_modalities": ("embeddings",), "created_s": 1_600_000_000},
    }
    models = {id_: msgspec.structs.replace(model, **rows[id_]) for id_, model in catalogue.models.items()}
    models[KIMI] = msgspec.structs.replace(models[KIMI], supported_parameters=("tools", "reasoning"))
    catalogue = msgspec.structs.replace(
        catalogue, models=models, aliases={"kimi": KIMI}, latest={"~moonshotai/kimi-latest": KIMI}
    )
    away = priced("acme", "acme/giant", 30, 90)
    made.exchange.catalogue = catalogue
    made.exchange.known = msgspec.structs.replace(
        catalogue,
        models={**models, "acme/giant": Model(id="acme/giant", name="Giant")},
        endpoints={**catalogue.endpoints, "acme/giant": (msgspec.structs.replace(away, provider=_keyed(away)),)},
    )
    return made


def _keyed(row: Endpoint) -> Provider:
    return msgspec.structs.replace(row.provider, key_env=("ACME_API_KEY",))


def names(html: str) -> list[str]:
    return re.findall(r'class="model" href="/models/([^"]+)"', html)


# -- the list ----------------------------------------------------------------------------------------------------------


async def test_the_list_has_the_tokens_of_the_records(filled: Filled) -> None:
    site = shown(filled)
    text = await site.text(f"/models?period={PAST}")
    use = added_up(within(filled, period(PAST), of_model))
    assert re.search(rf"Kimi K2 .*?{re.escape(KIMI)} .*? {re.escape(figures.tokens(use.tokens))} ", text)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=KIMI", [KIMI]),
        ("q=gpt+mini", ["openai/gpt-5-mini"]),
        ("author=openai&sort=name", ["openai/gpt-5-mini", "openai/text-embedding-9"]),
        ("modality=embeddings", ["openai/text-embedding-9"]),
        ("supports=tools", [KIMI]),
        ("supports=structured", []),
        ("price=0.5", []),
        ("price=1&sort=name", [KIMI, "openai/gpt-5-mini", "openai/text-embedding-9"]),
        ("context=200000", ["openai/gpt-5-mini", "wideband/auto", "wideband/free"]),
        ("served=all&q=giant", ["acme/giant"]),
        ("q=giant", []),
        ("q=router", ["wideband/auto", "wideband/free"]),
    ],
)
async def test_filters_leave_what_fits(filled: Filled, query: str, expected: list[str]) -> None:
    answer = await shown(filled).get(f"/models?{query}")
    found = names(answer.text)
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("newest", ["openai/gpt-5-mini", KIMI, "openai/text-embedding-9"]),
        ("price", ["openai/text-embedding-9", KIMI, "openai/gpt-5-mini"]),
        ("context", ["wideband/auto", "openai/gpt-5-mini", "wideband/free", KIMI]),
        ("name", [KIMI, "openai/gpt-5-mini", "openai/text-embedding-9", "wideband/auto"]),
    ],
)
async def test_the_list_can_be_sorted(filled: Filled, sort: str, first: Sequence[str]) -> None:
    answer = await shown(filled).get(f"/models?sort={sort}")
    assert names(answer.text)[: len(first)] == list(first)


async def test_the_most_used_come_first_unless_somebody_says_otherwise(filled: Filled) -> None:
    rows = within(filled, period(PAST))
    used = {id_: sum(one.prompt_tokens + one.completion_tokens for one in rows if one.model == id_) for id_ in
            (KIMI, "openai/gpt-5-mini")}  # fmt: skip
    found = names((await shown(filled).get(f"/models?period={PAST}")).text)
    assert found[:2] == sorted(used, key=lambda id_: -used[id_])


async def test_the_price_is_that_of_the_hour(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    site = shown(filled)
    assert "$1.00 / $3.00 off-peak" in await site.text("/models?q=kimi")
    at_present(monkeypatch, NOW_S + 3600)
    assert "$2.00 / $3.00 peak" in await site.text("/models?q=kimi")


@pytest.mark.parametrize(
    "query",
    ["sort=best", "price=cheap", "price=nan", "context=-1", "supports=magic", "served=some", "start=-1", "period=2y"],
)
async def test_what_cannot_be_read_is_refused(filled: Filled, query: str) -> None:
    assert (await shown(filled).get(f"/models?{query}")).status_code == 400


async def test_an_empty_list_says_what_to_do(filled: Filled) -> None:
    text = await shown(filled).text("/models?q=nothing-like-it")
    assert "No model fits. Take the filters away or look at every known model" in text


# -- one model ---------------------------------------------------------------------------------------------------------


async def test_a_model_has_the_sums_of_its_records(filled: Filled) -> None:
    text = await shown(filled).text(f"/models/{KIMI}?period={PAST}")
    use = added_up(within(filled, period(PAST), of_model))
    assert f"Requests {figures.tokens(use.requests)} " in text
    assert f"Tokens {figures.tokens(use.tokens)} " in text
    assert f"Spend {figures.usd(use.cost_nano)} " in text
    assert f"Requests answered {figures.percent(use.success)} " in text


async def test_what_was_really_paid_stands_by_provider(filled: Filled) -> None:
    text = await shown(filled).text(f"/models/{KIMI}?period={PAST}")
    for slug in ("groq", "moonshot"):
        rows = within(filled, period(PAST), of_model)
        use = added_up(one for one in rows if one.provider == slug)
        paid = f"{figures.per_million(use.prompt_price)} {figures.per_million(use.completion_price)}"
        assert f"{slug.title()} {paid} {figures.percent(use.cache_rate)} {use.requests}" in text, slug


async def test_routing_is_compared_with_the_mean_endpoint(filled: Filled) -> None:
    text = await shown(filled).text(f"/models/{KIMI}?period={PAST}")
    rows = within(filled, period(PAST), of_model)
    span = period(PAST)
    tried: dict[str, list[bool]] = {}
    for one in filled.records:
        for each in one.tries:
            limited = each.fault == "provider_rate_limited"
            judged = each.fault is None or each.counted_as_down or limited
            if one.model == KIMI and judged and span.start_s <= each.started_ns / 1e9 < span.end_s:
                tried.setdefault(each.endpoint_id, []).append(each.fault is None)
    shares = [sum(told) / len(told) for told in tried.values()]
    assert f"{figures.percent(added_up(rows).success)} answered with routing" in text
    assert f"{figures.percent(sum(shares) / len(shares))} without, at the mean endpoint" in text


async def test_the_router_s_shares_add_up_and_rest_shows(filled: Filled) -> None:
    site = shown(filled)
    text = await site.text(f"/models/{KIMI}")
    shares = [float(share) for share in re.findall(r"(?:groq|moonshot) ([\d.]+)%", text)]
    assert len(shares) == 2
    assert sum(shares) == pytest.approx(100, abs=0.2)
    fault = Fault(kind=FaultKind.PROVIDER_UNREACHABLE, message="gone")
    for _ in range(5):
        site.exchange.health.observe(Outcome(endpoint_id=f"groq:{KIMI}", at_ns=NOW_S * 10**9 - 1, fault=fault))
    assert "Groq resting" in await site.text(f"/models/{KIMI}")


async def test_prices_through_the_day_are_in_the_table_behind(filled: Filled) -> None:
    text = await shown(filled).text(f"/models/{KIMI}")
    assert "groq 12:00 13:00 $1.00 / $3.00" in text
    assert "moonshot 00:00 24:00 $4.00 / $5.00" in text
    assert "off-peak $2.00 / $3.00 from 13:00" in text


async def test_weekdays_are_offered_where_they_differ(filled: Filled) -> None:
    site = shown(filled)
    assert 'aria-label="Weekday"' not in (await site.get(f"/models/{KIMI}")).text
    weekend = Override(rates={"prompt": 0}, utc_days=("saturday", "sunday"))
    rows = (priced("groq", KIMI, 2, 3, weekend),)
    site.exchange.catalogue = msgspec.structs.replace(
        site.exchange.catalogue, endpoints={**site.exchange.catalogue.endpoints, KIMI: rows}
    )
    site.exchange.known = site.exchange.catalogue
    assert "groq 00:00 24:00 $0 / $3.00" in await site.text(f"/models/{KIMI}")
    assert "groq 00:00 24:00 $2.00 / $3.00" in await site.text(f"/models/{KIMI}?day=monday")
    assert (await site.get(f"/models/{KIMI}?day=someday")).status_code == 400


async def test_longer_prompts_have_a_table(filled: Filled) -> None:
    site = shown(filled)
    longer = Override(rates={"prompt": 7 * 10**9}, min_prompt_tokens=200_000)
    site.exchange.known = None
    site.exchange.catalogue = msgspec.structs.replace(
        site.exchange.catalogue,
        endpoints={**site.exchange.catalogue.endpoints, KIMI: (priced("groq", KIMI, 2, 3, longer),)},
    )
    assert "more than 200,000 $7.00 / $3.00" in await site.text(f"/models/{KIMI}")


async def test_data_policies_are_told_in_words(filled: Filled) -> None:
    site = shown(filled)
    row = site.exchange.catalogue.endpoints[KIMI][0]
    keeps = msgspec.structs.replace(row.provider, data_policy=DataPolicy(trains=True, retains=True, retention_days=30))
    site.exchange.known = None
    site.exchange.catalogue = msgspec.structs.replace(
        site.exchange.catalogue,
        endpoints={KIMI: (msgspec.structs.replace(row, provider=keeps),)},
    )
    assert "trains on prompts keeps 30 days" in await site.text(f"/models/{KIMI}")


@pytest.mark.parametrize("name", ["kimi", "~moonshotai/kimi-latest", f"{KIMI}-2026-01-02"])
async def test_other_names_lead_to_the_one(filled: Filled, name: str) -> None:
    answer = await shown(filled).get(f"/models/{name}?period=24h")
    assert (answer.status_code, answer.headers["location"]) == (307, f"/models/{KIMI}?period=24h")


async def test_a_variant_is_shown_under_its_name(filled: Filled) -> None:
    text = await shown(filled).text(f"/models/{KIMI}:nitro")
    assert "the most tokens a second first" in text
    assert f'"model": "{KIMI}:nitro"' in text


async def test_an_unknown_name_is_not_found_and_near_ones_are_offered(filled: Filled) -> None:
    answer = await shown(filled).get("/models/moonshotai/kimi-k3")
    assert answer.status_code == 404
    assert f'href="/models/{KIMI}"' in answer.text


async def test_what_was_once_asked_keeps_its_page(filled: Filled) -> None:
    gone = "anthropic/claude-sonnet-4.5"
    text = await shown(filled).text(f"/models/{gone}?period={PAST}")
    use = added_up(within(filled, period(PAST), lambda one: one.model == gone))
    assert f"Requests {figures.tokens(use.requests)} " in text
    assert "Nobody serves this model under this name now." in text
    assert "Quick start" not in text


async def test_apps_lead_to_their_requests(filled: Filled) -> None:
    html = (await shown(filled).get(f"/models/{KIMI}?period={PAST}")).text
    assert f'href="/log?model={KIMI}&amp;app=Night%20Shift"' in html


async def test_hostile_names_are_only_text(filled: Filled) -> None:
    answer = await shown(filled).get("/models/%3Cscript%3Ealert(1)%3C/script%3E")
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


async def test_a_router_says_what_it_is(filled: Filled) -> None:
    text = await shown(filled).text("/models/wideband/auto")
    assert "router" in text
    assert "A router has no endpoints of its own" in text
    assert (await shown(filled).get("/models/openrouter/auto")).headers["location"] == "/models/wideband/auto"


async def test_a_model_that_nobody_here_serves_says_what_to_set(filled: Filled) -> None:
    text = await shown(filled).text("/models/acme/giant")
    assert "This server has no key for this provider. Set ACME_API_KEY in its environment" in text
    assert "not connected" in text
    assert "Try it" not in text


async def test_without_requests_the_page_says_how_to_send_one(filled: Filled) -> None:
    assert "No requests in this period" in await shown(filled).text("/models/openai/text-embedding-9")


async def test_no_page_has_inline_styles_or_scripts(filled: Filled) -> None:
    site = shown(filled)
    for path in ("/models", f"/models/{KIMI}?period={PAST}", "/models/wideband/auto"):
        html = (await site.get(path)).text
        assert not re.search(r"\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=", html), path


async def test_every_simulated_model_has_a_page(filled: Filled) -> None:
    providers, models, rows = market("http://127.0.0.1:1")
    site = Shown(Books(filled))
    site.exchange.catalogue = Catalogue(
        providers={one.slug: one for one in providers},
        models={one.id: one for one in models},
        endpoints={one.id: tuple(row for row in rows if row.model == one.id) for one in models},
    )
    for one in models:
        text = await site.text(f"/models/{one.id}")
        assert all(row.tag in text for row in site.exchange.catalogue.endpoints[one.id]), one.id


async def test_real_prices_through_the_day_have_a_page(filled: Filled, tmp_path: Path) -> None:
    known = load_market(load_settings(home=tmp_path), environ={"WIDEBAND_DISCOVER": "0"}).known
    site = Shown(Books(filled))
    site.exchange.known = known
    timed = [id_ for id_, rows in known.endpoints.items() if "deepseek" in id_ and any(r.price.overrides for r in rows)]
    assert timed
    for id_ in timed[:2]:
        text = await site.text(f"/models/{id_}?day=monday")
        assert "Price through the day" in text
        assert re.search(r"deepseek 0[0-9]:\d\d \d\d:\d\d \$", text), id_


# -- charts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["1h", "24h", "7d", "30d", "90d", "1y"])
def test_bars_are_put_together_in_order_and_none_is_lost(name: str) -> None:
    span = period(name)
    bins = bins_of(span)
    assert list(bins.bars) == list(span.starts)
    assert list(bins.starts) == sorted(set(bins.bars.values()))
    assert all(bins.of(at_s) <= at_s for at_s in span.starts)
    assert len(bins.starts) <= max(MOST_BINS + 1, len(span.starts) if name == "1y" else 0)
    sizes = [list(bins.bars.values()).count(start) for start in bins.starts]
    assert len(set(sizes[1:-1])) == 1


def test_bins_of_hours_start_at_round_hours() -> None:
    starts = bins_of(period("7d")).starts
    assert {start % (6 * 3600) for start in starts[1:]} == {0}


async def test_rates_of_next_to_nothing_are_left_out(filled: Filled) -> None:
    span = period(PAST)
    found = await history(filled.reader, span, KIMI)
    bins = bins_of(span)
    judged: dict[tuple[str, int], list[bool]] = {}
    for one in within(filled, span, of_model):
        if one.provider and one.tool_verdict is not None:
            at_s = bins.of(one.created_ns // (86_400 * 10**9) * 86_400)
            judged.setdefault((one.provider, at_s), []).append(one.tool_verdict == "valid")
    expected = sorted(
        figures.percent(1 - sum(told) / len(told)) for told in judged.values() if len(told) >= LEAST_JUDGED
    )
    drawn = [figure for figure in errors(span, found, {}) if figure.title.startswith("Tool calls")]
    written = sorted(cell for figure in drawn for row in figure.rows for cell in row[1:] if cell != "-")
    assert written == expected != []
    assert len(expected) < len(judged)


# -- ways to ask -------------------------------------------------------------------------------------------------------


async def test_ways_to_ask_name_this_server_and_this_model(filled: Filled) -> None:
    text = await shown(filled).text(f"/models/{KIMI}")
    assert "http://127.0.0.1:8484/api/v1/chat/completions" in text
    assert 'base_url="http://127.0.0.1:8484/v1"' in text
    assert 'Anthropic(base_url="http://127.0.0.1:8484",' in text
    for agent in AGENTS:
        assert f"wideband connect {agent} --url http://127.0.0.1:8484 --model {KIMI} --write" in text


@pytest.mark.parametrize("task", ["generate", "embed", "rerank"])
def test_python_of_the_quick_start_is_python(task: Task) -> None:
    found = examples("http://127.0.0.1:8484", KIMI, task)
    assert found[0].slug == "curl"
    for one in found:
        if "Python" in one.title:
            ast.parse(one.text)
