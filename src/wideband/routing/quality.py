"""Who does markedly worse than its peers: at tool calls, or in speed."""

from collections.abc import Iterable, Sequence
from statistics import median

from wideband.routing.minutes import Minute
from wideband.routing.outlook import Quality

SPEED_MINUTES = 30
TOOL_MINUTES = 120
LEAST_TRIES = 100
LEAST_TOOL_ANSWERS = 200
LEAST_PEERS = 4
SPEED_SIGMAS = 1.5
TOOL_SIGMAS = 2.0
# The median distance from the median, times this, is the standard deviation of what is normally distributed.
_SIGMA_A_DISTANCE = 1.4826
# Peers that do alike differ by chance by more than by what they do: a sigma is at least this share of the median speed,
# and this much of the tool answers.
_LEAST_SPEED_SIGMA = 0.1
_LEAST_TOOL_SIGMA = 0.02


def qualities(speed: Sequence[Iterable[Minute]], tools: Sequence[Iterable[Minute]]) -> list[Quality]:
    """Judge the endpoints of a model by their minutes of the last half hour and of the last two hours."""
    by_speed = _judged([_throughput(minutes) for minutes in speed], SPEED_SIGMAS, _LEAST_SPEED_SIGMA, relative=True)
    by_tools = _judged([_tool_success(minutes) for minutes in tools], TOOL_SIGMAS, _LEAST_TOOL_SIGMA, relative=False)
    return [_worse(*pair) for pair in zip(by_speed, by_tools, strict=True)]


def _throughput(minutes: Iterable[Minute]) -> float | None:
    """Return tokens a second over the whole time of the tries."""
    tries = tokens = took_ns = 0
    for minute in minutes:
        tries += minute.tries
        tokens += minute.completion_tokens
        took_ns += minute.wait_ns + minute.span_ns + minute.whole_ns
    return tokens * 1e9 / took_ns if tries >= LEAST_TRIES and tokens and took_ns else None


def _tool_success(minutes: Iterable[Minute]) -> float | None:
    valid = judged = 0
    for minute in minutes:
        if calls := minute.tool_calls:
            valid += calls.get("valid", 0)
            judged += sum(calls.values())
    return valid / judged if judged >= LEAST_TOOL_ANSWERS else None


def _judged(measures: Sequence[float | None], sigmas: float, floor: float, *, relative: bool) -> list[Quality]:
    known = [measure for measure in measures if measure is not None]
    if len(known) < LEAST_PEERS:
        return ["unknown"] * len(measures)
    middle = median(known)
    sigma = _SIGMA_A_DISTANCE * median(abs(measure - middle) for measure in known)
    least = middle - sigmas * max(sigma, floor * middle if relative else floor)
    return ["unknown" if measure is None else "poor" if measure < least else "good" for measure in measures]


def _worse(one: Quality, other: Quality) -> Quality:
    if "poor" in (one, other):
        return "poor"
    return "good" if "good" in (one, other) else "unknown"
