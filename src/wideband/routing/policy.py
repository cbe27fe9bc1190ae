"""The house's own rules of routing, from its settings: which ranker, and what it weighs against what."""

import msgspec


class Weights(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the market ranker trades off; chosen with `wideband simulate` (docs/reference/simulator.md).

    `time` is what a median answer's whole time is worth, in median costs. `edge` says how steeply an endpoint's share
    falls with its adjusted cost. `explore` is the part of the traffic that all endpoints share alike. `error`, `limit`
    and `tool_error` are by how much a share of failed tries, of rate limits and of bad tool calls raises the cost.
    """

    time: float = 0.5
    edge: float = 8.0
    explore: float = 0.02
    error: float = 8.0
    limit: float = 2.0
    tool_error: float = 1.0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How requests are routed that do not say otherwise.

    `hedge` lets a second try begin when the first token is late; at most `hedge_share` of the requests get one.
    """

    ranker: str = "market"
    weights: Weights = Weights()
    hedge: bool = False
    hedge_share: float = 0.05
