"""What a running bar may come to, from how own traffic spread over the weeks before."""

from collections.abc import Mapping, Sequence

import msgspec

from wideband.analytics.named import Query, Reader
from wideband.analytics.periods import DAY_S, HOUR_S, MINUTE_S, Period, Width
from wideband.analytics.rankings import Bars, Metric, first_s, spoken

# A forecast needs so many whole weeks of one's own traffic, and looks back over twice as many.
FORECAST_WEEKS, _LOOK_BACK_WEEKS = 4, 8
# Before this share of a bar has passed, nothing is said of the rest.
_LEAST_SHARE = 0.05


class Forecast(msgspec.Struct, frozen=True):
    """What the running bar may come to: `weeks` is how many weeks of own traffic say how it spreads, 0 for evenly."""

    value: float
    weeks: int


# How a week or a day spreads over its days or hours.
SLOTS: dict[Width, Query] = {
    "week": Query(
        "rankings.weekdays",
        'SELECT isodow("at") - 1, sum({measured})::BIGINT FROM usage_day WHERE {counted} GROUP BY ALL',
    ),
    "day": Query(
        "rankings.hours",
        'SELECT hour("at"), sum({measured})::BIGINT FROM usage_hour WHERE {counted} GROUP BY ALL',
    ),
}
_SLOT_COUNTS: dict[Width, int] = {"week": 7, "day": 24}
_SLOT_S: dict[Width, int] = {"week": DAY_S, "day": HOUR_S}


async def forecast(
    reader: Reader, period: Period, bars: Bars, metric: Metric, *, now_s: int, simulated: bool = True
) -> Forecast | None:
    """Return what the last bar of a period that still runs may come to; None where none runs, and for hours.

    Own traffic of the weeks before says how a week spreads over its days, or a day over its hours, as soon as there
    are four whole weeks of it. Before that, time runs evenly.
    """
    if period.width not in SLOTS or not bars.starts or now_s - period.end_s > MINUTE_S:
        return None
    at_s, slot_s, slots = bars.starts[-1], _SLOT_S[period.width], _SLOT_COUNTS[period.width]
    passed_s = period.end_s - at_s
    if not 0 < passed_s < slot_s * slots:
        return None
    first, until_s = await first_s(reader), at_s - at_s % DAY_S
    weeks = 0 if first is None else min(_LOOK_BACK_WEEKS, (until_s - first) // (7 * DAY_S))
    weights = [1.0] * slots
    if weeks >= FORECAST_WEEKS:
        rows = await SLOTS[period.width].ask(
            reader, until_s - weeks * 7 * DAY_S, until_s, simulated, metric, **spoken()
        )
        found: Mapping[int, int] = dict(rows)
        weights = [float(found.get(slot, 0)) for slot in range(slots)]
    weeks = weeks if weeks >= FORECAST_WEEKS and sum(weights) > 0 else 0
    share = passed_share(weights if weeks else [1.0] * slots, passed_s / slot_s)
    return Forecast(bars.totals(metric)[-1] / share, weeks) if share >= _LEAST_SHARE else None


def passed_share(weights: Sequence[float], passed: float) -> float:
    """Return which share of all weights lies in the first `passed` slots; the running one counts as far as it is."""
    whole = int(passed)
    running = weights[whole] * (passed - whole) if whole < len(weights) else 0.0
    return (sum(weights[:whole]) + running) / sum(weights)
