"""The house's own rules of routing, from its settings: which ranker, and what it weighs against what."""

from typing import Annotated

import msgspec

Weight = Annotated[float, msgspec.Meta(ge=0, le=1000)]
# Beyond this an endpoint a tenth dearer would get nothing but what explores.
Edge = Annotated[float, msgspec.Meta(ge=0, le=64)]
# Never zero: who is never asked can never show that it has become better.
Explore = Annotated[float, msgspec.Meta(ge=0.001, le=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Weights(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the market ranker trades off; chosen with `wideband simulate` (docs/reference/simulator.md).

    `time` is what a median answer's whole time is worth, in median costs. `edge` says how steeply an endpoint's share
    falls with its adjusted cost. `explore` is the part of the traffic that all endpoints share alike. `error`, `limit`
    and `tool_error` are by how much a share of failed tries, of rate limits and of bad tool calls raises the cost.
    """

    time: Weight = 0.5
    edge: Edge = 24.0
    explore: Explore = 0.01
    error: Weight = 30.0
    limit: Weight = 1.0
    tool_error: Weight = 1.0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How requests are routed that do not say otherwise.

    `ranker` is "market" or one of the other sorts that a request can ask for (docs/reference/routing.md). `hedge` lets
    a second try begin when the first token is late; at most `hedge_share` of the requests get one.
    """

    ranker: str = "market"
    weights: Weights = Weights()
    hedge: bool = False
    hedge_share: Share = 0.05
