"""What the cubes have to say, added up in Python from the records themselves."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from wideband.metering.record import Generation, Try

# One group of a cube: start of its bar in unix seconds, then dimensions; measure -> sum.
Sums = dict[tuple[Any, ...], Counter[str]]
# What a provider may refuse that is the caller's doing.
CALLERS = ("context_length_exceeded", "content_policy_violation", "provider_rejected")
WIDTHS_S = {"minute": 60, "hour": 3600, "day": 86_400}


def bar(at_ns: int, width: str) -> int:
    at_s = at_ns // 1_000_000_000
    if width == "month":
        return int(datetime.fromtimestamp(at_s, UTC).replace(day=1, hour=0, minute=0, second=0).timestamp())
    return at_s - at_s % WIDTHS_S[width]


def outcome(record: Generation) -> str:
    if record.cancelled or record.status == 499:
        return "cancelled"
    return "ok" if record.fault is None and record.status < 400 else "failed"


def app(record: Generation) -> str:
    if record.app_title and record.app_title.strip():
        return record.app_title.strip()
    host = urlsplit(record.app_url or "").hostname
    return host or (record.user_agent or "").split("/")[0].split(" ")[0].split("(")[0]


def context(record: Generation) -> str:
    limits = ((1_000, "1K"), (10_000, "10K"), (100_000, "100K"), (1_000_000, "1M"))
    return next((name for limit, name in limits if record.prompt_tokens < limit), "10M")


def speed(record: Generation) -> float | None:
    ms = (record.ttft_ms or 0) + (record.generation_ms or 0)
    if record.completion_tokens < 8 or record.generation_ms is None or record.is_replayed or ms <= 0:
        return None
    return record.completion_tokens * 1000 / ms


def bucket(name: str, value: float | None) -> dict[str, int]:
    return {} if value is None or value <= 0 else {f"{name}[{math.floor(math.log2(value) * 8)}]": 1}


def volume(record: Generation) -> dict[str, int]:
    return {
        "requests": 1,
        "failed": outcome(record) == "failed",
        "tokens": record.prompt_tokens + record.completion_tokens,
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "cost_nano": record.cost_nano,
    }


def usage(record: Generation) -> dict[str, int]:
    failed_before = any(one.fault not in (None, "cancelled") for one in record.tries)
    return {
        **volume(record),
        "ok": outcome(record) == "ok",
        "cancelled": outcome(record) == "cancelled",
        "served": outcome(record) == "ok" and bool(record.tries),
        "unserved": outcome(record) == "failed" and bool(record.tries) and record.fault not in CALLERS,
        "saved": record.fault is None and record.status < 400 and not record.cancelled and failed_before,
        "cached_tokens": record.cached_tokens,
        "cache_write_tokens": record.cache_write_tokens + record.cache_write_1h_tokens,
        "tools_judged": record.tool_verdict is not None,
        "tools_valid": record.tool_verdict == "valid",
        "stalls": record.stalls,
        "timed": speed(record) is not None,
        "timed_tokens": record.completion_tokens if speed(record) is not None else 0,
        **bucket("latency", record.duration_ms),
        **bucket("ttft", record.ttft_ms),
        **bucket("speed", speed(record)),
    }


def tried(one: Try) -> dict[str, int]:
    return {
        "tries": 1,
        "ok": one.fault is None,
        "down": one.counted_as_down,
        "limited": one.fault == "provider_rate_limited",
        "hedges": one.hedge,
        "wasted_nano": one.wasted_nano,
        **(bucket("ttft", one.ttft_ms) if one.fault is None else {}),
    }


def tried_ns(record: Generation, one: Try) -> int:
    """Return when a try counts: when it began, within the hour of its record."""
    hour_ns = 3_600_000_000_000
    last_ns = record.created_ns // hour_ns * hour_ns + hour_ns - 1
    return max(record.created_ns, min(one.started_ns, last_ns))


def facts(cube: str, record: Generation) -> Iterator[tuple[int, dict[str, Any], dict[str, int]]]:
    """Yield when, of what and what a record adds to a cube."""
    model, provider, simulated = record.model, record.provider or "", record.simulated
    if cube == "tries":
        for one in record.tries:
            what = {"model": one.model, "provider": one.provider, "endpoint_id": one.endpoint_id}
            yield tried_ns(record, one), what, tried(one)
        return
    kinds: dict[str, dict[str, Any]] = {
        "usage": {
            "model": model,
            "author": model.split("/")[0],
            "provider": provider,
            "endpoint_id": record.endpoint_id or "",
            "simulated": simulated,
        },
        "app": {"app": app(record), "model": model, "simulated": simulated},
        "key": {"account_id": record.account_id, "key_hash": record.key_hash, "model": model, "provider": provider},
        "task": {"task_tag": record.task_tag or "", "model": model, "simulated": simulated},
        "context": {"context_bucket": context(record), "model": model, "simulated": simulated},
        "person": {"person": record.user or record.account_id},
    }
    person = {name: volume(record)[name] for name in ("requests", "tokens", "cost_nano")}
    yield (
        record.created_ns,
        kinds[cube],
        usage(record) if cube == "usage" else person if cube == "person" else volume(record),
    )


def expected(cube: str, width: str, records: Iterable[Generation], since_s: int = 0) -> Sums:
    """Return what a view has to say since an instant; sums of nothing are left out."""
    sums: Sums = {}
    for record in records:
        for at_ns, what, measures in facts(cube, record):
            start_s = bar(at_ns, width)
            if start_s >= since_s:
                sums.setdefault((start_s, *what.values()), Counter()).update(measures)
    return {key: +counts for key, counts in sums.items()}


def dimensions(cube: str, records: Iterable[Generation]) -> list[str]:
    """Return the dimensions of a cube that are compared."""
    return next(list(what) for record in records for _, what, _ in facts(cube, record))
