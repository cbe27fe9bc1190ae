"""A page with every part and every chart once, from made-up figures that are always the same."""

import random
from pathlib import Path

import msgspec
from starlette.requests import Request

from wideband.analytics.periods import Period
from wideband.site.charts.bars import stacked_bars
from wideband.site.charts.figure import Axis, Figure, Series
from wideband.site.charts.heat import heat
from wideband.site.charts.lines import lines
from wideband.site.charts.ranked import ranked
from wideband.site.charts.scatter import scatter
from wideband.site.charts.spark import spark
from wideband.site.charts.topping import top
from wideband.site.charts.uptime import cells, uptime_cells
from wideband.site.charts.waterfall import Span, waterfall
from wideband.site.rendering import environment
from wideband.site.views import PAGES
from wideband.site.visit import Person

DAY_S = 86_400
START_S = 1_792_368_000  # 2026-10-19, a Monday
MODELS = (
    "anthropic/claude-sonnet-5",
    "openai/gpt-6-mini",
    "google/gemini-4-flash",
    "moonshotai/kimi-k3-instruct-preview-2026-09",
    "deepseek/deepseek-v4",
    "qwen/qwen4-235b-a22b",
    "meta-llama/llama-5-scout",
    "mistralai/mistral-large-4",
    "x-ai/grok-5-fast",
    "z-ai/glm-6",
    "nousresearch/hermes-6",
    "amazon/nova-3-pro",
)


class Visitor(msgspec.Struct, frozen=True):
    """As much of a visit as templates look at."""

    request: Request
    person: Person | None


def visitor(path: str = "/", query: str = "", person: Person | None = None) -> Visitor:
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": []}
    return Visitor(Request(scope), person)


def days(count: int = 30, running: bool = True) -> Axis:
    starts = tuple(START_S + DAY_S * number for number in range(count))
    return Axis(starts, "day", starts[-1] + (DAY_S // 3 if running else DAY_S))


def hours(count: int = 168) -> Axis:
    starts = tuple(START_S + 3600 * number for number in range(count))
    return Axis(starts, "hour", starts[-1] + 1200)


def uses(axis: Axis, count: int = 12, seed: int = 1) -> tuple[Series, ...]:
    """Return a series for each model, the first ones much larger."""
    dice = random.Random(seed)
    return tuple(
        Series(
            MODELS[number],
            tuple(
                round(3e8 / (number + 1) * (0.6 + place / len(axis.starts)) * dice.uniform(0.5, 1.3))
                for place in range(len(axis.starts))
            ),
            f"/models/{MODELS[number]}",
        )
        for number in range(count)
    )


def speeds(axis: Axis, count: int = 4) -> tuple[Series, ...]:
    dice = random.Random(2)
    return tuple(
        Series(
            name,
            tuple(
                None
                if dice.random() < 0.05 or (name == "Groq" and 8 < place < 14)
                else 400 + 300 * number + dice.gauss(0, 60)
                for place in range(len(axis.starts))
            ),
        )
        for number, name in enumerate(("Groq", "Cerebras", "Fireworks", "Amazon Bedrock")[:count])
    )


def shares(count: int, seed: int = 3) -> tuple[float | None, ...]:
    dice = random.Random(seed)
    choices = (None, 0.2, 0.97, 0.993, *([1.0] * 30), *([0.9992] * 20))
    return tuple(dice.choice(choices) for _ in range(count))


SPANS = (
    Span("Ranking", 0, 2.4, "muted", "3 candidates"),
    Span("anthropic/claude-sonnet-5 at Anthropic", 2.4, 640, "bad", "529 overloaded", ((640.0, "error 529"),)),
    Span("anthropic/claude-sonnet-5 at Amazon Bedrock", 650, 1420, "wait", "200", ((1420.0, "first token 1.42 s"),)),
    Span("anthropic/claude-sonnet-5 at Amazon Bedrock", 1420, 3980, "ok", "84 tok/s", ((3980.0, "last token"),)),
)


def figures() -> dict[str, Figure]:
    """Return every chart."""
    axis, fine = days(), hours()
    week = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    dice = random.Random(4)
    grid = [[None if dice.random() < 0.05 else 40 + 30 * dice.random() + hour for hour in range(24)] for _ in week]
    total = tuple(sum(values) * 0.9 for values in zip(*(each.values for each in uses(axis)), strict=True))
    return {
        "bars": stacked_bars("Tokens by model", axis, top(uses(axis)), "tokens", line=Series("30 days before", total)),
        "share": stacked_bars("Share of tokens by author", axis, uses(axis, 6), "tokens", share=True),
        "fine": stacked_bars("Requests by outcome", fine, uses(fine, 3), "whole"),
        "lines": lines("Time to first token, median", fine, speeds(fine), "ms"),
        "filled": lines("Effective price", axis, speeds(axis, 1), "usd", fill=True),
        "ranked": ranked(
            "Top apps",
            [
                (f"App <{number}> & sons", 9e9 / number, f"+{number}%", f"/rankings?app={number}")
                for number in range(1, 9)
            ],
            "tokens",
        ),
        "uptime": uptime_cells("Uptime, 90 days", days(90), shares(90)),
        "heat": heat("Speed by hour of the day", [f"{hour:02}" for hour in range(24)], week, grid, "speed"),
        "scatter": scatter(
            "Speed and price",
            [
                (name, 1e9 * (1 + 17 * number % 11), 40.0 + 23 * (number * 7 % 12), f"/models/{name}")
                for number, name in enumerate(MODELS)
            ],
            "usd",
            "speed",
            "Price of a million tokens",
            "Speed",
        ),
        "waterfall": waterfall("Tries", SPANS, 3990),
        "empty": stacked_bars("Nothing yet", axis, (), "tokens"),
    }


def everything() -> str:
    """Return the page."""
    person = Person("local", "admin", "account", "token")
    period = Period(START_S, START_S + 5 * DAY_S, "hour")
    made = environment().from_string(Path(__file__).with_suffix(".html").read_text())
    here = next(page.path for page in PAGES if page.label == "Rankings")
    return made.render(
        visit=visitor(here, "by=model", person),
        figs=figures(),
        period=period,
        spark=spark(tuple(value or 0 for value in speeds(days())[1].values), "Rising from 600 to 800"),
        cells=cells(hours(72), shares(72)),
    )
