"""A day as lanes: what holds for each row from hour to hour, with the present marked."""

from collections.abc import Sequence

import msgspec
from markupsafe import Markup

from wideband.site.charts import plot
from wideband.site.charts.figure import Figure, Mark
from wideband.site.charts.heat import LEVELS

MINUTES_A_DAY = 1440
_LANE, _GAP, _HEAD = 30, 8, 18
# A lane that is the same all day says so beside its name, and takes less room.
_FLAT = 6
# Narrower stretches have no room for their text; it is in the title and in the table.
_LEAST_MINUTES, _WIDE_MINUTES = 170, 440


class Stretch(msgspec.Struct, frozen=True):
    """From one minute of the day to another, half-open; `strength` colours it, from 0 to 1."""

    start: int
    end: int
    text: str
    strength: float


class Lane(msgspec.Struct, frozen=True):
    """A row of stretches that tile the day."""

    label: str
    stretches: tuple[Stretch, ...]


def timetable(title: str, lanes: Sequence[Lane], now_minute: int | None) -> Figure:
    """Return a lane for each row, under a scale of 24 hours."""
    if not lanes:
        return plot.missing(title)
    tall, rows = 0, Markup("")
    for lane in lanes:
        flat = len(lane.stretches) == 1
        rows += _lane(lane, tall, _FLAT if flat else _LANE)
        tall += _HEAD + (_FLAT if flat else _LANE) + _GAP
    svg = Markup(
        '<div class="plot timetable"><svg class="lanes" role="img" aria-label="{}" width="100%" height="{}">'
        "{}{}</svg>{}</div>"
    ).format(title, tall, rows, _now(now_minute, tall), _hours())
    strengths = {stretch.strength for lane in lanes for stretch in lane.stretches}
    marks = (Mark("h1", "cheapest", ""), Mark(f"h{LEVELS}", "dearest", "")) if len(strengths) > 1 else ()
    table = tuple(
        (lane.label, clock(part.start), clock(part.end), part.text) for lane in lanes for part in lane.stretches
    )
    return Figure(title, svg, marks, ("", "From", "To", "Price"), table)


def clock(minute: int) -> str:
    """Write a minute of the day."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _lane(lane: Lane, top: int, height: int) -> Markup:
    parts = [Markup('<text class="name" x="0" y="{}">{}</text>').format(top + 12, lane.label)]
    if height == _FLAT:
        parts.append(Markup('<text class="always" x="100%" y="{}">{}</text>').format(top + 12, lane.stretches[0].text))
    for part in lane.stretches:
        left, width = part.start / MINUTES_A_DAY, (part.end - part.start) / MINUTES_A_DAY
        parts.append(
            Markup('<rect class="h{}" x="{}" y="{}" width="{}" height="{}" rx="3"><title>{}</title></rect>').format(
                1 + min(int(part.strength * LEVELS), LEVELS - 1),
                plot.percent(left),
                top + _HEAD,
                plot.percent(width),
                height,
                f"{lane.label}, {clock(part.start)} to {clock(part.end)}: {part.text}",
            )
        )
        if height == _LANE and part.end - part.start >= _LEAST_MINUTES:
            strong = " full" if part.strength >= 0.875 else " strong" if part.strength >= 0.625 else ""
            wide = "" if part.end - part.start >= _WIDE_MINUTES else " minor"
            parts.append(
                Markup('<text class="price{}{}" x="{}" y="{}">{}</text>').format(
                    strong, wide, plot.percent(left + width / 2), top + _HEAD + _LANE // 2 + 4, part.text
                )
            )
    return Markup("").join(parts)


def _now(minute: int | None, tall: int) -> Markup:
    if minute is None:
        return Markup("")
    place = plot.percent(minute / MINUTES_A_DAY)
    return Markup('<line class="now" x1="{}" x2="{}" y1="0" y2="{}"><title>now, {} UTC</title></line>').format(
        place, place, tall, clock(minute)
    )


def _hours() -> Markup:
    texts = []
    for hour in range(0, 25, 3):
        kind = "first" if hour == 0 else "last" if hour == 24 else "minor" if hour % 6 else ""
        mark = Markup(' class="{}"').format(kind) if kind else ""
        texts.append(Markup('<text x="{}" y="13"{}>{:02}:00</text>').format(plot.percent(hour / 24), mark, hour))
    return Markup('<svg class="times" aria-hidden="true" width="100%" height="18">{}</svg>').format(
        Markup("").join(texts)
    )
