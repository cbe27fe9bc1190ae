"""What a request spent its time on, from its record, as spans of a waterfall."""

from wideband.metering.record import Generation, Try
from wideband.site.charts.waterfall import Kind, Span

EXCHANGE = "Wideband"
# Gaps that nobody would see.
_LEAST_MS = 0.05


def timeline(record: Generation) -> tuple[Span, ...]:
    """Return what happened when, in milliseconds since the request came: our own work first, then each try."""
    tries = sorted(record.tries, key=lambda one: one.started_ns)
    spans, reached = list[Span](), 0.0
    for number, one in enumerate(tries, 1):
        start = started_ms(record, one)
        if start - reached >= _LEAST_MS:
            note = "reads, plans, holds" if number == 1 else "chooses again"
            spans.append(Span(EXCHANGE, reached, start, "muted", note))
        reached = max(reached, start + one.duration_ms)
    if record.duration_ms - reached >= _LEAST_MS:
        spans.append(Span(EXCHANGE, reached, record.duration_ms, "muted", "" if tries else _why_alone(record)))
    return (*spans, *(span for number, one in enumerate(tries, 1) for span in _try(record, number, one)))


def started_ms(record: Generation, one: Try) -> float:
    """Return when a try began."""
    return max(0.0, (one.started_ns - record.created_ns) / 1e6)


def _why_alone(record: Generation) -> str:
    return "answers from the response cache" if record.is_replayed else "asks nobody"


def _try(record: Generation, number: int, one: Try) -> list[Span]:
    """Return a try's waiting and its answer; one that failed is bad from its first token, or as a whole."""
    start = started_ms(record, one)
    end, first = start + one.duration_ms, None if one.ttft_ms is None else start + one.ttft_ms
    label = f"{number} {one.provider_name}"
    kind: Kind = "ok" if one.fault is None else "muted" if one.fault == "cancelled" else "bad"
    note = " · ".join(text for text in ("beside the one before" if one.hedge else "", _ended(one)) if text)
    marks = [(start + one.headers_ms, "headers")] if one.headers_ms is not None else []
    if first is None:
        return [Span(label, start, end, kind if one.fault else "wait", note, tuple(marks))]
    marks.append((first, "first token"))
    return [Span(label, start, first, "wait", note, tuple(marks)), Span(label, first, max(first, end), kind)]


def _ended(one: Try) -> str:
    if one.fault is None:
        return f"status {one.status}"
    words = "given up" if one.fault == "cancelled" else one.fault.replace("_", " ")
    return f"{words}, status {one.status}" if one.status else words
