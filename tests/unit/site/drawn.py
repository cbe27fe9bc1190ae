"""Small charts whose text is kept in tests/golden/charts; `python -m tests.unit.site.drawn` draws them again."""

from pathlib import Path

from wideband.site.charts.bars import stacked_bars
from wideband.site.charts.figure import Axis, Figure, Series
from wideband.site.charts.heat import heat
from wideband.site.charts.lines import lines
from wideband.site.charts.ranked import ranked
from wideband.site.charts.scatter import scatter
from wideband.site.charts.uptime import uptime_cells
from wideband.site.charts.waterfall import Span, waterfall

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "charts"
MONDAY_S = 1_792_368_000  # 2026-10-19
DAY_S = 86_400


def days(count: int, last_s: int = DAY_S) -> Axis:
    """Return an axis of days, the last of which is `last_s` long."""
    starts = tuple(MONDAY_S + DAY_S * number for number in range(count))
    return Axis(starts, "day", starts[-1] + last_s)


def charts() -> dict[str, Figure]:
    """Return a small chart of each kind."""
    two = (
        Series("a/one", (100.0, 200.0, None, 400.0), "/models/a/one"),
        Series("others", (50.0, 0.0, 60.0, 100.0)),
    )
    broken = Series("fast", (10.0, None, 30.0, 40.0))
    return {
        "bars": stacked_bars("Tokens", days(4, 3600), two, "tokens", line=Series("before", (90.0, 80.0, None, 70.0))),
        "shares": stacked_bars("Shares", days(4), two, "tokens", share=True),
        "lines": lines("Speed", days(4), (broken,), "ms", fill=True),
        "ranked": ranked(
            "Apps", [('A <b>"x"</b> & y', 30.0, "+5%", "/a?b=1&c=2"), ("Other", 10.0, None, None)], "whole"
        ),
        "uptime": uptime_cells("Uptime", days(5), (1.0, 0.96, None, 0.5, 0.995)),
        "heat": heat("Speed", ("00", "01", "02"), ("Mon", "Tue"), ((1.0, 2.0, None), (3.0, 4.0, 5.0)), "speed"),
        "scatter": scatter(
            "Field", [("a/one", 1e9, 50.0, "/a"), ("b/two", 4e9, 90.0, None)], "usd", "speed", "Price", "Speed"
        ),
        "waterfall": waterfall(
            "Tries",
            (
                Span("First", 0, 300, "bad", "529", ((300.0, "overloaded"),)),
                Span("Second", 300, 700, "wait", "200", ((700.0, "first token"),)),
                Span("Second", 700, 1000, "ok", "", ((1000.0, "last token"),)),
            ),
            1000,
        ),
    }


if __name__ == "__main__":
    for name, drawn in charts().items():
        (FOLDER / f"{name}.html").write_text(f"{drawn.svg}\n".replace("><", ">\n<"))
