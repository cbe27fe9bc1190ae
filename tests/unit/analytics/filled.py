"""An archive with a few hundred varied records of forty days, always the same, and whoever reads it."""

import random
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest

from wideband.metering.record import Generation, Try
from wideband.routing.plans import Weighed
from wideband.store.archive import FILE, Archive
from wideband.store.base import Table
from wideband.store.keeping import Keeping
from wideband.wire import jsons

# The present of all tests over it: Sunday 2026-11-22, 12:30 UTC.
NOW_S = 1_795_350_600
DAYS = 40
COUNT = 600

# Model, dollars for a million prompt tokens and completion tokens in nano-dollars for one token, its providers.
MODELS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("anthropic/claude-sonnet-4.5", 3_000, 15_000, ("anthropic", "bedrock")),
    ("openai/gpt-5-mini", 250, 2_000, ("openai", "azure")),
    ("moonshotai/kimi-k2", 600, 2_500, ("moonshot", "groq", "deepinfra")),
    ("meta-llama/llama-3.3-70b-instruct", 100, 320, ("groq", "deepinfra")),
)
# Title, URL, user agent; what is shown of an app comes from the first of them that is there.
APPS: tuple[tuple[str | None, str | None, str | None], ...] = (
    ("Night Shift", "https://nightshift.example/app", "openai-python/3.0"),
    (None, "https://docs.example:8443/chat", "python-httpx/1.0 (linux)"),
    (None, None, "curl/8.9"),
    (None, None, None),
    ("  ", None, "cline/4.1"),
)
ACCOUNTS = ("local", "acme")
KEYS = ("1" * 64, "2" * 64, "3" * 64)
TASKS = ("code:write", "code:review", "general:chat", None)
FAULTS = ("provider_rate_limited", "provider_unavailable", "provider_timeout", "provider_invalid_response")


def records(count: int = COUNT, seed: int = 7, days: int = DAYS) -> list[Generation]:
    """Return records in the order of their time; about a third lies in the last day, some in the last hour."""
    chance = random.Random(seed)
    made = [_record(chance, number, _age_s(chance, number, days)) for number in range(count)]
    return sorted(made, key=lambda record: record.created_ns)


def _age_s(chance: random.Random, number: int, days: int) -> float:
    spans = (3_600, 86_400, days * 86_400, days * 86_400)
    return chance.uniform(1, spans[number % len(spans)])


def _record(chance: random.Random, number: int, age_s: float) -> Generation:
    model, prompt_price, completion_price, providers = chance.choice(MODELS)
    title, url, agent = chance.choice(APPS)
    created_ns = int((NOW_S - age_s) * 1e9) // 1000 * 1000
    prompt = chance.choice(
        (chance.randrange(1, 999), chance.randrange(1_000, 9_999), chance.randrange(10_000, 300_000))
    )
    account = chance.choice(ACCOUNTS)
    tries = _tries(chance, model, providers, created_ns)
    answered = bool(tries) and tries[-1].fault is None
    cancelled = answered and chance.random() < 0.05
    replayed = answered and not cancelled and chance.random() < 0.04
    completion = chance.randrange(1, 2_000) if answered else 0
    cached = prompt // 2 if answered and chance.random() < 0.3 else 0
    tool_calls = chance.choice((0, 0, 1, 3)) if answered else 0
    return Generation(
        id=f"gen-{created_ns // 1_000_000_000}-{number:020x}",
        created_ns=created_ns,
        account_id=account,
        key_hash=chance.choice(KEYS),
        api_type="completions",
        dialect_in=chance.choice(("openai_chat", "anthropic_messages")),
        requested_model=model,
        model=model,
        upstream_id=f"up-{number}" if answered else None,
        streamed=chance.random() < 0.6,
        cancelled=cancelled,
        tries=() if replayed else tries,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        cache_write_tokens=chance.choice((0, 100)) if answered else 0,
        cache_write_1h_tokens=chance.choice((0, 10)) if answered else 0,
        reasoning_tokens=completion // 3,
        tool_calls=tool_calls,
        cache_discount_nano=cached * prompt_price // 2,
        rates={"prompt": prompt_price * 1_000_000, "completion": completion_price * 1_000_000, "image": None},
        held_nano=1_000_000,
        simulated=number % 10 == 0,
        app_url=url,
        app_title=title,
        user_agent=agent,
        weighed=_weighed(model, providers) if tries else (),
        is_replayed=replayed,
        **_ending(tries, cancelled),
        **_cost(prompt * prompt_price, completion * completion_price, answered and not replayed),
        **_course(chance, answered, tool_calls),
    )


def _ending(tries: Sequence[Try], cancelled: bool) -> dict[str, Any]:
    """Return who answered a request, or why nobody did."""
    last = tries[-1] if tries else None
    by = last if last and last.fault is None else None
    unanswered = last.status if last else 402
    return {
        "dialect_out": "openai_chat" if by else None,
        "lane": "fast" if by else "none",
        "provider": by.provider if by else None,
        "provider_name": by.provider_name if by else None,
        "endpoint_id": by.endpoint_id if by else None,
        "status": 499 if cancelled else 200 if by else unanswered,
        "fault": last.fault if last else "payment_required",
        "fault_message": None if by else "It could not be answered.",
        "finish_reason": "stop" if by else None,
        "native_finish_reason": "end_turn" if by else None,
        "usage_source": "provider" if by else "none",
        "ttft_ms": last.ttft_ms if last else None,
        "strategy": "market" if last else None,
    }


def _cost(prompt_nano: int, completion_nano: int, is_charged: bool) -> dict[str, Any]:
    return {
        "cost_nano": (prompt_nano + completion_nano) * is_charged,
        "prompt_cost_nano": prompt_nano * is_charged,
        "completion_cost_nano": completion_nano * is_charged,
    }


def _course(chance: random.Random, answered: bool, tool_calls: int) -> dict[str, Any]:
    """Return how long a request took, for whom it was, and what was noted about its answer."""
    return {
        "latency_ms": chance.uniform(1, 9) if answered else None,
        "generation_ms": chance.uniform(100, 20_000) if answered else None,
        "duration_ms": chance.uniform(50, 30_000),
        "losses": ("reasoning",) if chance.random() < 0.1 else (),
        "session_id": f"session-{chance.randrange(9)}" if chance.random() < 0.5 else None,
        "user": f"user-{chance.randrange(12)}" if chance.random() < 0.7 else None,
        "is_warm": chance.random() < 0.2,
        "tool_verdict": chance.choice(("valid", "invalid")) if tool_calls else None,
        "structured_verdict": chance.choice(("valid", "invalid", None, None)) if answered else None,
        "stalls": chance.choice((0, 0, 0, 2)) if answered else 0,
        "is_byok": chance.random() < 0.05,
        "task_tag": chance.choice(TASKS),
    }


def _tries(chance: random.Random, model: str, providers: tuple[str, ...], created_ns: int) -> tuple[Try, ...]:
    """Return the upstream calls of a request: one in five fails over, a few are never answered, a few never asked."""
    if chance.random() < 0.02:
        return ()
    failing = chance.choice((0, 0, 0, 0, 0, 0, 0, 1, 1, len(providers)))
    order = chance.sample(providers, len(providers))
    made, at_ns = [], created_ns
    for nth, provider in enumerate(order[: failing + 1]):
        fault = chance.choice(FAULTS) if nth < failing else None
        duration_ms = chance.uniform(20, 9_000)
        made.append(
            Try(
                endpoint_id=f"{provider}:{model}",
                provider=provider,
                provider_name=provider.title(),
                model=model,
                status=200 if fault is None else 429 if fault == "provider_rate_limited" else 502,
                fault=fault,
                message=None if fault is None else "The provider said no.",
                counted_as_down=fault not in (None, "provider_rate_limited"),
                started_ns=at_ns,
                headers_ms=duration_ms / 3,
                ttft_ms=duration_ms / 2 if fault is None else None,
                duration_ms=duration_ms,
                hedge=fault is None and nth > 0 and chance.random() < 0.2,
                wasted_nano=chance.choice((0, 0, 5_000)) if fault else 0,
            )
        )
        at_ns += int(duration_ms * 1e6)
    return tuple(made)


def _weighed(model: str, providers: tuple[str, ...]) -> tuple[Weighed, ...]:
    share = 1 / len(providers)
    return tuple(
        Weighed(
            endpoint_id=f"{provider}:{model}", tag=provider, share=share, cost_nano=1000, wait_ms=200.0, total_ms=900.0
        )
        for provider in providers
    )


class ArchiveReader:
    """Reads an archive at once, as a `Ledger` does from another thread."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    async def read(self, sql: str, parameters: tuple[Any, ...] = ()) -> Table:
        return self.archive.read(sql, parameters)


class Filled(msgspec.Struct, frozen=True):
    """An archive, the records in it, and its reader."""

    archive: Archive
    records: Sequence[Generation]
    reader: ArchiveReader
    now_s: int = NOW_S


@cache
def _without_records() -> bytes:
    with TemporaryDirectory() as home:
        archive = Archive(Path(home))
        assert not archive.state.days
        archive.close()
        return (Path(home) / FILE).read_bytes()


def begun(home: Path, keeping: Keeping | None = None) -> Archive:
    """Return the archive of a new home: a copy, because all its tables and views are made once only."""
    (home / FILE).write_bytes(_without_records())
    return Archive(home, keeping)


def filled(home: Path, given: Sequence[Generation] | None = None) -> Filled:
    """Fill the archive of a home. Who calls closes the archive."""
    made = records() if given is None else list(given)
    archive = begun(home)
    archive.append([jsons.encode(record) for record in made])
    return Filled(archive, made, ArchiveReader(archive))


@pytest.fixture(name="filled", scope="session")
def filled_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Give all tests the same filled archive, to be read and never written."""
    made = filled(tmp_path_factory.mktemp("filled"))
    yield made
    made.archive.close()
