"""Counters of the request path, and their text for Prometheus (exposition format 0.0.4)."""

import bisect
from collections import defaultdict

from wideband.canon.faults import FaultKind
from wideband.metering.record import Generation

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

Labels = tuple[tuple[str, str], ...]

_HELP: dict[str, tuple[str, str]] = {
    "wideband_requests_total": ("counter", "Requests answered, by dialect and status told to the caller."),
    "wideband_faults_total": ("counter", "Requests that ended in a fault, by its kind."),
    "wideband_tries_total": ("counter", "Upstream calls made."),
    "wideband_failovers_total": ("counter", "Tries after another of their request had failed."),
    "wideband_hedges_total": ("counter", "Tries begun beside a late one, by what became of them."),
    "wideband_hedges_withheld_total": ("counter", "Tries that stayed without one, because too many had one before."),
    "wideband_wasted_nano_dollars_total": ("counter", "What tries given up for a faster one may have cost at most."),
    "wideband_tokens_total": ("counter", "Tokens, by kind."),
    "wideband_cost_nano_dollars_total": ("counter", "Charged, in nano-dollars."),
    "wideband_request_seconds": ("histogram", "From arrival to the end of the answer."),
    "wideband_first_token_seconds": ("histogram", "From arrival to the first meaningful event."),
    "wideband_open_requests": ("gauge", "Requests being answered now."),
}


class Metrics:
    """Counts finished requests."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, Labels], int] = defaultdict(int)
        self._times: dict[str, list[float]] = {
            name: [0.0] * (len(_SECONDS) + 2) for name, (kind, _) in _HELP.items() if kind == "histogram"
        }

    def finished(self, record: Generation) -> None:
        """Count one request."""
        counts = self._counts
        counts["wideband_requests_total", (("dialect", record.dialect_in), ("status", str(record.status)))] += 1
        if record.fault is not None:
            counts["wideband_faults_total", (("kind", record.fault),)] += 1
        tried = len(record.tries)
        counts["wideband_tries_total", ()] += tried
        hedged = self._hedges(record) if tried > 1 else 0
        counts["wideband_failovers_total", ()] += max(tried - hedged - 1, 0)
        counts["wideband_tokens_total", (("kind", "prompt"),)] += record.prompt_tokens
        counts["wideband_tokens_total", (("kind", "completion"),)] += record.completion_tokens
        counts["wideband_cost_nano_dollars_total", ()] += record.cost_nano
        self._time("wideband_request_seconds", record.duration_ms / 1e3)
        if record.latency_ms is not None:
            self._time("wideband_first_token_seconds", record.latency_ms / 1e3)

    def _hedges(self, record: Generation) -> int:
        """Count the tries beside others: which answered, were outrun, failed, whose client left; returns how many."""
        hedged = 0
        for one in record.tries:
            if one.hedge:
                hedged += 1
                became = "won" if one.endpoint_id == record.endpoint_id else "failed"
                if became == "failed" and one.fault == FaultKind.CANCELLED:
                    became = "lost" if record.endpoint_id is not None else "cancelled"
                self._counts["wideband_hedges_total", (("became", became),)] += 1
            self._counts["wideband_wasted_nano_dollars_total", ()] += one.wasted_nano
        return hedged

    def _time(self, name: str, seconds: float) -> None:
        # Buckets, then +Inf, then the sum.
        row = self._times[name]
        row[bisect.bisect_left(_SECONDS, seconds)] += 1
        row[-1] += seconds

    def snapshot(self, open_requests: int, hedges_withheld: int = 0) -> "Snapshot":
        """Return everything counted so far as plain values, which other processes can add up."""
        counts = {_series(name, labels): value for (name, labels), value in self._counts.items()}
        counts["wideband_open_requests"] = open_requests
        counts["wideband_hedges_withheld_total"] = hedges_withheld
        return counts, {name: list(row) for name, row in self._times.items()}


Snapshot = tuple[dict[str, int], dict[str, list[float]]]


def _series(name: str, labels: Labels) -> str:
    inside = ",".join(f'{key}="{value}"' for key, value in labels)
    return f"{name}{{{inside}}}" if inside else name


def render(snapshots: list[Snapshot]) -> str:
    """Add up the snapshots of all workers and write them as text."""
    counts: dict[str, int] = defaultdict(int)
    times: dict[str, list[float]] = {}
    for some_counts, some_times in snapshots:
        for series, value in some_counts.items():
            counts[series] += value
        for name, row in some_times.items():
            held = times.setdefault(name, [0.0] * len(row))
            times[name] = [a + b for a, b in zip(held, row, strict=True)]
    lines: list[str] = []
    for name, (kind, text) in _HELP.items():
        lines.extend((f"# HELP {name} {text}", f"# TYPE {name} {kind}"))
        if kind == "histogram":
            lines.extend(_histogram(name, times.get(name)))
        else:
            found = {s: v for s, v in counts.items() if s.partition("{")[0] == name}
            lines.extend(f"{series} {value}" for series, value in sorted(found.items()))
    return "\n".join(lines) + "\n"


def _histogram(name: str, row: list[float] | None) -> list[str]:
    if row is None:
        return []
    lines, running = [], 0
    for bound, count in zip((*map(repr, _SECONDS), "+Inf"), row[:-1], strict=True):
        running += int(count)
        lines.append(f'{name}_bucket{{le="{bound}"}} {running}')
    return [*lines, f"{name}_sum {row[-1]!r}", f"{name}_count {running}"]
