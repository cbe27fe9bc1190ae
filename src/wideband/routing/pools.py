"""The endpoints that the filters leave of a model, remembered: most requests for a model ask for the same of it."""

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from functools import cache
from operator import attrgetter

import msgspec

from wideband.catalog.rows import Endpoint
from wideband.routing.filters import FILTERS, RatesOf
from wideband.routing.plans import FunnelStep, Preferences, Wish
from wideband.routing.scales import HeldScales

INITIAL = "Initial Endpoints"

# Callers write the lists of `provider.only` and the like, so what is remembered for them is bounded.
_MOST_POOLS = 256
_MOST_MODELS = 4096
# Lists of more words are nobody's habit: what they leave is found anew, and takes no memory.
_MOST_WORDS = 32

# What filters look at. Of preferences that is everything but what only ranks; prices are looked at one by one.
_RANKING = frozenset({"sort", "sort_partition", "min_throughput", "max_latency_s", "hedge", "options", "max_price"})
_ASKED = attrgetter("task", "dialects", "needs", "modalities")
_PREFERRED = attrgetter(*(field.name for field in msgspec.structs.fields(Preferences) if field.name not in _RANKING))


@cache
def _step(at: int, count: int) -> FunnelStep:
    return FunnelStep(FILTERS[at - 1].step if at else INITIAL, count)


class Pool:
    """What is left of a model's endpoints. `families` are all the endpoints of its models: the peers of those here.

    `stages` is what was there at first and after each filter, `cuts` the filters that took something away, `steps` the
    funnel without their reasons. `held` keeps what was weighed of it last.
    """

    __slots__ = ("cuts", "endpoints", "families", "held", "stages", "steps")

    def __init__(self, stages: Sequence[Sequence[Endpoint]], families: tuple[Sequence[Endpoint], ...]) -> None:
        self.stages = stages
        self.endpoints = stages[-1]
        self.families = families
        self.cuts = [at for at in range(len(stages) - 1) if len(stages[at + 1]) < len(stages[at])]
        self.steps = [_step(at, len(stage)) for at, stage in enumerate(stages)]
        self.held = HeldScales()


class _Table:
    """The pools of one model, by all that filters look at; prompts and answers only by which limits they exceed."""

    __slots__ = ("_contexts", "_endpoints", "_has_hours", "_outputs", "_pools")

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        # Holding them keeps their identity, by which the table is found, from passing to others.
        self._endpoints = endpoints
        self._contexts = sorted({e.context_length for e in endpoints if e.context_length is not None})
        self._outputs = sorted({e.max_output for e in endpoints if e.max_output is not None})
        self._has_hours = any(e.price.overrides for e in endpoints)
        self._pools: dict[Hashable, Pool] = {}

    def pool(self, wish: Wish, rates_of: RatesOf) -> Pool:
        preferences = wish.preferences
        if (preferences.max_price and self._has_hours) or _words(preferences) > _MOST_WORDS:
            return sifted(wish, self._endpoints, rates_of)
        key = (
            _ASKED(wish),
            _PREFERRED(preferences),
            tuple(preferences.max_price.items()),
            bisect_left(self._contexts, wish.prompt_tokens),
            None if wish.max_tokens is None else bisect_left(self._outputs, wish.max_tokens),
        )
        pool = self._pools.get(key)
        if pool is None:
            if len(self._pools) >= _MOST_POOLS:
                self._pools.clear()
            pool = self._pools[key] = sifted(wish, self._endpoints, rates_of)
        return pool


def _words(preferences: Preferences) -> int:
    """Return how long the caller's lists are together."""
    return len(preferences.only) + len(preferences.ignore) + len(preferences.order) + len(preferences.quantizations)


class Sieve:
    """The pools of one health board: what was weighed of them holds for what that board expects."""

    __slots__ = ("_tables",)

    def __init__(self) -> None:
        self._tables: dict[int, _Table] = {}

    def sift(self, wish: Wish, endpoints: Sequence[Endpoint], rates_of: RatesOf) -> Pool:
        """Return what the filters leave of all of a model's endpoints, which are the catalogue's own row of them."""
        table = self._tables.get(id(endpoints))
        if table is None:
            if len(self._tables) >= _MOST_MODELS:
                self._tables.clear()
            table = self._tables[id(endpoints)] = _Table(endpoints)
        return table.pool(wish, rates_of)


def sifted(wish: Wish, endpoints: Sequence[Endpoint], rates_of: RatesOf) -> Pool:
    """Apply the filters, remembering nothing."""
    stages = [endpoints]
    for row in FILTERS:
        had = stages[-1]
        stay = row.keep(wish, had, rates_of) if had else had
        stages.append(stay if len(stay) < len(had) else had)
    return Pool(stages, (endpoints,))
