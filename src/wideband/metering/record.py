"""The record of one metered request: the truth that analytics is derived from."""

import msgspec

from wideband.routing.plans import Weighed


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream call of a request. Durations are milliseconds; `status` is the HTTP status, 0 for none.

    `hedge` marks a second try that ran beside another; `wasted_nano` is what a try that was given up may have cost at
    the provider, which no caller is charged.
    """

    endpoint_id: str
    provider: str
    provider_name: str
    model: str
    status: int
    fault: str | None = None
    message: str | None = None
    counted_as_down: bool = False
    started_ns: int = 0
    headers_ms: float | None = None
    ttft_ms: float | None = None
    duration_ms: float = 0.0
    upstream_id: str | None = None
    hedge: bool = False
    is_byok: bool = False
    wasted_nano: int = 0


class Generation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Exactly one per request that was understood, whatever became of it.

    Money is integer nano-dollars; `created_ns` is unix nanoseconds UTC; durations are milliseconds. `status` is what
    the caller was told (499 when it left first); `lane` is fast, translated or none.

    `strategy` is how the plan was ranked, `weighed` what it weighed, best first, `is_warm` whether the conversation was
    kept where its prompt was cached. `tool_verdict` and `structured_verdict` judge what the model wrote for programs,
    `stalls` counts waits of seconds inside the answer. `is_byok` says that the account's own provider key was used:
    `cost_nano` is then what we charge for that and `upstream_cost_nano` what the provider charges. `is_insured` says
    that an empty answer was not charged, `is_replayed` that it came from the response cache. `task_tag` is what kind of
    work was asked for.
    """

    id: str
    created_ns: int
    account_id: str
    key_hash: str
    api_type: str
    dialect_in: str
    dialect_out: str | None
    lane: str
    requested_model: str
    model: str
    provider: str | None
    provider_name: str | None
    endpoint_id: str | None
    upstream_id: str | None
    streamed: bool
    cancelled: bool
    status: int
    fault: str | None
    fault_message: str | None
    finish_reason: str | None
    native_finish_reason: str | None
    tries: tuple[Try, ...]
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    reasoning_tokens: int
    usage_source: str
    tool_calls: int
    cost_nano: int
    prompt_cost_nano: int
    completion_cost_nano: int
    cache_discount_nano: int
    rates: dict[str, int | None]
    held_nano: int
    latency_ms: float | None
    ttft_ms: float | None
    generation_ms: float | None
    duration_ms: float
    losses: tuple[str, ...] = ()
    simulated: bool = False
    search_units: int = 0
    session_id: str | None = None
    user: str | None = None
    app_url: str | None = None
    app_title: str | None = None
    user_agent: str | None = None
    strategy: str | None = None
    weighed: tuple[Weighed, ...] = ()
    is_warm: bool = False
    tool_verdict: str | None = None
    structured_verdict: str | None = None
    stalls: int = 0
    service_tier: str | None = None
    is_byok: bool = False
    upstream_cost_nano: int = 0
    is_insured: bool = False
    is_replayed: bool = False
    preset: str | None = None
    task_tag: str | None = None
