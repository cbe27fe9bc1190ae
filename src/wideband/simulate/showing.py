"""Results as rows of words: what the command prints as tables, on a terminal or for a page."""

from collections.abc import Callable, Iterable, Sequence

from rich.table import Table

from wideband.routing.policy import Weights
from wideband.simulate.compare import Mean, verdict
from wideband.simulate.sweep import Match

Row = tuple[str, ...]

_FIGURES: dict[str, Callable[[Mean], str]] = {
    "answered": lambda row: f"{row.success:.3%}",
    "failed for the client": lambda row: f"{row.failed}",
    "USD per 1000 requests": lambda row: f"{row.cost_per_1000_usd:.4f}",
    "USD per million tokens": lambda row: f"{row.cost_per_million_tokens_usd:.4f}",
    "of list prices": lambda row: f"{row.of_list:.0%}",
    "first token p50, ms": lambda row: f"{row.ttft_p50_ms:.0f}",
    "first token p90, ms": lambda row: f"{row.ttft_p90_ms:.0f}",
    "first token p99, ms": lambda row: f"{row.ttft_p99_ms:.0f}",
    "tokens/s p50": lambda row: f"{row.tokens_per_s:.0f}",
    "failovers": lambda row: f"{row.failovers}",
    "rate-limited tries": lambda row: f"{row.rate_limited}",
    "cache hits": lambda row: _share(row.cache_hits),
    "bad tool calls": lambda row: _share(row.bad_tool_calls),
    "busiest provider": lambda row: f"{row.busiest_share:.0%}",
    "its busiest minute": lambda row: f"{row.peak_minute_share:.0%}",
    "most open at one": lambda row: f"{row.peak_open}",
    "left after at most, s": lambda row: _seconds(row.left_s),
    "back after at most, s": lambda row: _seconds(row.back_s),
    "not back": lambda row: f"{row.not_back}" if row.left_s is not None else "",
}
_BESIDE: Row = ("market", "beside", "cost", "success", "first token p99", "verdict")


def comparison(rows: Sequence[Mean]) -> tuple[Row, list[Row]]:
    """Return the figures of one market, a column for each ranker: the heads, and a row for each figure there is."""
    lines = [(name, *(figure(row) for row in rows)) for name, figure in _FIGURES.items()]
    return ("", *(row.ranker for row in rows)), [line for line in lines if any(line[1:])]


def beside(rows: Sequence[Mean]) -> list[Row]:
    """Return how the first ranker of a market does beside each other one; `_BESIDE` heads the columns."""
    first, *others = rows
    return [(first.market, *_beside(first, other)) for other in others]


def beside_columns() -> Row:
    """Return the heads of the columns of `beside`."""
    return _BESIDE


def _beside(one: Mean, other: Mean) -> Row:
    return (
        other.ranker,
        _percent(one.cost_per_1000_usd, other.cost_per_1000_usd),
        f"{(one.success - other.success) * 100:+.3f} pp",
        _percent(one.ttft_p99_ms, other.ttft_p99_ms),
        verdict(one, other),
    )


def sweep_columns() -> Row:
    """Return the heads of the columns of `sweep_rows`."""
    return ("market", "baseline", "its $/1000", "default", "verdict", "best setting", "its cost")


def sweep_rows(found: Iterable[Match], grid: Iterable[str]) -> list[Row]:
    """Return a sweep's rows: for each baseline the default setting, and the cheapest that is nowhere worse."""
    names = tuple(grid)
    rows: list[Row] = []
    for each in found:
        base = each.baseline
        rows.append(
            (
                base.market,
                base.ranker,
                f"{base.cost_per_1000_usd:.4f}",
                _percent(each.default.cost_per_1000_usd, base.cost_per_1000_usd),
                verdict(each.default, base),
                "none" if each.weights is None else _weights(each.weights, names),
                "" if each.best is None else _percent(each.best.cost_per_1000_usd, base.cost_per_1000_usd),
            )
        )
    return rows


def table(title: str, heads: Row, rows: Iterable[Row], notes: str | None = None) -> Table:
    """Lay rows out for a terminal; what is in the first column is a name."""
    found = Table(*heads, title=title, caption=notes, title_justify="left", caption_justify="left")
    for column in found.columns[1:]:
        column.justify = "right"
    for row in rows:
        found.add_row(*row)
    return found


def markdown(title: str, heads: Row, rows: Iterable[Row], notes: str | None = None) -> str:
    """Lay rows out for a page."""
    lines = [f"**{title}.**" + (f" {notes}" if notes else ""), "", _line(heads)]
    lines.append(_line(("---", *("---:" for _ in heads[1:]))))
    return "\n".join([*lines, *map(_line, rows), ""])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _weights(weights: Weights, names: Iterable[str]) -> str:
    return " ".join(f"{name}={getattr(weights, name):g}" for name in names)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _percent(value: float, of: float) -> str:
    return f"{value / of - 1:+.1%}" if of else ""
