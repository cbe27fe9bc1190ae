"""The analytics query: metrics by dimensions over time, as OpenRouter's `POST /analytics/query` asks for them.

What is asked for is compiled from tables of SQL; a caller's words only choose rows of these tables, and values are
parameters. Volumes over days come from the cube of keys, everything else from the records themselves.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NoReturn

import msgspec

from wideband.analytics.named import Reader
from wideband.analytics.periods import DAY_S, HOUR_S, Width
from wideband.canon.faults import invalid

Display = Literal["number", "currency", "percent", "latency", "throughput"]
Scalar = str | int | float | bool

MOST_DIMENSIONS, MOST_FILTERS, MOST_ROWS, DEFAULT_ROWS = 2, 20, 10_000, 1_000
VOLUME_DAYS, DETAIL_DAYS, MOST_MINUTES_S = 365, 31, 3 * HOUR_S


class Metric(msgspec.Struct, frozen=True):
    """A figure: over the view `record`, and over the cube `key_day` where that has it. Currency is nano-dollars."""

    label: str
    over_records: str
    over_keys: str | None = None
    display: Display = "number"
    is_rate: bool = False


class Dimension(msgspec.Struct, frozen=True):
    """Something to group and filter by, in SQL over `record` and, where it has that, over `key_day`."""

    label: str
    over_records: str
    over_keys: str | None = None


def _sum(column: str) -> tuple[str, str]:
    return f"sum({column})::BIGINT", f"sum({column})::BIGINT"


def _quantiles(name: str, label: str, column: str, display: Display) -> dict[str, Metric]:
    return {
        f"avg_{name}": Metric(f"Average {label}", f"avg({column})", None, display, is_rate=True),
        **{
            f"p{part}_{name}": Metric(
                f"{label} p{part}", f"quantile_cont({column}, 0.{part})", None, display, is_rate=True
            )
            for part in (50, 90, 99)
        },
    }


METRICS: dict[str, Metric] = {
    "request_count": Metric("Requests", "count(*)", "sum(requests)::BIGINT"),
    "tokens_total": Metric("Tokens", *_sum("tokens")),
    "tokens_prompt": Metric("Prompt tokens", *_sum("prompt_tokens")),
    "tokens_completion": Metric("Completion tokens", *_sum("completion_tokens")),
    "reasoning_tokens": Metric("Reasoning tokens", *_sum("reasoning_tokens")),
    "cached_tokens": Metric("Cached tokens", *_sum("cached_tokens")),
    "byok_request_count": Metric("Requests on own keys", "count(*) FILTER (is_byok)", "sum(byok_requests)::BIGINT"),
    "total_usage": Metric("Spend", *_sum("cost_nano"), "currency"),
    "credits_usage": Metric("Spend of credits", *_sum("cost_nano"), "currency"),
    "byok_usage": Metric("Providers' charges on own keys", *_sum("upstream_cost_nano"), "currency"),
    "usage_cache": Metric("Saved by prompt caches", "sum(cache_discount_nano)::BIGINT", None, "currency"),
    "cache_hit_rate": Metric(
        "Share of prompt tokens cached",
        "sum(cached_tokens) / nullif(sum(prompt_tokens), 0)",
        "sum(cached_tokens) / nullif(sum(prompt_tokens), 0)",
        "percent",
        is_rate=True,
    ),
    "error_rate": Metric(
        "Share of requests that failed",
        "count(*) FILTER (outcome = 'failed') / nullif(count(*), 0)",
        "sum(failed) / nullif(sum(requests), 0)",
        "percent",
        is_rate=True,
    ),
    "failover_count": Metric("Failovers the caller did not see", "count(*) FILTER (is_saved)"),
    "response_cached_count": Metric("Answers from the response cache", "count(*) FILTER (is_replayed)"),
    "response_cached_rate": Metric(
        "Share of answers from the response cache",
        "count(*) FILTER (is_replayed) / nullif(count(*), 0)",
        None,
        "percent",
        is_rate=True,
    ),
    "tool_call_error_rate": Metric(
        "Share of judged tool calls that were not valid",
        "count(*) FILTER (tool_verdict <> 'valid') / nullif(count(tool_verdict), 0)",
        None,
        "percent",
        is_rate=True,
    ),
    **_quantiles("latency", "Time to first token", "ttft_ms", "latency"),
    **_quantiles("throughput", "Tokens a second", "tokens_per_s", "throughput"),
}

DIMENSIONS: dict[str, Dimension] = {
    "model": Dimension("Model", "model", "model"),
    "provider": Dimension("Provider", "coalesce(provider, '')", "provider"),
    "endpoint": Dimension("Endpoint", "coalesce(endpoint_id, '')", "endpoint_id"),
    "api_key_id": Dimension("Key", "key_hash", "key_hash"),
    "workspace": Dimension("Account", "account_id", "account_id"),
    "variant": Dimension("Variant", "coalesce(nullif(split_part(requested_model, ':', 2), ''), 'standard')"),
    "app": Dimension("App", "coalesce(app, '')"),
    "user": Dimension("User", "coalesce(\"user\", '')"),
    "external_user": Dimension("End user", "coalesce(\"user\", '')"),
    "origin": Dimension("Origin", "coalesce(app_url, '')"),
    "finish_reason": Dimension("Finish reason", "coalesce(finish_reason, '')"),
    "outcome": Dimension("Outcome", "outcome"),
    "task": Dimension("Kind of work", "coalesce(task_tag, '')"),
    "api_type": Dimension("Protocol", "api_type"),
    "context_length_bucket": Dimension("Prompt length", "context_bucket"),
    "generation_id": Dimension("Generation", "id"),
}

GRANULARITIES: dict[Width, str] = {
    "minute": "Minute",
    "hour": "Hour",
    "day": "Day",
    "week": "Week",
    "month": "Month",
}
OPERATORS: dict[str, str] = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "in": "IN",
    "not_in": "NOT IN",
}


class Filter(msgspec.Struct, frozen=True):
    """A condition on a dimension. `include_unset` keeps what has no value, for `in` and `not_in`."""

    field: str
    operator: str
    value: Scalar | list[Scalar]
    include_unset: bool = False


class Order(msgspec.Struct, frozen=True):
    """What the rows are ordered by: a metric, a dimension or `date`."""

    field: str
    direction: Literal["asc", "desc"] = "desc"


class Asked(msgspec.Struct, frozen=True):
    """A question that was read and found sound; times are unix seconds, the end left out."""

    metrics: tuple[str, ...]
    dimensions: tuple[str, ...]
    filters: tuple[Filter, ...]
    granularity: Width | None
    start_s: int
    end_s: int
    order: Order | None
    limit: int
    group_limit: int | None = None


def check(asked: Asked) -> None:
    """Refuse what cannot be answered. Raises `Faulted` (invalid_request) that names the field and what there is."""
    if not asked.metrics:
        _refuse("metrics", "name at least one metric; `GET /analytics/meta` lists them")
    _known("metrics", asked.metrics, METRICS)
    _known("dimensions", asked.dimensions, DIMENSIONS)
    if len(asked.dimensions) > MOST_DIMENSIONS:
        _refuse("dimensions", f"at most {MOST_DIMENSIONS} dimensions")
    if len(asked.filters) > MOST_FILTERS:
        _refuse("filters", f"at most {MOST_FILTERS} filters")
    for each in asked.filters:
        _known("filters", (each.field,), DIMENSIONS)
        _known("operator", (each.operator,), OPERATORS)
        if isinstance(each.value, list) != (each.operator in ("in", "not_in")):
            _refuse(
                "filters", f"`{each.operator}` takes {'a list' if each.operator in ('in', 'not_in') else 'one value'}"
            )
    if not 1 <= asked.limit <= MOST_ROWS:
        _refuse("limit", f"from 1 to {MOST_ROWS}")
    if asked.group_limit is not None and asked.group_limit < 1:
        _refuse("group_limit", "1 or more")
    _check_span(asked)
    if asked.order is not None:
        dated = ("date",) if asked.granularity else ()
        _known("order_by", (asked.order.field,), (*asked.metrics, "request_count", *asked.dimensions, *dated))


def _check_span(asked: Asked) -> None:
    length_s = asked.end_s - asked.start_s
    if length_s <= 0:
        _refuse("time_range", "`start` must lie before `end`")
    if asked.granularity == "minute" and length_s > MOST_MINUTES_S:
        _refuse("granularity", "minutes are told for at most three hours")
    most = VOLUME_DAYS if uses_cube(asked) or not _detailed(asked) else DETAIL_DAYS
    if length_s > most * DAY_S:
        _refuse("time_range", f"at most {most} days for these metrics and dimensions")


def _detailed(asked: Asked) -> bool:
    """Say whether the question is about single requests rather than volumes."""
    return any(METRICS[name].is_rate for name in asked.metrics) or "generation_id" in asked.dimensions


def uses_cube(asked: Asked) -> bool:
    """Say whether the cube of keys can answer, which is quick over any span."""
    fields = (*asked.dimensions, *(each.field for each in asked.filters))
    midnights = asked.start_s % DAY_S == 0 and asked.end_s % DAY_S == 0
    return (
        midnights
        and asked.granularity not in ("minute", "hour")
        and all(METRICS[name].over_keys for name in asked.metrics)
        and all(DIMENSIONS[name].over_keys for name in fields)
    )


def compiled(asked: Asked, account_id: str | None) -> tuple[str, tuple[Any, ...]]:
    """Return the statement for a sound question and its parameters; one row more than asked for is let through."""
    cube = uses_cube(asked)
    dimensions = {name: _over(DIMENSIONS[name], cube=cube) for name in asked.dimensions}
    metrics = {name: _over(METRICS[name], cube=cube) for name in asked.metrics}
    parameters: list[Any] = [asked.start_s, asked.end_s]
    columns = [f"{sql} AS {name}" for name, sql in (*dimensions.items(), *metrics.items())]
    if asked.granularity:
        # From a table of ours: the words of a caller never get here.
        columns.insert(0, f"epoch(date_trunc('{asked.granularity}', \"at\"))::BIGINT AS date")
    where = ['"at" >= make_timestamp($1 * 1000000::BIGINT)', '"at" < make_timestamp($2 * 1000000::BIGINT)']
    if account_id is not None:
        parameters.append(account_id)
        where.append(f"account_id = ${len(parameters)}")
    for each in asked.filters:
        parameters.append(each.value)
        where.append(_condition(each, _over(DIMENSIONS[each.field], cube=cube), len(parameters)))
    text = ["SELECT", ", ".join(columns), "FROM", "key_day" if cube else "record", "WHERE", " AND ".join(where)]
    keys = [*(["date"] if asked.granularity else []), *asked.dimensions]
    if keys:
        text += ["GROUP BY", ", ".join(keys)]
    if asked.group_limit and asked.dimensions and asked.granularity:
        groups = ", ".join(asked.dimensions)
        text.append(f"QUALIFY row_number() OVER (PARTITION BY {groups} ORDER BY date) <= {asked.group_limit}")
    text += ["ORDER BY", _order(asked, keys, cube=cube), "LIMIT", str(asked.limit + 1)]
    return " ".join(text), tuple(parameters)


async def rows(reader: Reader, asked: Asked, account_id: str | None) -> tuple[list[dict[str, Any]], bool]:
    """Return the rows, money still in nano-dollars, and whether there would be more.

    `account_id` bounds what is seen; None sees all. Raises `Faulted` (unavailable).
    """
    sql, parameters = compiled(asked, account_id)
    table = await reader.read(sql, parameters)
    found = [dict(zip(table.columns, row, strict=True)) for row in table.rows[: asked.limit]]
    return found, len(table.rows) > asked.limit


def _over(row: Metric | Dimension, *, cube: bool) -> str:
    return row.over_keys if cube and row.over_keys else row.over_records


def _condition(each: Filter, sql: str, number: int) -> str:
    if each.operator in ("in", "not_in"):
        unset = f" OR {sql} = ''" if each.include_unset else ""
        return f"({sql} {OPERATORS[each.operator]} (SELECT unnest(${number}::VARCHAR[])){unset})"
    return f"{sql} {OPERATORS[each.operator]} ${number}::VARCHAR"


def _order(asked: Asked, keys: list[str], *, cube: bool) -> str:
    rest = [f"{key} ASC" for key in keys] or ["1"]
    if asked.order is None:
        return ", ".join([f"{asked.metrics[0]} DESC NULLS LAST", *rest] if not asked.granularity else rest)
    field = asked.order.field
    known = field in (*asked.metrics, *keys)
    sql = field if known else _over(METRICS[field], cube=cube)
    return ", ".join([f"{sql} {'ASC' if asked.order.direction == 'asc' else 'DESC'} NULLS LAST", *rest])


def _known(param: str, names: Iterable[str], table: Mapping[str, Any] | Iterable[str]) -> None:
    for name in names:
        if name not in table:
            _refuse(param, f"`{name[:60]}` is not known; there are {', '.join(table)}")


def _refuse(param: str, why: str) -> NoReturn:
    raise invalid(f"`{param}`: {why}.", param)
