"""What endpoints are expected to cost a request, in money and in time.

All that does not depend on the one request is prepared when the outlook changes, about once a second. Costs are in
millionths of a nano-dollar, as prices are nano-dollars per million tokens.
"""

from collections.abc import Mapping, Sequence

import msgspec

from wideband.catalog.rows import Endpoint, Rates
from wideband.routing.market import time_terms
from wideband.routing.outlook import Outlook
from wideband.routing.plans import Wish
from wideband.routing.policy import Weights

TOKENS_A_PRICE = 1_000_000


class Scales(msgspec.Struct, frozen=True, kw_only=True):
    """A row of endpoints as one kind of request finds them; all lists are in the row's order.

    `prompt` and `mixed` are prices of a prompt token, without a cache and with what it usually takes off; `rest` is
    what else a request costs. `waits` and `totals` are seconds to the first token and to the last, `times` what the
    market adds for these. `penalties` are factors (1 or more) for what goes wrong there. `poor` are those of poor
    quality where that matters, `limited` those that may be full. `timed` have prices of the hour or the length, which
    each request looks up. `places` are by id.
    """

    endpoints: Sequence[Endpoint]
    outlooks: list[Outlook]
    outputs: list[float]
    prompt: list[int]
    mixed: list[float]
    rest: list[float]
    waits: list[float]
    totals: list[float]
    times: list[float]
    penalties: list[float]
    poor: frozenset[int]
    limited: list[int]
    timed: list[int]
    places: dict[str, int]


class HeldScales:
    """Where the scales of a pool are kept until the outlook of its endpoints changes."""

    __slots__ = ("_kinds", "_longest", "_outlooks", "_weights")

    def __init__(self) -> None:
        self._outlooks: Mapping[str, Outlook] | None = None
        self._weights: Weights | None = None
        self._longest = 0.0
        self._kinds: dict[tuple[float | None, bool], Scales] = {}

    def scales(self, wish: Wish, endpoints: Sequence[Endpoint], outlooks: Mapping[str, Outlook]) -> Scales:
        """Return the scales for a request. The same mapping of outlooks must always hold the same."""
        weights = wish.policy.weights
        if outlooks is not self._outlooks or weights is not self._weights:
            self._outlooks, self._weights = outlooks, weights
            self._longest = max([outlooks[e.id].output_tokens for e in endpoints])
            self._kinds = {}
        if wish.task != "generate":
            cap: float | None = 0
        else:
            cap = wish.max_tokens if wish.max_tokens is not None and wish.max_tokens < self._longest else None
        kind = cap, "tools" in wish.needs
        found = self._kinds.get(kind)
        if found is None:
            found = self._kinds[kind] = _scales(endpoints, outlooks, weights, *kind)
        return found


def _scales(
    endpoints: Sequence[Endpoint],
    outlooks: Mapping[str, Outlook],
    weights: Weights,
    cap: float | None,
    has_tools: bool,
) -> Scales:
    seen = [outlooks[e.id] for e in endpoints]
    base = [e.price.base for e in endpoints]
    outputs = [o.output_tokens if cap is None else min(cap, o.output_tokens) for o in seen]
    totals = [o.wait_s + output * o.token_s for o, output in zip(seen, outputs, strict=True)]
    return Scales(
        endpoints=endpoints,
        outlooks=seen,
        outputs=outputs,
        prompt=[rates.prompt for rates in base],
        mixed=[rates.prompt - o.cached * _off(rates) for rates, o in zip(base, seen, strict=True)],
        rest=[_rest(rates, output) for rates, output in zip(base, outputs, strict=True)],
        waits=[o.wait_s for o in seen],
        totals=totals,
        times=time_terms(totals, weights),
        penalties=[_penalty(o, weights, has_tools) for o in seen],
        poor=frozenset(at for at, o in enumerate(seen) if has_tools and o.quality == "poor"),
        limited=[at for at, o in enumerate(seen) if o.is_full or o.limits],
        timed=[at for at, e in enumerate(endpoints) if e.price.overrides],
        places={e.id: at for at, e in enumerate(endpoints)},
    )


def _penalty(outlook: Outlook, weights: Weights, has_tools: bool) -> float:
    factor = (1 + weights.error * outlook.errors) * (1 + weights.limit * outlook.limits)
    return factor * (1 + weights.tool_error * outlook.tool_errors) if has_tools else factor


def cost(rates: Rates, tokens: int, cached: float, output: float) -> float:
    """Return what a prompt, so many tokens of it cached, and an answer cost."""
    return tokens * rates.prompt - cached * _off(rates) + _rest(rates, output)


def _rest(rates: Rates, output: float) -> float:
    return output * rates.completion + rates.request * TOKENS_A_PRICE


def _off(rates: Rates) -> int:
    """Return what a cached token costs less than another."""
    return 0 if rates.cache_read is None else max(0, rates.prompt - rates.cache_read)
