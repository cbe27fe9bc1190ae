"""Models side by side: what the catalogue says, what records say, and who is best at it."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from tests.unit.analytics.filled import NOW_S, Filled, filled as fill, records
from tests.unit.gateway.stage import endpoint
from tests.unit.site.shown import Books, Shown, at_present

from wideband.analytics.comparison import Compared
from wideband.analytics.periods import period_of
from wideband.analytics.reliability import Uptime
from wideband.analytics.use import Use
from wideband.catalog.rows import Endpoint, Model, Override, Price, Rates
from wideband.metering.record import Generation
from wideband.site import figures
from wideband.site.views import sides
from wideband.site.views.sides import Cell, Side

KIMI, MINI, LLAMA = "moonshotai/kimi-k2", "openai/gpt-5-mini", "meta-llama/llama-3.3-70b-instruct"
NOW_NS = NOW_S * 1_000_000_000


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    at_present(monkeypatch)


def shown(filled: Filled) -> Shown:
    return Shown(
        Books(filled),
        endpoint("moonshot", KIMI),
        endpoint("openai", MINI),
        endpoint("groq", LLAMA),
        endpoint("x", "a/b"),
    )


def of(filled: Filled, model: str, name: str) -> list[Generation]:
    period = period_of({"period": name}, NOW_S)
    return [r for r in filled.records if r.model == model and period.start_s <= r.created_ns / 1e9 < period.end_s]


def side(model: str, *rows: Endpoint, use: Use | None = None, **more: Any) -> Side:
    return Side(
        model=model,
        row=Model(id=model, name=model),
        endpoints=sides.by_price(rows, NOW_NS),
        reachable=True,
        told=Compared(model, {0: use or Use()}, {}),
        **more,
    )


def row(found: list[Side], label: str) -> list[Cell]:
    lines = [line for group in sides.groups(found, NOW_NS) for line in group.lines if line.label == label]
    assert len(lines) == 1
    return lines[0].cells


def priced(slug: str, prompt: int, completion: int, *overrides: Override) -> Endpoint:
    price = Price(base=Rates(prompt=prompt, completion=completion), overrides=overrides)
    return msgspec.structs.replace(endpoint(slug, "a/b"), price=price)


async def test_named_models_stand_there_in_their_order_with_their_figures(filled: Filled) -> None:
    text = await shown(filled).text(f"/compare?model={MINI}&model={KIMI}&period=30d")
    assert text.index(f"{MINI} {MINI}") < text.index(f"{KIMI} {KIMI}")
    pair = [of(filled, model, "30d") for model in (MINI, KIMI)]
    assert f"Requests {len(pair[0])} {len(pair[1])}" in text
    used = [sum(r.prompt_tokens + r.completion_tokens for r in own) for own in pair]
    assert f"Tokens {figures.tokens(used[0])} {figures.tokens(used[1])}" in text
    tries = [
        [t for r in filled.records for t in r.tries if t.model == model and is_recent(r)] for model in (MINI, KIMI)
    ]
    ups = [sum(t.fault is None for t in own) for own in tries]
    downs = [sum(t.counted_as_down for t in own) for own in tries]
    for up, down in zip(ups, downs, strict=True):
        assert figures.percent(up / (up + down)) in text
        assert f"{up + down} tries" in text


def is_recent(record: Generation) -> bool:
    return period_of({"period": "30d"}, NOW_S).start_s <= record.created_ns / 1e9


async def test_without_a_name_the_most_used_three_are_compared(filled: Filled) -> None:
    answer = await shown(filled).get("/compare?period=1y")
    used: Counter[str] = Counter()
    for record in filled.records:
        used[record.model] += record.prompt_tokens + record.completion_tokens
    *first, last = [model for model, _ in used.most_common()]
    assert "these are the 3 used most" in answer.text
    assert all(f'value="{model}" placeholder' in answer.text for model in first)
    assert f'value="{last}" placeholder' not in answer.text


async def test_without_records_the_catalogue_begins(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = fill(tmp_path_factory.mktemp("one"), records(1))
    text = await Shown(Books(made), endpoint("x", "a/b")).text("/compare?from=2024-01-01&to=2024-01-02")
    made.archive.close()
    assert "a/b a/b" in text
    assert "Requests 0" in text


async def test_an_unknown_name_gets_the_nearest_and_the_page_stays_of_use(filled: Filled) -> None:
    answer = await shown(filled).get(f"/compare?model={MINI}&model=kimi-k3")
    assert answer.status_code == 404
    assert "No model is called <b>kimi-k3</b>" in answer.text
    assert f'href="/compare?model=openai%2Fgpt-5-mini&amp;model=moonshotai%2Fkimi-k2">{KIMI}</a>' in answer.text
    assert f'value="{MINI}"' in answer.text
    assert "<b>&lt;i&gt;" in (await shown(filled).get("/compare?model=<i>")).text


async def test_what_only_records_remember_is_compared_too(filled: Filled) -> None:
    answer = await Shown(Books(filled), endpoint("x", "a/b")).get(f"/compare?model={KIMI}&period=1y")
    assert answer.status_code == 200
    assert "no longer in the catalogue" in answer.text


async def test_a_fifth_model_is_left_out_and_a_repeat_counts_once(filled: Filled) -> None:
    names = [KIMI, KIMI, MINI, LLAMA, "anthropic/claude-sonnet-4.5", "a/b"]
    text = await shown(filled).text("/compare?period=1y&" + "&".join(f"model={name}" for name in names))
    assert "Only 4 models fit side by side: a/b is left out" in text


async def test_periods_keep_the_models_and_models_can_be_taken_away(filled: Filled) -> None:
    page = (await shown(filled).get(f"/compare?model={MINI}&model={KIMI}&period=24h")).text
    pair = "model=openai%2Fgpt-5-mini&amp;model=moonshotai%2Fkimi-k2"
    assert f'href="/compare?{pair}&amp;period=7d"' in page
    assert 'href="/compare?model=moonshotai%2Fkimi-k2&amp;period=24h" aria-label="take away openai/gpt-5-mini"' in page
    assert page.count('name="model"') == 4
    assert '<option value="a/b">' in page


def test_the_best_is_marked_where_two_differ() -> None:
    cheap, dear = side("a/b", priced("p", 1, 9)), side("c/d", priced("q", 2, 9))
    assert [cell.is_best for cell in row([cheap, dear], "Input, now")] == [True, False]
    assert [cell.is_best for cell in row([cheap, dear], "Output, now")] == [False, False]
    assert [cell.is_best for cell in row([cheap], "Input, now")] == [False]
    wide = msgspec.structs.replace(dear, endpoints=[msgspec.structs.replace(dear.endpoints[0], context_length=10**6)])
    assert [cell.is_best for cell in row([cheap, wide], "Context")] == [False, True]


def test_few_judgements_make_nobody_the_best() -> None:
    lucky, steady, bad = (
        side(name, use=Use(tools_judged=judged, tools_valid=valid))
        for name, judged, valid in (("a/lucky", 3, 3), ("b/steady", 100, 97), ("c/bad", 100, 60))
    )
    cells = row([lucky, steady, bad], "Valid tool calls")
    assert [cell.lines[0] for cell in cells] == ["100%", "97.0%", "60.0%"]
    assert [cell.is_best for cell in cells] == [False, True, False]
    ups = [side(f"a/{n}", day=Uptime(f"a/{n}", ok, down, 0, ())) for n, ok, down in ((1, 19, 0), (2, 30, 10))]
    assert [cell.is_best for cell in row(ups, "Uptime, 24 hours")] == [False, False]


def test_the_price_through_the_day_is_that_of_whoever_is_cheapest_then() -> None:
    night = Override(rates={"prompt": 500_000_000, "completion": 1_000_000_000}, utc_start=22 * 60, utc_end=6 * 60)
    steady = priced("steady", 1_000_000_000, 2_000_000_000)
    timed = priced("timed", 3_000_000_000, 6_000_000_000, night)
    (cell,) = row([side("a/b", steady, timed)], "Through today")
    assert cell.lines == (
        "00:00 to 06:00  $0.50 / $1.00",
        "06:00 to 22:00  $1.00 / $2.00",
        "22:00 to 24:00  $0.50 / $1.00",
    )
    (now,) = row([side("a/b", steady, timed)], "Input, now")
    assert (now.lines, now.note) == (("$1.00",), "steady")
    (same,) = row([side("a/b", steady)], "Through today")
    assert same.lines == ("the same all day",)


def test_long_prompts_and_caches_have_their_own_prices() -> None:
    long = Override(rates={"prompt": 6_000_000_000}, min_prompt_tokens=200_000)
    base = priced("p", 3_000_000_000, 15_000_000_000, long)
    (cell,) = row([side("a/b", base)], "Long prompts")
    assert cell.lines == ("above 200K  $6.00 / $15.00",)
    (uncached,) = row([side("a/b", base)], "Cached input, now")
    assert uncached.lines == ("$3.00",)
    rates = msgspec.structs.replace(base.price.base, cache_read=300_000_000)
    cached = msgspec.structs.replace(base, price=Price(base=rates))
    (cell,) = row([side("a/b", cached)], "Cached input, now")
    assert cell.lines == ("$0.30",)
