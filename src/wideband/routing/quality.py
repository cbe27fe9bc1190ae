"""Who does markedly worse than its peers: at tool calls, or in speed."""

from collections.abc import Sequence
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


def qualities(speed: Sequence[Minute], tools: Sequence[Minute]) -> list[Quality]:
    """Judge the endpoints of a model by their sums of the last half hour and of the last two hours."""
    by_speed = _judged([_throughput(total) for total in speed], SPEED_SIGMAS, _LEAST_SPEED_SIGMA, relative=True)
    by_tools = _judged([_tool_success(total) for total in tools], TOOL_SIGMAS, _LEAST_TOOL_SIGMA, relative=False)
    return [_worse(*pair) for pair in zip(by_speed, by_tools, strict=True)]


def _throughput(total: Minute) -> float | None:
    """Return tokens a second over the whole time of the tries."""
    took_ns = total.wait_ns + total.span_ns + total.whole_ns
    if total.tries < LEAST_TRIES or not total.completion_tokens or not took_ns:
        return None
    return total.completion_tokens * 1e9 / took_ns


def _tool_success(total: Minute) -> float | None:
    judged = sum(total.tool_calls.values())
    return None if judged < LEAST_TOOL_ANSWERS else total.tool_calls.get("valid", 0) / judged


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
