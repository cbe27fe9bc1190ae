"""Charts say what their figures say: heights, gaps, tooltips, tables, and what stands where nothing is known."""

import re
from xml.etree import ElementTree

import pytest
from tests.unit.site.drawn import DAY_S, MONDAY_S, charts, days
from tests.unit.site.everything import figures, hours, shares, speeds, uses

from wideband.site.charts import plot
from wideband.site.charts.bars import stacked_bars
from wideband.site.charts.figure import Axis, Figure, Series
from wideband.site.charts.heat import heat, level
from wideband.site.charts.lines import lines
from wideband.site.charts.ranked import ranked
from wideband.site.charts.scatter import scatter
from wideband.site.charts.spark import spark
from wideband.site.charts.topping import top
from wideband.site.charts.uptime import cells, state, uptime_cells
from wideband.site.charts.waterfall import Span, waterfall

SVG = "{http://www.w3.org/2000/svg}"
EVERY = {**figures(), **{f"small {name}": figure for name, figure in charts().items()}}


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<div>{text}</div>")


def titles(figure: Figure) -> list[str]:
    return [found.text or "" for found in parsed(figure.svg).iter("title")]


def strokes(figure: Figure, style: str) -> dict[int, tuple[int, int]]:
    """Return for each bar from where to where a series' stroke reaches, in pixels above the baseline."""
    found: dict[int, tuple[int, int]] = {}
    for path in parsed(figure.svg).iter("path"):
        if style not in path.get("class", "").split():
            continue
        x = y = 0
        for right, down, up in re.findall(r"m(-?\d+) (-?\d+)v-(\d+)", path.get("d", "")):
            x, y = x + int(right), y + int(down)
            found[x // plot.SLOT] = (plot.HEIGHT - y, plot.HEIGHT - y + int(up))
            y -= int(up)
    return found


@pytest.mark.parametrize("name", sorted(EVERY))
def test_every_chart_is_well_formed_and_carries_no_style_of_its_own(name: str) -> None:
    tree = parsed(EVERY[name].svg)
    attributes = {key for each in tree.iter() for key in each.attrib}
    assert not attributes & {"style", "onclick", "onload"}
    assert not {each.tag for each in tree.iter()} & {"script", "style", "image"}


@pytest.mark.parametrize("name", sorted(EVERY))
def test_every_row_behind_a_chart_is_as_wide_as_its_head(name: str) -> None:
    figure = EVERY[name]
    assert {len(row) for row in figure.rows} <= {len(figure.head)}
    assert bool(figure.rows) == (name != "empty")


@pytest.mark.parametrize("name", sorted(EVERY))
def test_every_chart_says_in_words_what_it_shows(name: str) -> None:
    drawn = [each for each in parsed(EVERY[name].svg).iter("svg") if each.get("aria-hidden") != "true"]
    assert all(len(each.get("aria-label", "")) > 10 for each in drawn)


def test_bars_stand_on_each_other_in_the_order_given() -> None:
    figure = stacked_bars("T", days(2), (Series("a", (50.0, 100.0)), Series("b", (50.0, 0.0))), "whole")
    assert strokes(figure, "s1") == {0: (0, 100), 1: (0, 200)}
    # A pixel of the card lies between.
    assert strokes(figure, "s2") == {0: (101, 200)}


def test_a_stack_is_as_tall_as_its_sum_whatever_is_rounded() -> None:
    series = tuple(Series(f"m{number}", (10.4,)) for number in range(9))
    figure = stacked_bars("T", days(1), (*series, Series("rest", (6.4,))), "whole")
    assert max(high for number in range(1, 10) for _, high in strokes(figure, f"s{number}").values()) == round(
        9 * 10.4 / 100 * 200
    )
    assert strokes(figure, "s10")[0][1] == 200


def test_what_is_there_is_seen_however_little() -> None:
    figure = stacked_bars("T", days(2), (Series("a", (1.0, 1_000_000.0)),), "whole")
    assert strokes(figure, "s1")[0] == (0, 1)


def test_shares_fill_every_bar_that_has_something() -> None:
    series = (Series("a", (1.0, 0.0, 30.0)), Series("b", (3.0, 0.0, 10.0)))
    figure = stacked_bars("T", days(3), series, "tokens", share=True)
    assert {place: high for place, (_, high) in strokes(figure, "s2").items()} == {0: 200, 2: 200}
    assert figure.rows[2][1:] == ("25.0%", "75.0%")
    assert figure.rows[1][1:] == ("-", "-")
    assert [mark.value for mark in figure.marks] == ["31", "13"]


def test_the_running_bar_is_drawn_apart_and_called_so() -> None:
    running = stacked_bars("T", days(3, 600), (Series("a", (1.0, 2.0, 3.0)),), "whole")
    over = stacked_bars("T", days(3), (Series("a", (1.0, 2.0, 3.0)),), "whole")
    assert set(strokes(running, "running")) == {2}
    assert running.rows[0][0] == "2026-10-21 so far"
    assert strokes(over, "running") == {}
    assert over.rows[0][0] == "2026-10-21"


def test_others_have_the_tenth_colour_and_a_series_may_have_its_own() -> None:
    series = (Series("others", (1.0,)), Series("failed", (1.0,), style="bad"), Series("x", (1.0,)))
    assert [mark.style for mark in stacked_bars("T", days(1), series, "whole").marks] == ["s10", "bad", "s3"]


def test_tables_tell_the_latest_first_with_the_same_figures_as_tooltips() -> None:
    figure = charts()["bars"]
    assert figure.head == ("Time (UTC)", "a/one", "others", "before", "Total")
    assert [row[0] for row in figure.rows] == ["2026-10-22 so far", "2026-10-21", "2026-10-20", "2026-10-19"]
    assert figure.rows[0][1:] == ("400", "100", "70", "500")
    assert figure.rows[1][1:] == ("-", "60", "-", "60")
    assert titles(figure)[3] == "2026-10-22 so far: 500\na/one: 400\nothers: 100\nbefore: 70"


def test_the_axis_holds_a_line_above_the_bars() -> None:
    figure = stacked_bars("T", days(1), (Series("a", (10.0,)),), "whole", line=Series("limit", (95.0,)))
    assert strokes(figure, "s1")[0][1] == 20


def test_scripts_find_where_bars_start_and_the_plot_lies() -> None:
    figure = charts()["bars"]
    text = str(figure.svg)
    assert '<svg class="area" data-chart="" ' in text
    assert f'data-starts="{" ".join(str(MONDAY_S + DAY_S * number) for number in range(4))}"' in text
    assert f'data-end="{MONDAY_S + 3 * DAY_S + 3600}"' in text
    assert 'viewBox="0 0 40 200"' in text
    assert 'data-x0="0" data-x1="40"' in text
    assert re.findall(r'data-i="(\d+)" x="(\d+)"', text) == [("0", "0"), ("1", "10"), ("2", "20"), ("3", "30")]
    assert figure.zooms
    assert 'tabindex="0"' in text


def test_a_chart_of_many_bars_and_series_stays_small() -> None:
    axis = hours(180)
    figure = stacked_bars("Tokens by model", axis, top(uses(axis)), "tokens")
    assert len(figure.svg) < 60_000
    assert len(lines("Speeds", axis, speeds(axis), "ms").svg) < 60_000
    assert len(titles(figure)) == 180
    # Two or three names, the largest ones.
    assert titles(figure)[5].split("\n")[1].startswith("anthropic/claude-sonnet-5: ")


def test_a_line_breaks_where_nothing_is_known_and_a_lone_value_is_a_dot() -> None:
    found = re.findall(r'<path class="(s1[ a-z]*)" d="([^"]+)"', str(charts()["lines"].svg))
    assert [each for each in found if each[0] != "s1 below"] == [("s1", "M25 50L35 0"), ("s1 dots", "M5 150h0")]


def test_a_legend_of_lines_says_the_latest_known_value() -> None:
    figure = lines("S", days(3), (Series("a", (1.0, 2.0, None)), Series("b", (None, None, None))), "ms")
    assert [mark.value for mark in figure.marks] == ["2 ms", "-"]


@pytest.mark.parametrize(
    "figure",
    [
        stacked_bars("T", days(3), (), "whole"),
        stacked_bars("T", Axis((), "day", 0), (), "whole"),
        stacked_bars("T", days(2), (Series("a", (None, None)),), "whole"),
        lines("T", days(2), (Series("a", (None, None)),), "ms"),
        ranked("T", [], "whole"),
        uptime_cells("T", days(2), (None, None)),
        heat("T", (), (), (), "ms"),
        heat("T", ("a",), ("b",), ((None,),), "ms"),
        scatter("T", [], "ms", "ms", "x", "y"),
        waterfall("T", (), 0),
    ],
)
def test_where_nothing_is_known_a_sentence_says_so(figure: Figure) -> None:
    assert figure.svg == '<p class="empty">Nothing was measured in this period.</p>'
    assert (figure.marks, figure.rows, figure.zooms) == ((), (), False)


def test_nothing_but_zeros_is_a_flat_chart() -> None:
    figure = stacked_bars("T", days(3), (Series("a", (0.0, 0.0, 0.0)),), "whole")
    assert strokes(figure, "s1") == {}
    assert figure.rows[0] == ("2026-10-21", "0")
    assert 'd="M5 200L15 200"' in lines("T", days(2), (Series("a", (0.0, 0.0)),), "ms").svg


def test_one_bar_is_a_chart_that_cannot_be_zoomed() -> None:
    figure = stacked_bars("T", days(1), (Series("a", (3.0,)),), "whole")
    assert not figure.zooms
    assert "tabindex" not in figure.svg
    # And it is no wider than a bar among a few.
    assert 'stroke-width="1.2"' in figure.svg


@pytest.mark.parametrize("value", [1e-9, 0.3, 7.0, 1e4, 3.3e9, 9.99e17])
def test_charts_hold_figures_of_every_size(value: float) -> None:
    figure = stacked_bars("T", days(2), (Series("a", (value, value / 2)),), "usd")
    low, high = strokes(figure, "s1")[0]
    assert low == 0
    assert 100 <= high <= 200
    assert strokes(figure, "s1")[1][1] == pytest.approx(high / 2, abs=1)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a"b', "a&b", "'"])
def test_names_are_text_wherever_they_stand(name: str) -> None:
    drawn = [
        stacked_bars(name, days(2), (Series(name, (1.0, 2.0)),), "whole"),
        lines(name, days(2), (Series(name, (1.0, 2.0)),), "ms"),
        ranked(name, [(name, 1.0, name, f"/x?{name}")], "whole"),
        uptime_cells(name, days(2), (1.0, None)),
        heat(name, (name,), (name,), ((1.0,),), "ms"),
        scatter(name, [(name, 1.0, 2.0, f"/x?{name}")], "ms", "usd", name, name),
        waterfall(name, (Span(name, 0, 10, "ok", name, ((5.0, name),)),), 10),
    ]
    for figure in drawn:
        tree = parsed(figure.svg)
        assert not [each for each in tree.iter() if each.tag == "script"]
    assert titles(drawn[0])[0] == f"2026-10-19\n{name}: 1"
    assert [each.get("aria-label") for each in parsed(spark((1.0,), name))] == [name]


def test_ranked_bars_are_as_long_as_their_share_of_the_first() -> None:
    tree = parsed(ranked("T", [("a", 40.0, None, None), ("b", 10.0, None, None), ("c", None, None, None)], "whole").svg)
    widths = [each.get("width") for each in tree.iter("rect") if each.get("class") != "track"]
    assert widths == ["100%", "25%", "0%"]


def test_ranked_tables_have_notes_only_where_there_are_some() -> None:
    assert ranked("T", [("a", 4.0, None, None)], "whole").head == ("Name", "Value")
    assert ranked("T", [("a", 4.0, "new", None)], "whole").rows == (("a", "4", "new"),)


@pytest.mark.parametrize(
    ("share", "kind"),
    [(1.0, "ok"), (0.995, "ok"), (0.9949, "warn"), (0.95, "warn"), (0.9499, "bad"), (0.0, "bad"), (None, "none")],
)
def test_cells_are_coloured_by_what_was_served(share: float | None, kind: str) -> None:
    assert state(share) == kind


def test_cells_say_when_and_how_much() -> None:
    assert titles(charts()["uptime"])[:3] == ["2026-10-19: 100%", "2026-10-20: 96.0%", "2026-10-21: no requests"]
    assert charts()["uptime"].rows[0] == ("2026-10-23", "99.50%")
    assert 'aria-label="Uptime, 90 cells, worst 20.0%."' in cells(days(90), shares(90))
    assert 'no requests."' in cells(days(2), (None, None))


def test_worse_cells_are_taller() -> None:
    rects = parsed(charts()["uptime"].svg).iter("rect")
    tall = {each.get("class"): int(each.get("height", "0")) for each in rects}
    assert tall["none"] < tall["ok"] < tall["warn"] < tall["bad"]


def test_heat_goes_from_the_lowest_to_the_highest() -> None:
    assert [level(value, 10.0, 90.0) for value in (10.0, 19.0, 21.0, 89.0, 90.0, None)] == [
        "h1",
        "h1",
        "h2",
        "h8",
        "h8",
        "none",
    ]
    assert level(5.0, 5.0, 5.0) == "h8"


def test_a_spark_starts_at_zero_and_is_nothing_without_values() -> None:
    assert 'd="M0 26L1 14L2 2"' in spark((0.0, 5.0, 10.0), "up")
    assert spark((), "x") == spark((None,), "x") == ""
    assert 'd="M0 2h0"' in spark((4.0,), "x")


def test_the_rest_is_summed_into_others_which_come_last() -> None:
    series = [
        Series("small", (1.0, None)),
        Series("big", (50.0, 60.0)),
        Series("others", (100.0, None)),
        Series("tiny", (None, None)),
        Series("mid", (9.0, 9.0)),
    ]
    assert [(each.name, each.values) for each in top(series, 2)] == [
        ("big", (50.0, 60.0)),
        ("mid", (9.0, 9.0)),
        ("others", (101.0, None)),
    ]
    assert [each.name for each in top(series[:2], 2)] == ["big", "small"]


def test_names_in_a_scatter_chart_do_not_lie_on_each_other() -> None:
    crowd = [(f"model-{number}", 1e9, 50.0 + number / 10, None) for number in range(20)]
    drawn = scatter("T", crowd, "usd", "speed", "Price", "Speed")
    texts = [each for each in parsed(drawn.svg).iter("text") if (each.text or "").startswith("model-")]
    # One at each side of the crowd; all are in the table.
    assert [each.get("class") for each in texts] in (["last"], [None], ["last", None], [None, "last"])
    assert len(drawn.rows) == 20


def test_a_lane_of_a_waterfall_holds_its_tries_segments() -> None:
    figure = charts()["waterfall"]
    lanes = list(parsed(figure.svg).iter("li"))
    assert len(lanes) == 2
    bars = [(each.get("class"), each.get("x"), each.get("width")) for each in lanes[1].iter("rect")]
    assert bars == [("wait", "30%", "40%"), ("ok", "70%", "30%")]
    assert [each.text for each in lanes[1].iter("text")] == ["first token", "last token"]
    assert figure.rows[0] == ("First", "failed", "0 ms", "300 ms", "300 ms", "529")


def test_marks_that_would_meet_stand_below_each_other() -> None:
    near = (Span("Try", 0, 100, "ok", "", ((10.0, "headers came"), (12.0, "first token"), (90.0, "last token"))),)
    heights = [each.get("y") for each in parsed(waterfall("T", near, 100).svg).iter("text")][:3]
    assert heights == ["27", "42", "27"]
