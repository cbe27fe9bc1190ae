"""Spans of one request in time: tries, waiting and streaming, one lane for each that has its own label."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Literal

import msgspec
from markupsafe import Markup

from wideband.site.charts import plot
from wideband.site.charts.figure import Figure, Mark
from wideband.site.charts.scale import scale
from wideband.site.figures import ms

Kind = Literal["ok", "bad", "wait", "muted"]
KINDS: dict[Kind, str] = {"wait": "waiting", "ok": "answering", "bad": "failed", "muted": "other"}
_BAR = 14
_TEXT = 15
# Of a letter, as a share of a narrow chart's width: texts that would meet there go to lines of their own.
_LETTER = 6.2 / 320


class Span(msgspec.Struct, frozen=True):
    """A stretch of time in a lane; neighbours of one label share it. `marks` are instants within, with texts."""

    label: str
    start_ms: float
    end_ms: float
    kind: Kind
    note: str = ""
    marks: tuple[tuple[float, str], ...] = ()


def waterfall(title: str, spans: Sequence[Span], total_ms: float) -> Figure:
    """Return the lanes of a request that took `total_ms`, in the order given."""
    if not spans:
        return plot.missing(title)
    longest = max(total_ms, *(span.end_ms for span in spans), 1)
    lanes = Markup("").join(_lane(label, tuple(group), longest) for label, group in groupby(spans, attrgetter("label")))
    svg = Markup('<div class="waterfall"><ol>{}</ol>{}</div>').format(lanes, _below(longest))
    marks = tuple(Mark(kind, text, "") for kind, text in KINDS.items() if any(span.kind == kind for span in spans))
    rows = tuple(
        (span.label, KINDS[span.kind], ms(span.start_ms), ms(span.end_ms), ms(span.end_ms - span.start_ms), span.note)
        for span in spans
    )
    return Figure(title, svg, marks, ("Span", "Kind", "From", "To", "Took", "Note"), rows)


def _lane(label: str, spans: tuple[Span, ...], longest: float) -> Markup:
    notes = " · ".join(dict.fromkeys(span.note for span in spans if span.note))
    took = ms(sum(span.end_ms - span.start_ms for span in spans))
    texts, lines = _texts(sorted(mark for span in spans for mark in span.marks), longest)
    tall = _BAR + 2 + lines * _TEXT
    said = f"{label}, from {ms(spans[0].start_ms)} to {ms(spans[-1].end_ms)}. {notes}"
    return Markup(
        '<li><span class="name">{}</span><span class="note">{}</span><span class="value">{}</span>'
        '<svg role="img" aria-label="{}" width="100%" height="{}">{}{}</svg></li>'
    ).format(label, notes, took, said, tall, Markup("").join(_bar(span, longest) for span in spans), texts)


def _bar(span: Span, longest: float) -> Markup:
    return Markup('<rect class="{}" x="{}" y="1" width="{}" height="{}" rx="2"><title>{}</title></rect>').format(
        span.kind,
        plot.percent(span.start_ms / longest),
        plot.percent(max((span.end_ms - span.start_ms) / longest, 0.003)),
        _BAR,
        f"{KINDS[span.kind]}, {ms(span.start_ms)} to {ms(span.end_ms)}",
    )


def _texts(marks: Sequence[tuple[float, str]], longest: float) -> tuple[Markup, int]:
    """Write each mark below its line, in the first row that has room."""
    rows: list[float] = []
    parts = []
    for at_ms, text in marks:
        place, wide = at_ms / longest, len(text) * _LETTER
        turned = place > 0.6
        left, right = (place - wide, place) if turned else (place, place + wide)
        row = next((index for index, end in enumerate(rows) if end < left), len(rows))
        rows[row : row + 1] = [right]
        parts.append(
            Markup('<line x1="{0}" x2="{0}" y2="{1}"/><text x="{0}" y="{2}" dx="{3}"{4}>{5}</text>').format(
                plot.percent(place),
                _BAR + 2 + row * _TEXT + 12,
                _BAR + row * _TEXT + 13,
                -4 if turned else 4,
                Markup(' class="last"') if turned else "",
                text,
            )
        )
    return Markup("").join(parts), len(rows)


def _below(longest: float) -> Markup:
    axis = scale([longest], "ms", 5)
    texts = Markup("").join(
        Markup('<text x="{}" y="13"{}>{}</text>').format(
            plot.percent(tick / longest), Markup(' class="first"') if tick == 0 else "", text
        )
        for tick, text in zip(axis.ticks, axis.labels, strict=True)
        if tick / longest <= 0.96
    )
    return Markup('<svg class="times" aria-hidden="true" width="100%" height="18">{}</svg>').format(texts)
