"""What queries read: the tables of records with their derived columns, and the cubes that records are folded into.

A cube has one view for each of its widths, `usage_minute`, `usage_hour`, `usage_day`..., with the columns `at`
(TIMESTAMP, the start of the minute, hour or day, UTC), its dimensions and its measures. A view is whole: what is not
folded yet is added up from the records themselves, so a record counts as soon as it is shipped. Rows of one group may
come in several parts: always sum. A `MAP(INTEGER, BIGINT)` measure is a histogram, bucket -> count, to be merged by
unnesting its entries; the bucket of a value is `floor(log2(value) * 8)`.

`beginning` has one row, whose `at` is the day of the oldest record. The `at` of `sealed_until` is since when all
records are in the table `generation`: whoever asks for those alone need not have the files of days looked at.
"""

import msgspec

from wideband.canon.faults import RULES, FaultKind

# Columns that a record gains when it is shipped: name -> (type, SQL over a record with its `tries`).
# They stand in `generation` (hot), in the sealed Parquet files and in the view `record`, which is both.
DERIVED: dict[str, tuple[str, str]] = {
    "at": ("TIMESTAMP", "make_timestamp(created_ns // 1000)"),
    "outcome": (
        "VARCHAR",
        (
            "CASE WHEN cancelled OR status = 499 THEN 'cancelled' WHEN fault IS NULL AND status < 400 THEN 'ok'"
            " ELSE 'failed' END"
        ),
    ),
    "try_count": ("BIGINT", "coalesce(len(tries), 0)"),
    # A failover that the caller did not see: answered, after a try that failed.
    "is_saved": (
        "BOOLEAN",
        (
            "fault IS NULL AND status < 400 AND NOT cancelled"
            " AND len(list_filter(tries, lambda t: t.fault IS NOT NULL AND t.fault <> 'cancelled')) > 0"
        ),
    ),
    "tokens": ("BIGINT", "prompt_tokens + completion_tokens"),
    "app": (
        "VARCHAR",
        (
            "coalesce(nullif(trim(app_title), ''), nullif(regexp_extract(app_url, '^[a-z]+://([^/:?#]+)', 1), ''),"
            " nullif(regexp_extract(user_agent, '^[^/ (]+'), ''))"
        ),
    ),
    "author": ("VARCHAR", "regexp_extract(model, '^[^/]+')"),
    "context_bucket": (
        "VARCHAR",
        (
            "CASE WHEN prompt_tokens < 1000 THEN '1K' WHEN prompt_tokens < 10000 THEN '10K'"
            " WHEN prompt_tokens < 100000 THEN '100K' WHEN prompt_tokens < 1000000 THEN '1M' ELSE '10M' END"
        ),
    ),
    # Output tokens a second over the whole of a try, waiting included, as OpenRouter measures throughput.
    "tokens_per_s": (
        "DOUBLE",
        (
            "CASE WHEN completion_tokens >= 8 AND generation_ms IS NOT NULL AND NOT is_replayed"
            " AND coalesce(ttft_ms, 0) + generation_ms > 0"
            " THEN completion_tokens * 1000.0 / (coalesce(ttft_ms, 0) + generation_ms) END"
        ),
    ),
}

# When a try counts: when it began, but within the hour of its record, so that an hour is made of its own records only.
TRY_AT = (
    "greatest(make_timestamp(created_ns // 1000), least(make_timestamp(started_ns // 1000),"
    " date_trunc('hour', make_timestamp(created_ns // 1000)) + INTERVAL 1 HOUR - INTERVAL 1 MICROSECOND))"
)


class Cube(msgspec.Struct, frozen=True):
    """Records added up by time and dimensions. `source` is `generation` or `try`; texts are SQL over its rows.

    `keep_s` says for each width how long its rows are kept, finest first; None is forever.
    """

    name: str
    source: str
    dimensions: dict[str, str]
    sums: dict[str, str]
    histograms: dict[str, str]
    keep_s: dict[str, int | None]


_DAY = 86_400
_FINE: dict[str, int | None] = {"minute": 2 * _DAY, "hour": 92 * _DAY, "day": None}
_COARSE: dict[str, int | None] = {"hour": 8 * _DAY, "day": None}


def _bucket(value: str) -> str:
    return f"CASE WHEN {value} > 0 THEN floor(log2({value}) * 8)::INTEGER END"


# After a try, these are the caller's doing. That nobody is free or that we failed ourselves is not.
_CALLERS = ", ".join(
    f"'{kind}'"
    for kind, rule in RULES.items()
    if not rule.blames_provider and kind not in {FaultKind.UNAVAILABLE, FaultKind.INTERNAL}
)

_VOLUME = {
    "requests": "count(*)",
    "failed": "count(*) FILTER (outcome = 'failed')",
    "tokens": "sum(tokens)",
    "prompt_tokens": "sum(prompt_tokens)",
    "completion_tokens": "sum(completion_tokens)",
    "reasoning_tokens": "sum(reasoning_tokens)",
    "cached_tokens": "sum(cached_tokens)",
    "cost_nano": "sum(cost_nano)",
}

CUBES: tuple[Cube, ...] = (
    # One row for each endpoint that answered; requests that nobody answered have '' for provider and endpoint.
    Cube(
        name="usage",
        source="generation",
        dimensions={
            "model": "model",
            "author": "author",
            "provider": "coalesce(provider, '')",
            "endpoint_id": "coalesce(endpoint_id, '')",
            "simulated": "simulated",
        },
        sums={
            **_VOLUME,
            "ok": "count(*) FILTER (outcome = 'ok')",
            "cancelled": "count(*) FILTER (outcome = 'cancelled')",
            # What routing is judged by: requests that somebody was asked for, but for what callers did wrong.
            "served": "count(*) FILTER (outcome = 'ok' AND try_count > 0)",
            "unserved": (
                f"count(*) FILTER (outcome = 'failed' AND try_count > 0 AND coalesce(fault, '') NOT IN ({_CALLERS}))"
            ),
            "saved": "count(*) FILTER (is_saved)",
            "cache_write_tokens": "sum(cache_write_tokens + cache_write_1h_tokens)",
            "prompt_cost_nano": "sum(prompt_cost_nano)",
            "completion_cost_nano": "sum(completion_cost_nano)",
            "cache_discount_nano": "sum(cache_discount_nano)",
            "upstream_cost_nano": "sum(upstream_cost_nano)",
            "byok_requests": "count(*) FILTER (is_byok)",
            "replayed": "count(*) FILTER (is_replayed)",
            "tool_requests": "count(*) FILTER (tool_calls > 0)",
            "tool_calls": "sum(tool_calls)",
            "tools_judged": "count(tool_verdict)",
            "tools_valid": "count(*) FILTER (tool_verdict = 'valid')",
            "structured_judged": "count(structured_verdict)",
            "structured_valid": "count(*) FILTER (structured_verdict = 'valid')",
            "stalls": "sum(stalls)",
            "timed": "count(tokens_per_s)",
            "timed_tokens": "sum(completion_tokens) FILTER (tokens_per_s IS NOT NULL)",
            "timed_ms": "sum((coalesce(ttft_ms, 0) + generation_ms)::BIGINT) FILTER (tokens_per_s IS NOT NULL)",
        },
        histograms={
            "latency": _bucket("duration_ms"),
            "ttft": _bucket("ttft_ms"),
            "speed": _bucket("tokens_per_s"),
        },
        keep_s=_FINE,
    ),
    # One row for each endpoint that was asked, whatever became of the request.
    Cube(
        name="tries",
        source="try",
        dimensions={"model": "model", "provider": "provider", "endpoint_id": "endpoint_id"},
        sums={
            "tries": "count(*)",
            "ok": "count(*) FILTER (fault IS NULL)",
            "down": "count(*) FILTER (counted_as_down)",
            # What the downs were, by cause; together they are `down`.
            "overloaded": "count(*) FILTER (counted_as_down AND fault = 'provider_overloaded')",
            "unreachable": "count(*) FILTER (counted_as_down AND fault IN ('provider_unreachable', 'provider_cut'))",
            "late": "count(*) FILTER (counted_as_down AND fault IN ('provider_timeout', 'provider_stalled'))",
            "refused": "count(*) FILTER (counted_as_down AND fault IN ('provider_auth', 'provider_missing'))",
            "broken": (
                "count(*) FILTER (counted_as_down AND fault NOT IN ('provider_overloaded', 'provider_unreachable',"
                " 'provider_cut', 'provider_timeout', 'provider_stalled', 'provider_auth', 'provider_missing'))"
            ),
            "limited": "count(*) FILTER (fault = 'provider_rate_limited')",
            "hedges": "count(*) FILTER (hedge)",
            "wasted_nano": "sum(wasted_nano)",
        },
        histograms={"ttft": _bucket("CASE WHEN fault IS NULL THEN ttft_ms END")},
        keep_s=_FINE,
    ),
    Cube(
        "app",
        "generation",
        {"app": "coalesce(app, '')", "model": "model", "simulated": "simulated"},
        _VOLUME,
        {},
        _COARSE,
    ),
    Cube(
        "key",
        "generation",
        {
            "account_id": "account_id",
            "key_hash": "key_hash",
            "model": "model",
            "provider": "coalesce(provider, '')",
            "endpoint_id": "coalesce(endpoint_id, '')",
        },
        {
            **_VOLUME,
            "byok_requests": "count(*) FILTER (is_byok)",
            "upstream_cost_nano": "sum(upstream_cost_nano)",
        },
        {},
        _COARSE,
    ),
    Cube(
        "task",
        "generation",
        {"task_tag": "coalesce(task_tag, '')", "model": "model", "simulated": "simulated"},
        _VOLUME,
        {},
        _COARSE,
    ),
    Cube(
        "context",
        "generation",
        {"context_bucket": "context_bucket", "model": "model", "simulated": "simulated"},
        _VOLUME,
        {},
        _COARSE,
    ),
    # Who came back, by month: the cohorts of the report.
    Cube(
        "person",
        "generation",
        {"person": "coalesce(nullif(\"user\", ''), account_id)"},
        {"requests": "count(*)", "tokens": "sum(tokens)", "cost_nano": "sum(cost_nano)"},
        {},
        {"day": 62 * _DAY, "month": None},
    ),
)
