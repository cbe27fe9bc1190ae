"""The rows of a comparison: what each model is, costs, promises and did, and which of them is best at it."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from wideband.analytics.comparison import Compared
from wideband.analytics.reliability import Uptime
from wideband.analytics.use import Use
from wideband.catalog.rows import Endpoint, Model, Rates
from wideband.pricing import resolve
from wideband.site.figures import ms, per_million, percent, speed, tokens, usd, whole
from wideband.site.views.prices import through_day, tiers, weekday_of, written

# So many lines of a price's day are told; nobody changes prices more often.
_MOST_LINES = 6
# Of fewer judgements than these no share is called the best.
LEAST_JUDGED = 20
_NAMED = {
    "tools": "tools",
    "structured_outputs": "structured outputs",
    "reasoning": "reasoning",
    "seed": "seed",
    "logprobs": "logprobs",
}

Better = Callable[[Sequence[float]], float]


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One model of a comparison: its row and endpoints, as far as the catalogue knows them, and what records tell."""

    model: str
    row: Model | None
    endpoints: Sequence[Endpoint]
    reachable: bool
    told: Compared
    day: Uptime | None = None
    month: Uptime | None = None

    @property
    def cheapest(self) -> Endpoint | None:
        return self.endpoints[0] if self.endpoints else None


class Cell(msgspec.Struct, frozen=True):
    """What stands in a row for one model: lines of text, a note, what is folded away, and whether it is the best."""

    lines: tuple[str, ...]
    note: str = ""
    more: tuple[str, ...] = ()
    is_best: bool = False


class Line(msgspec.Struct, frozen=True):
    """A row: what it is about, how it is counted, and a cell for each model."""

    label: str
    note: str
    cells: list[Cell]


class Group(msgspec.Struct, frozen=True):
    """Rows that belong together."""

    title: str
    lines: list[Line]


def by_price(endpoints: Sequence[Endpoint], at_ns: int) -> list[Endpoint]:
    """Return endpoints, the cheapest now first, for prompts three times as long as answers."""
    return sorted(endpoints, key=lambda one: (weight(resolve(one.price, at_ns, 0)), one.tag))


def weight(rates: Rates) -> int:
    """Return one figure for a price: three tokens of a prompt and one of an answer, and what a request costs."""
    return 3 * rates.prompt + rates.completion + 4_000 * rates.request


def groups(sides: Sequence[Side], at_ns: int) -> list[Group]:
    """Return all rows."""
    return [
        Group("What it is", list(_facts(sides))),
        Group("Listed price of the cheapest endpoint", list(_prices(sides, at_ns))),
        Group("Reliability", list(_reliability(sides))),
        Group("Speed", list(_speeds(sides))),
        Group("Quality of what programs read", list(_quality(sides))),
        Group("Use in this period", list(_use(sides))),
    ]


def _facts(sides: Sequence[Side]) -> Iterator[Line]:
    yield _measured("Context", "Tokens of prompt and answer together.", [_context(one) for one in sides], tokens, max)
    yield _measured("Longest answer", "Tokens.", [_most_output(one) for one in sides], tokens, max)
    yield _said("Takes", [_words(one.row.input_modalities or ("text",)) if one.row else "" for one in sides])
    yield _said("Answers with", [_words(one.row.output_modalities) if one.row else "" for one in sides])
    parameters = [_parameters(one) for one in sides]
    yield Line(
        "Parameters",
        "Of a request, that at least one endpoint takes.",
        [
            Cell(
                (_words([text for name, text in _NAMED.items() if name in known]) or "-",),
                f"{len(known)} in all" if known else "",
                tuple(known),
            )
            for known in parameters
        ],
    )
    kinds = {True: "open", False: "closed", None: ""}
    yield _said("Weights", [kinds[one.row.open_weights] if one.row else "" for one in sides])
    yield _said("Knows until", [(one.row.knowledge_cutoff or "") if one.row else "" for one in sides])


def _prices(sides: Sequence[Side], at_ns: int) -> Iterator[Line]:
    rates = [resolve(one.cheapest.price, at_ns, 0) if one.cheapest else None for one in sides]
    tags = [one.cheapest.tag if one.cheapest else "" for one in sides]
    yield _measured(
        "Input, now",
        "For a million tokens.",
        [own.prompt if own else None for own in rates],
        per_million,
        min,
        notes=tags,
    )
    yield _measured(
        "Output, now", "For a million tokens.", [own.completion if own else None for own in rates], per_million, min
    )
    yield _measured(
        "Cached input, now",
        "For a million tokens read from a cache; where it has no price of its own, it costs what input costs.",
        [_cached(own) if own else None for own in rates],
        per_million,
        min,
    )
    days = [price_of_day(one.endpoints, at_ns) for one in sides]
    yield Line("Through today", "Input / output of whoever is cheapest, UTC.", [_day(day) for day in days])
    yield Line("Long prompts", "Input / output now, by tokens of the prompt.", [_tiers(one, at_ns) for one in sides])
    counts = [len({each.provider.slug for each in one.endpoints}) for one in sides]
    reach = ["" if one.reachable else "no key here" for one in sides]
    yield _measured("Providers", "That serve it.", [count or None for count in counts], whole, max, notes=reach)


def _cached(rates: Rates) -> int:
    return rates.prompt if rates.cache_read is None else rates.cache_read


def _reliability(sides: Sequence[Side]) -> Iterator[Line]:
    note = "Of the tries that tell something about an endpoint, those that succeeded."
    for label, uptimes in (
        ("Uptime, 24 hours", [one.day for one in sides]),
        ("Uptime, 30 days", [one.month for one in sides]),
    ):
        counts = [own.ok + own.down if own else 0 for own in uptimes]
        shares = [own.share if own else None for own in uptimes]
        yield _judged(label, note, shares, counts, "tries")
    uses = [one.told.use for one in sides]
    yield _measured(
        "Answered, routed",
        "Of this period's requests that a provider was asked for, failovers included; callers' mistakes aside.",
        [use.success for use in uses],
        percent,
        max,
    )


def _speeds(sides: Sequence[Side]) -> Iterator[Line]:
    speeds = [one.told.speed for one in sides]
    yield _measured("First token, median", "In this period.", [own.ttft_p50 for own in speeds], ms, min)
    yield _measured("First token, 99th of 100", "", [own.ttft_p99 for own in speeds], ms, min)
    yield _measured(
        "Speed, median", "Tokens a second, waiting included.", [own.speed_p50 for own in speeds], speed, max
    )


def _quality(sides: Sequence[Side]) -> Iterator[Line]:
    uses = [one.told.use for one in sides]
    tools = [_good(use.tool_errors) for use in uses], [use.tools_judged for use in uses]
    yield _judged("Valid tool calls", "Of those judged: as the tools' schemas ask.", *tools, "judged")
    answers = [_good(use.structured_errors) for use in uses], [use.structured_judged for use in uses]
    yield _judged("Valid structured answers", "Of those judged: as the schema asks.", *answers, "judged")


def _use(sides: Sequence[Side]) -> Iterator[Line]:
    uses = [one.told.use for one in sides]
    yield _measured(
        "Effective price",
        "What a million tokens, in and out together, were really charged at.",
        [effective(use) for use in uses],
        per_million,
        min,
    )
    yield _measured("Cache hits", "Share of prompt tokens.", [use.cache_rate for use in uses], percent, max)
    yield _measured("Requests", "", [use.requests for use in uses], whole)
    yield _measured("Tokens", "", [use.tokens for use in uses], tokens)
    yield _measured("Spend", "", [use.cost_nano for use in uses], usd)
    yield Line(
        "Top apps",
        "By tokens.",
        [Cell(tuple(f"{app.name} {tokens(app.tokens)}" for app in one.told.apps) or ("-",)) for one in sides],
    )


def effective(use: Use) -> float | None:
    """Return what a million tokens were charged at, in nano-dollars."""
    return use.cost_nano * 1_000_000 / use.tokens if use.tokens else None


def price_of_day(endpoints: Sequence[Endpoint], at_ns: int) -> list[tuple[int, int, Rates]]:
    """Return today's stretches in minutes, half-open, with what whoever is cheapest then costs."""
    if not endpoints:
        return []
    weekday = weekday_of(at_ns)
    days = [through_day(each.price, weekday) for each in endpoints]
    bounds = sorted({start for day in days for start, _, _ in day})
    found: list[tuple[int, int, Rates]] = []
    for start, end in zip(bounds, [*bounds[1:], 1440], strict=True):
        rates = min((_at(day, start) for day in days), key=weight)
        if found and (found[-1][2].prompt, found[-1][2].completion) == (rates.prompt, rates.completion):
            found[-1] = (found[-1][0], end, found[-1][2])
        else:
            found.append((start, end, rates))
    return found


def _at(day: Sequence[tuple[int, int, Rates]], minute: int) -> Rates:
    return next(rates for start, end, rates in day if start <= minute < end)


def _day(day: Sequence[tuple[int, int, Rates]]) -> Cell:
    if not day:
        return Cell(("-",))
    if len(day) == 1:
        return Cell(("the same all day",))
    lines = [f"{_clock(start)} to {_clock(end)}  {written(rates)}" for start, end, rates in day]
    return Cell(tuple(lines[:_MOST_LINES]), "", tuple(lines[_MOST_LINES:]))


def _tiers(side: Side, at_ns: int) -> Cell:
    if side.cheapest is None:
        return Cell(("-",))
    found = tiers(side.cheapest.price, at_ns)
    if len(found) == 1:
        return Cell(("the same",))
    return Cell(tuple(f"above {tokens(tier.above)}  {written(tier.rates)}" for tier in found if tier.above))


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _context(side: Side) -> int | None:
    own = [each.context_length for each in side.endpoints if each.context_length]
    return max(own, default=None) or (side.row.context_length if side.row else None)


def _most_output(side: Side) -> int | None:
    own = [each.max_output for each in side.endpoints if each.max_output]
    return max(own, default=None) or (side.row.max_output if side.row else None)


def _parameters(side: Side) -> list[str]:
    known = set(side.row.supported_parameters) if side.row else set()
    return sorted(known.union(*(each.supported_parameters or () for each in side.endpoints)))


def _words(words: Sequence[str]) -> str:
    return ", ".join(words)


def _good(errors: float | None) -> float | None:
    return None if errors is None else 1 - errors


def _said(label: str, texts: Sequence[str]) -> Line:
    return Line(label, "", [Cell((text or "-",)) for text in texts])


def _judged(label: str, note: str, values: Sequence[float | None], counts: Sequence[int], counted: str) -> Line:
    """Return a row of shares of what was judged; too few judgements make nobody the best."""
    sure = [value for value, count in zip(values, counts, strict=True) if value is not None and count >= LEAST_JUDGED]
    best = max(sure) if len(set(sure)) > 1 else None
    cells = [
        Cell(
            (percent(value),),
            f"{whole(count)} {counted}" if count else "",
            is_best=count >= LEAST_JUDGED and value is not None and value == best,
        )
        for value, count in zip(values, counts, strict=True)
    ]
    return Line(label, note, cells)


def _measured(
    label: str,
    note: str,
    values: Sequence[float | None],
    write: Callable[[float | None], str],
    better: Better | None = None,
    *,
    notes: Sequence[str] = (),
) -> Line:
    """Return a row of figures; the best is marked where there are two that differ."""
    known = [value for value in values if value is not None]
    best = better(known) if better is not None and len(set(known)) > 1 else None
    return Line(
        label,
        note,
        [
            Cell((write(value),), notes[index] if notes else "", is_best=best is not None and value == best)
            for index, value in enumerate(values)
        ],
    )
