"""The rows of a modelled market: who serves the model, how well, and who asks for it.

Times are seconds where the name ends in `_s`, shares are between 0 and 1, hours are of the UTC day.
"""

from typing import Literal

import msgspec

from wideband.canon.faults import FaultKind
from wideband.catalog.rows import Price


class Failing(msgspec.Struct, frozen=True, gc=False):
    """What a word for a failure means: the fault, and when the caller's side learns of it."""

    kind: FaultKind
    when: Literal["at once", "at the deadline", "midway"]


# The sandbox's words. What breaks off midway has been seen by the client, so no other endpoint can help.
FAULTS: dict[str, Failing] = {
    "500": Failing(FaultKind.PROVIDER_ERROR, "at once"),
    "503": Failing(FaultKind.PROVIDER_OVERLOADED, "at once"),
    "429": Failing(FaultKind.PROVIDER_RATE_LIMITED, "at once"),
    "reset": Failing(FaultKind.PROVIDER_UNREACHABLE, "at once"),
    "garbage": Failing(FaultKind.PROVIDER_GARBLED, "at once"),
    "hang": Failing(FaultKind.PROVIDER_TIMEOUT, "at the deadline"),
    "cut_late": Failing(FaultKind.PROVIDER_CUT, "midway"),
}


class Peak(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """Hours of the UTC day, half-open and wrapping midnight, in which a provider is `factor` times slower."""

    from_hour: int
    to_hour: int
    factor: float


class Capacity(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """The most a provider takes: requests open at once, or requests a second. What is over is refused or waits.

    `retry_after_s` is what a refusal tells about when to come back; None tells nothing.
    """

    concurrent: int | None = None
    requests_per_s: float | None = None
    over: Literal["refuse", "queue"] = "refuse"
    retry_after_s: float | None = None


class Cache(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """A prompt cache: it keeps a conversation's prompt so long after its last use, in whole blocks.

    `hit` is the share of requests that find what should be there: caches are kept per machine, and evicted.
    """

    lifetime_s: float = 300.0
    min_tokens: int = 1024
    block_tokens: int = 128
    hit: float = 0.98


class Outage(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """A time in which a share of the tries fails in a way, and answers come `slower` times slower."""

    at_s: float
    for_s: float
    fault: str = "500"
    share: float = 1.0
    slower: float = 1.0


class Breaks(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """Outages by chance: so long apart and so long on average, both exponential."""

    every_s: float
    for_s: float
    fault: str = "500"
    share: float = 1.0
    slower: float = 1.0


class Modelled(msgspec.Struct, frozen=True, kw_only=True):
    """A provider. `ttft_s` and `tokens_per_s` are medians of log-normal draws with these spreads (of the logarithm).

    The uncached part of a prompt adds its share of `prefill_tokens_per_s` to the time to the first token. `faults` are
    shares of tries by the words of `FAULTS`, `bad_tool_calls` the share of answers with a call that fits no schema.
    """

    name: str
    price: Price
    ttft_s: float = 0.5
    ttft_spread: float = 0.35
    tokens_per_s: float = 80.0
    speed_spread: float = 0.12
    prefill_tokens_per_s: float = 20_000.0
    faults: dict[str, float] = {}
    bad_tool_calls: float = 0.0
    retry_after_s: float | None = None
    peaks: tuple[Peak, ...] = ()
    capacity: Capacity | None = None
    cache: Cache | None = None
    outages: tuple[Outage, ...] = ()
    breaks: Breaks | None = None


class Demand(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who asks: requests a second on average, when, and how much of it is agents at work.

    Before anything counts, every provider is asked alike for `warm_up_s`, so that all rankers begin with a board that
    knows all providers. `swing` is how far the built-in daily cycle goes up and down around the average. `agent_share`
    is the share of the requests that are turns of agents' conversations; the rest are single questions.
    """

    requests_per_s: float = 20.0
    start_hour: float = 12.0
    hours: float = 1.0
    warm_up_s: float = 120.0
    swing: float = 0.4
    agent_share: float = 0.5
    agent_turns: float = 18.0
    agent_prompt_tokens: int = 6000
    agent_turn_tokens: int = 1300
    agent_output_tokens: int = 180
    agent_pause_s: float = 4.0
    chat_prompt_tokens: int = 900
    chat_output_tokens: int = 300


class World(msgspec.Struct, frozen=True, kw_only=True):
    """A market to route in: one model, its providers, and the traffic that they get."""

    name: str
    about: str
    demand: Demand
    providers: tuple[Modelled, ...]
