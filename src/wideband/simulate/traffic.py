"""Who asks when: conversations and single questions, drawn from a seed alone, so that every ranker gets the same."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from random import Random

import msgspec

from wideband.simulate.rates import Rates
from wideband.simulate.rows import Demand

SECOND_NS = 1_000_000_000
# A Monday, 00:00 UTC: weekdays count for prices.
DAY_NS = 1_767_571_200 * SECOND_NS
MOST_TURNS = 80
MOST_PROMPT_TOKENS = 120_000
LEAST_TOKENS = 8
_TURN_SPREAD = 0.5


class Turn(msgspec.Struct, frozen=True, gc=False):
    """One request, with what is drawn for its first try, whoever is asked.

    `luck` and `hit` (uniform) decide on failure and on finding what is cached, `wait` and `pace` (normal) on times;
    `seed` is the plan's.
    """

    prompt_tokens: int
    output_tokens: int
    pause_ns: int
    calls_tools: bool
    luck: float
    hit: float
    wait: float
    pace: float
    seed: int


class Conversation:
    """Turns, each asked when the one before it has been answered; `at` is the one that is up."""

    __slots__ = ("at", "begins_ns", "number", "turns")

    def __init__(self, number: int, begins_ns: int, turns: Sequence[Turn]) -> None:
        self.number = number
        self.begins_ns = begins_ns
        self.turns = turns
        self.at = 0


Traffic = Iterator[Conversation]


def conversations(demand: Demand, rates: Rates, start_ns: int, hours: float, draw: Random) -> Traffic:
    """Yield conversations in the order in which they begin: a Poisson process whose rate follows `rates`.

    `rates` count requests a second from midnight; an agent's conversation counts as many as it has turns on average.
    """
    many = demand.agent_turns * math.exp(_TURN_SPREAD**2 / 2)
    agents = demand.agent_share / many
    chats = 1.0 - demand.agent_share
    begin_share, agent_share = agents + chats, agents / (agents + chats)
    for number, at_ns in enumerate(_arrivals(draw, rates, begin_share, start_ns, hours)):
        is_agent = draw.random() < agent_share
        yield Conversation(number, at_ns, _agent(draw, demand) if is_agent else [_chat(draw, demand)])


def recorded(arrivals: Sequence[tuple[int, int, int]], start_ns: int, draw: Random) -> Traffic:
    """Yield the requests of a trace (nanoseconds since its start, prompt tokens, output tokens), each on its own."""
    for number, (at_ns, prompt, output) in enumerate(arrivals):
        turn = _turn(draw, max(LEAST_TOKENS, prompt), max(1, output))
        yield Conversation(number, start_ns + at_ns, [turn])


def _arrivals(draw: Random, rates: Rates, share: float, start_ns: int, hours: float) -> Iterator[int]:
    """Yield instants. Where the rate changes before the next one is due, it is drawn anew: nothing is remembered."""
    at_s = (start_ns - DAY_NS) / SECOND_NS
    end_s = at_s + hours * 3600
    ends_s = (*rates.starts_s[1:], rates.length_s)
    cycle, into_s = divmod(at_s, rates.length_s)
    step = bisect_right(rates.starts_s, into_s) - 1
    while at_s < end_s:
        until_s = min(cycle * rates.length_s + ends_s[step], end_s)
        per_s = rates.per_s[step] * share
        while per_s and (due_s := at_s + draw.expovariate(per_s)) < until_s:
            at_s = due_s
            yield DAY_NS + int(at_s * SECOND_NS)
        at_s = max(at_s, until_s)
        # Counted, not looked up again: by the rounding of floats an instant may lie a hair before its step.
        step += 1
        if step == len(ends_s):
            step, cycle = 0, cycle + 1


def _agent(draw: Random, demand: Demand) -> list[Turn]:
    """Draw an agent's turns: each prompt is the one before it, the answer, and what came of the answer."""
    count = min(MOST_TURNS, max(2, round(draw.lognormvariate(math.log(demand.agent_turns), _TURN_SPREAD))))
    prompt = int(draw.lognormvariate(math.log(demand.agent_prompt_tokens), 0.5))
    turns: list[Turn] = []
    for _ in range(count):
        output = LEAST_TOKENS + int(draw.lognormvariate(math.log(demand.agent_output_tokens), 0.8))
        pause_s = draw.lognormvariate(math.log(demand.agent_pause_s), 1.0)
        turns.append(_turn(draw, max(LEAST_TOKENS, prompt), output, int(pause_s * SECOND_NS), calls_tools=True))
        prompt += output + int(draw.lognormvariate(math.log(demand.agent_turn_tokens), 0.8))
        if prompt > MOST_PROMPT_TOKENS:
            break
    return turns


def _chat(draw: Random, demand: Demand) -> Turn:
    prompt = LEAST_TOKENS + int(draw.lognormvariate(math.log(demand.chat_prompt_tokens), 1.0))
    output = LEAST_TOKENS + int(draw.lognormvariate(math.log(demand.chat_output_tokens), 0.8))
    return _turn(draw, min(prompt, MOST_PROMPT_TOKENS), output)


def _turn(draw: Random, prompt: int, output: int, pause_ns: int = 0, *, calls_tools: bool = False) -> Turn:
    luck, hit, wait, pace = draw.random(), draw.random(), draw.gauss(0, 1), draw.gauss(0, 1)
    return Turn(prompt, output, pause_ns, calls_tools, luck, hit, wait, pace, draw.getrandbits(32))
