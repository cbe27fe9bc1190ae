"""The shapes of a routing decision: what is wanted, what was chosen and why."""

from collections.abc import Collection, Sequence
from typing import Literal

import msgspec

from wideband.canon.faults import Fault
from wideband.canon.request import Json, Task
from wideband.catalog.rows import Endpoint
from wideband.routing.policy import Policy

# How what a model wrote for a program to read fits its JSON Schema.
Verdict = Literal["valid", "invalid_json", "unknown_name", "schema_mismatch"]


class Warm(msgspec.Struct, frozen=True, gc=False):
    """Where a conversation's beginning lies in a provider's prompt cache, and how many tokens of it."""

    endpoint_id: str
    tokens: int


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What routing knows of a request. `models` are resolved ids, in the caller's order of preference.

    `task` is what is to be done, `dialects` those in which it can be asked for (None: any). `sealed_by` is the provider
    whose sealed thinking is in the conversation. `apart` are the preferences model by model, where variants of their
    names gave them different ones; `preferences` are then the first model's. `warm` is where the conversation went so
    far: it stays there while that endpoint is well, unless the caller orders providers. `policy` holds where the
    request says nothing.
    """

    models: tuple[str, ...]
    prompt_tokens: int
    max_tokens: int | None = None
    needs: frozenset[str] = frozenset()
    modalities: frozenset[str] = frozenset()
    task: Task = "generate"
    dialects: frozenset[str] | None = None
    sealed_by: str | None = None
    preferences: "Preferences"
    apart: tuple["Preferences", ...] = ()
    warm: Warm | None = None
    policy: Policy = Policy()


class Preferences(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The caller's `provider` object, checked, and what variants of the model's name add to it.

    Prices in `max_price` are nano-dollars per million tokens or unit.
    `sort_partition` "none" sorts the endpoints of all models together. `min_throughput` (tokens a second) and
    `max_latency_s` are by the percentage of tries that must be as fast ("p50"...): who misses them is asked last.
    `hedge` allows or forbids a second try beside a late one; None leaves it to the house.
    `options` (by provider slug) are kept as asked for. `tiers` are service tiers that need no naming, `tier`
    the one that the request asks for: flex alone where there is any, priority before all others. `free` permits only
    endpoints without a price, `web` only those that search the web themselves.
    """

    order: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow_fallbacks: bool = True
    require_parameters: bool = False
    data_collection: str = "allow"
    zdr: bool = False
    quantizations: tuple[str, ...] = ()
    sort: str | None = None
    sort_partition: str = "model"
    max_price: dict[str, int] = {}
    min_throughput: dict[str, float] = {}
    max_latency_s: dict[str, float] = {}
    enforce_distillable_text: bool = False
    hedge: bool | None = None
    options: dict[str, Json] = {}
    tiers: frozenset[str] = frozenset()
    tier: str | None = None
    free: bool = False
    web: bool = False


class FunnelStep(msgspec.Struct, frozen=True, gc=False):
    """How many endpoints were left after a filter, and why it took some away."""

    step: str
    endpoint_count: int
    reason: str | None = None

    @property
    def shown(self) -> dict[str, Json]:
        """The step as callers are shown it."""
        shown: dict[str, Json] = {"step": self.step, "endpoint_count": self.endpoint_count}
        return shown | {"reason": self.reason} if self.reason else shown


class Weighed(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An endpoint on the scales: what this request is expected to cost there, in money and time, and its share.

    `share` is of the traffic of its model; the shares of a model's endpoints add up to 1. `cost_nano` is nano-dollars,
    `wait_ms` to the first token, `total_ms` to the last. `penalty` is the factor (1 or more) for what goes wrong there.
    `note` says what put it elsewhere than its share would: "warm", "slow", "resting", "full", "poor"...
    """

    endpoint_id: str
    tag: str
    share: float
    cost_nano: int
    wait_ms: float
    total_ms: float
    penalty: float = 1.0
    note: str | None = None


class Weighing(msgspec.Struct, frozen=True, kw_only=True):
    """How a ranker put a row of endpoints in order, and the figures it went by, which are in the order of the row.

    Costs are millionths of a nano-dollar, times seconds. `order` holds places in the row, as `notes` and `poor` do.
    """

    endpoints: Sequence[Endpoint]
    costs: Sequence[float]
    waits: Sequence[float]
    totals: Sequence[float]
    penalties: Sequence[float]
    shares: Sequence[float]
    order: Sequence[int]
    notes: dict[int, str]
    poor: frozenset[int]

    def ranked(self) -> list[Endpoint]:
        """Return the endpoints in order."""
        endpoints = self.endpoints
        return [endpoints[at] for at in self.order]

    def rows(self, wanted: Collection[str]) -> list[Weighed]:
        """Return what was weighed of endpoints (by id), in order."""
        return [
            Weighed(
                endpoint_id=self.endpoints[at].id,
                tag=self.endpoints[at].tag,
                share=self.shares[at],
                cost_nano=round(self.costs[at] / 1_000_000),
                wait_ms=self.waits[at] * 1000,
                total_ms=self.totals[at] * 1000,
                penalty=self.penalties[at],
                note=self.notes.get(at) or ("poor" if at in self.poor else None),
            )
            for at in self.order
            if self.endpoints[at].id in wanted
        ]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Endpoints in the order in which to try them, and the funnel that led there.

    `total` counts the endpoints of all models asked for. `weighings` are what the ranker weighed, model by model.
    `fault` is set when none is left.
    """

    endpoints: tuple[Endpoint, ...]
    funnel: tuple[FunnelStep, ...]
    strategy: str
    total: int
    weighings: tuple[Weighing, ...] = ()
    fault: Fault | None = None

    @property
    def weighed(self) -> tuple[Weighed, ...]:
        """What was weighed, in the order of the plan. Written out when it is looked at: planning is done before."""
        return self.weighed_first(len(self.endpoints))

    def weighed_first(self, most: int) -> tuple[Weighed, ...]:
        """Return what was weighed of the first endpoints of the plan."""
        ids = [endpoint.row_id for endpoint in self.endpoints[:most]]
        wanted = frozenset(ids)
        rows = {row.endpoint_id: row for weighing in self.weighings for row in weighing.rows(wanted)}
        return tuple([rows[id_] for id_ in ids])


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one try told about its endpoint, for the health board. Times are nanoseconds.

    `wait_told` says that the board heard of the first token when it came. `charged_nano` is what its tokens cost.
    `stalls` counts waits of seconds between two events. `tool_calls` and `structured` judge what was called and what
    was written under a schema; None where there was nothing to judge.
    """

    endpoint_id: str
    at_ns: int
    fault: Fault | None = None
    ttft_ns: int | None = None
    wait_told: bool = False
    generation_ns: int | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    charged_nano: int = 0
    stalls: int = 0
    tool_calls: Verdict | None = None
    structured: Verdict | None = None
    cancelled: bool = False
