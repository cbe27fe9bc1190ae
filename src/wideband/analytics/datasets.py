"""Rankings by day, apps, and an account's own days: what the data API publishes, in rows."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Literal

import msgspec

from wideband.analytics.named import Query, Reader

Every = Literal["day", "week", "month"]

MOST_MODELS = 50
OTHER = "other"


class TokenRow(msgspec.Struct, frozen=True):
    """Tokens of one model in one day, week or month that starts at `date` (YYYY-MM-DD)."""

    date: str
    model: str
    tokens: int


class AppRow(msgspec.Struct, frozen=True):
    """What one app used in a span; `growth` is tokens beyond the mean of the three spans before."""

    app: str
    tokens: int
    requests: int
    growth: float


class ActivityRow(msgspec.Struct, frozen=True):
    """What one account used of one endpoint on one day."""

    date: str
    model: str
    endpoint_id: str
    provider: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    cost_nano: int
    upstream_cost_nano: int


MODEL_TOKENS = Query(
    "datasets.model_tokens",
    """
    SELECT strftime(date_trunc($3, "at"), '%Y-%m-%d') AS date, model, sum(tokens)::BIGINT, sum(tool_calls)::BIGINT
    FROM usage_day WHERE "at" >= make_timestamp($1 * 1000000::BIGINT) AND "at" < make_timestamp($2 * 1000000::BIGINT)
    GROUP BY date, model HAVING sum(tokens) > 0
    """,
)
CONTEXT_TOKENS = Query(
    "datasets.context_tokens",
    """
    SELECT strftime(date_trunc($3, "at"), '%Y-%m-%d') AS date, model, sum(tokens)::BIGINT
    FROM context_day WHERE "at" >= make_timestamp($1 * 1000000::BIGINT) AND "at" < make_timestamp($2 * 1000000::BIGINT)
      AND context_bucket = $4
    GROUP BY date, model HAVING sum(tokens) > 0
    """,
)
TASK_TOKENS = Query(
    "datasets.task_tokens",
    """
    SELECT strftime(date_trunc($3, "at"), '%Y-%m-%d') AS date, model, sum(tokens)::BIGINT
    FROM task_day WHERE "at" >= make_timestamp($1 * 1000000::BIGINT) AND "at" < make_timestamp($2 * 1000000::BIGINT)
      AND task_tag IN (SELECT unnest($4::VARCHAR[]))
    GROUP BY date, model HAVING sum(tokens) > 0
    """,
)
APPS = Query(
    "datasets.apps",
    """
    SELECT app, sum(tokens) FILTER ("at" >= make_timestamp($1 * 1000000::BIGINT))::BIGINT,
      sum(requests) FILTER ("at" >= make_timestamp($1 * 1000000::BIGINT))::BIGINT,
      sum(tokens) FILTER ("at" < make_timestamp($1 * 1000000::BIGINT))::BIGINT
    FROM app_day WHERE "at" >= make_timestamp($3 * 1000000::BIGINT) AND "at" < make_timestamp($2 * 1000000::BIGINT)
      AND app <> ''
    GROUP BY app
    """,
)
ACTIVITY = Query(
    "datasets.activity",
    """
    SELECT strftime("at", '%Y-%m-%d') AS date, model, endpoint_id, provider, sum(requests)::BIGINT AS requests,
      sum(prompt_tokens)::BIGINT, sum(completion_tokens)::BIGINT, sum(reasoning_tokens)::BIGINT,
      sum(cached_tokens)::BIGINT, sum(cost_nano)::BIGINT, sum(upstream_cost_nano)::BIGINT
    FROM key_day WHERE "at" >= make_timestamp($1 * 1000000::BIGINT) AND "at" < make_timestamp($2 * 1000000::BIGINT)
      AND account_id = $3 AND ($4::VARCHAR IS NULL OR key_hash = $4)
    GROUP BY date, model, endpoint_id, provider ORDER BY date DESC, requests DESC, model, endpoint_id
    """,
)
QUERIES = (MODEL_TOKENS, CONTEXT_TOKENS, TASK_TOKENS, APPS, ACTIVITY)


async def model_tokens(
    reader: Reader, start_s: int, end_s: int, every: Every, *, with_tools: bool = False
) -> list[TokenRow]:
    """Return the tokens of every model; with `with_tools` only where the model called a tool in that time."""
    rows = await MODEL_TOKENS.ask(reader, start_s, end_s, every)
    return [TokenRow(date, model, tokens) for date, model, tokens, calls in rows if calls or not with_tools]


async def context_tokens(reader: Reader, start_s: int, end_s: int, every: Every, bucket: str) -> list[TokenRow]:
    """Return the tokens of requests whose prompt falls into a bucket of lengths."""
    return [TokenRow(*row) for row in await CONTEXT_TOKENS.ask(reader, start_s, end_s, every, bucket)]


async def task_tokens(reader: Reader, start_s: int, end_s: int, every: Every, tags: Collection[str]) -> list[TokenRow]:
    """Return the tokens of requests whose kind of work is one of some."""
    return [TokenRow(*row) for row in await TASK_TOKENS.ask(reader, start_s, end_s, every, list(tags))]


def topped(rows: Iterable[TokenRow], most: int = MOST_MODELS) -> list[TokenRow]:
    """Return each date's first models, by tokens and then by name, and one row `other` for the rest, last."""
    by_date: dict[str, list[TokenRow]] = defaultdict(list)
    for row in rows:
        by_date[row.date].append(row)
    shown: list[TokenRow] = []
    for date in sorted(by_date):
        ranked = sorted(by_date[date], key=lambda row: (-row.tokens, row.model))
        shown += ranked[:most]
        if rest := ranked[most:]:
            shown.append(TokenRow(date, OTHER, sum(row.tokens for row in rest)))
    return shown


async def apps(reader: Reader, start_s: int, end_s: int) -> list[AppRow]:
    """Return the apps that were there in a span, with what they grew by; in no order."""
    before_s = start_s - 3 * (end_s - start_s)
    return [
        AppRow(app, tokens or 0, requests or 0, (tokens or 0) - (before or 0) / 3)
        for app, tokens, requests, before in await APPS.ask(reader, start_s, end_s, before_s)
        if requests
    ]


async def activity(
    reader: Reader, start_s: int, end_s: int, account_id: str, key_hash: str | None = None
) -> list[ActivityRow]:
    """Return an account's days, newest first; of one of its keys if it is named."""
    return [ActivityRow(*row) for row in await ACTIVITY.ask(reader, start_s, end_s, account_id, key_hash)]
