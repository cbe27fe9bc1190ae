"""How an endpoint did of late: sums in which the past fades, and what is to be expected from them."""

from collections.abc import Sequence
from math import exp2
from typing import Annotated

import msgspec

from wideband.routing.minutes import Minute
from wideband.routing.outlook import Outlook, Quality

# After so many nanoseconds something counts half.
ERRORS_HALF_NS = 30e9
SPEED_HALF_NS = 120e9
LENGTH_HALF_NS = 600e9
# How much of its own an endpoint must have shown to be believed as much as its peers: tries, first tokens, tokens after
# these, tokens of prompts, answers with tool calls, answers.
BELIEVED_TRIES = 30.0
BELIEVED_WAITS = 5.0
BELIEVED_SPAN_TOKENS = 500.0
BELIEVED_PROMPT_TOKENS = 20_000.0
BELIEVED_TOOL_ANSWERS = 10.0
BELIEVED_ANSWERS = 10.0
# The default counts among the peers like one that has shown little, and alone where nobody has shown anything.
_DEFAULT_WEIGHT = 0.1

_NOTHING = (0.0, 0.0)
_DEFAULT = Outlook()

# A sum, and the sum by which it is divided.
Part = tuple[float, float]


# What cannot be a sum of what was seen is none: a snapshot that has it cannot be read.
Faded = Annotated[float, msgspec.Meta(ge=0, le=1e18)]


class Recent(msgspec.Struct, array_like=True, gc=False):
    """Faded sums as of `at_ns`, in seconds and tokens; the names are those of `Minute`."""

    at_ns: Annotated[int, msgspec.Meta(ge=0)] = 0
    tries: Faded = 0.0
    errors: Faded = 0.0
    limits: Faded = 0.0
    waits: Faded = 0.0
    wait_s: Faded = 0.0
    span_s: Faded = 0.0
    span_tokens: Faded = 0.0
    wholes: Faded = 0.0
    whole_s: Faded = 0.0
    whole_tokens: Faded = 0.0
    prompt_tokens: Faded = 0.0
    cached_tokens: Faded = 0.0
    answers: Faded = 0.0
    answer_tokens: Faded = 0.0
    tools: Faded = 0.0
    bad_tools: Faded = 0.0

    def add(self, minute: Minute) -> None:
        """Fold in a sum of outcomes, as of its newest one."""
        tools = sum(minute.tool_calls.values()) if minute.tool_calls else 0
        self.join(
            Recent(
                minute.at_ns,
                minute.tries - minute.belated,
                minute.downs - minute.belated,
                minute.limits,
                minute.waits,
                minute.wait_ns / 1e9,
                minute.span_ns / 1e9,
                minute.span_tokens,
                minute.wholes,
                minute.whole_ns / 1e9,
                minute.whole_tokens,
                minute.long_prompt_tokens,
                minute.long_cached_tokens,
                minute.answers,
                minute.answer_tokens,
                tools,
                tools - minute.tool_calls.get("valid", 0),
            )
        )

    def join(self, other: "Recent") -> None:
        """Add the sums of another, both as of the later instant. Neither order nor grouping makes a difference."""
        if other.at_ns > self.at_ns:
            self.fade(other.at_ns)
        else:
            other.fade(self.at_ns)
        self.tries += other.tries
        self.errors += other.errors
        self.limits += other.limits
        self.waits += other.waits
        self.wait_s += other.wait_s
        self.span_s += other.span_s
        self.span_tokens += other.span_tokens
        self.wholes += other.wholes
        self.whole_s += other.whole_s
        self.whole_tokens += other.whole_tokens
        self.prompt_tokens += other.prompt_tokens
        self.cached_tokens += other.cached_tokens
        self.answers += other.answers
        self.answer_tokens += other.answer_tokens
        self.tools += other.tools
        self.bad_tools += other.bad_tools

    def fade(self, now_ns: int) -> None:
        """Bring the sums to a later instant."""
        age_ns = now_ns - self.at_ns
        if age_ns <= 0:
            return
        self.at_ns = now_ns
        left = exp2(-age_ns / ERRORS_HALF_NS)
        self.tries *= left
        self.errors *= left
        self.limits *= left
        left = exp2(-age_ns / SPEED_HALF_NS)
        self.waits *= left
        self.wait_s *= left
        self.span_s *= left
        self.span_tokens *= left
        self.wholes *= left
        self.whole_s *= left
        self.whole_tokens *= left
        left = exp2(-age_ns / LENGTH_HALF_NS)
        self.prompt_tokens *= left
        self.cached_tokens *= left
        self.answers *= left
        self.answer_tokens *= left
        self.tools *= left
        self.bad_tools *= left

    def forgive(self) -> None:
        """Forget the errors: the outage is over."""
        self.tries = max(self.tries - self.errors, 0.0)
        self.errors = 0.0

    def expect_error(self, now_ns: int) -> None:
        """Count a try that is overdue as an error before it is one."""
        self.fade(now_ns)
        self.tries += 1.0
        self.errors += 1.0

    def take_back(self) -> None:
        """Forget an error that became none."""
        gone = min(self.errors, 1.0)
        self.errors -= gone
        self.tries = max(self.tries - gone, 0.0)

    def speed(self) -> Part:
        """Return the time that tokens took, and how many there were.

        An answer in one piece tells only of its whole time: what the endpoint usually takes to a first token is
        subtracted.
        """
        if not self.wholes:
            return self.span_s, self.span_tokens
        wait_s = self.wait_s / self.waits if self.waits else 0.0
        return self.span_s + max(0.0, self.whole_s - self.wholes * wait_s), self.span_tokens + self.whole_tokens


def expected(
    rows: Sequence[Recent], broken: Sequence[bool], qualities: Sequence[Quality], full: Sequence[bool]
) -> list[Outlook]:
    """Return what to expect of each endpoint of a model, its rows faded to the same instant.

    Of `broken` ones the breaker alone tells: their errors would keep away the request that finds out whether the
    outage is over, and they say nothing about the peers.
    """
    default = _DEFAULT
    errors = shrunk(
        [_NOTHING if out else (r.errors, r.tries) for r, out in zip(rows, broken, strict=True)],
        BELIEVED_TRIES,
        default.errors,
    )
    limits = shrunk([(r.limits, r.tries + r.limits) for r in rows], BELIEVED_TRIES, default.limits)
    waits = shrunk([(r.wait_s, r.waits) for r in rows], BELIEVED_WAITS, default.wait_s)
    speeds = shrunk([r.speed() for r in rows], BELIEVED_SPAN_TOKENS, default.token_s)
    tools = shrunk([(r.bad_tools, r.tools) for r in rows], BELIEVED_TOOL_ANSWERS, default.tool_errors)
    cached = shrunk([(r.cached_tokens, r.prompt_tokens) for r in rows], BELIEVED_PROMPT_TOKENS, default.cached)
    answers = sum([r.answers for r in rows])
    length = sum([r.answer_tokens for r in rows]) + BELIEVED_ANSWERS * default.output_tokens
    length /= answers + BELIEVED_ANSWERS
    return [
        Outlook(
            tries=r.tries,
            wait_s=waits[at],
            token_s=speeds[at],
            errors=errors[at],
            limits=limits[at],
            tool_errors=tools[at],
            cached=cached[at],
            output_tokens=length,
            quality=qualities[at],
            is_full=full[at],
        )
        for at, r in enumerate(rows)
    ]


def shrunk(parts: Sequence[Part], believed: float, default: float) -> list[float]:
    """Return the mean of each endpoint, drawn to that of its peers by as much as it has little of its own.

    One with `believed` of its own is drawn halfway. Peers count by the same measure.
    """
    trusts = [count / (count + believed) for _, count in parts]
    means = [total / (count + believed) for total, count in parts]
    trust_of_all = sum(trusts) + _DEFAULT_WEIGHT
    mean_of_all = sum(means) + _DEFAULT_WEIGHT * default
    return [
        own + (1.0 - trust) * (mean_of_all - own) / (trust_of_all - trust)
        for own, trust in zip(means, trusts, strict=True)
    ]
