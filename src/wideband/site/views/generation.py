"""One request: the tries, the ranking, timing, tokens, prices, charge."""

import asyncio
from typing import Any

import msgspec
from starlette.responses import RedirectResponse, Response

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.request import Tool
from wideband.dialects.losses import LOSSES
from wideband.dialects.registry import DIALECTS
from wideband.gateway.explaining import Market, Question, explained, explanation_object
from wideband.gateway.transcript import Transcript, transcript
from wideband.ids import seed
from wideband.metering.receipt import receipt
from wideband.metering.record import Generation
from wideband.routing.explain import NOTES
from wideband.site.charts.waterfall import waterfall
from wideband.site.keynames import key_names
from wideband.site.timelines import started_ms, timeline
from wideband.site.visit import Page, Visit, account_of
from wideband.store.contents import Content
from wideband.wire import jsons

_LEAST_TIMED_TOKENS = 8
# Of raw bytes a page shows so many.
_MOST_SHOWN = 64 * 1024


async def generation(visit: Visit) -> Response:
    """Show everything that is known of one request."""
    record = await _record(visit)
    content = await _content(visit, record)
    said = None if content is None else await asyncio.to_thread(transcript, record, content)
    names = await key_names(visit)
    return await visit.page(
        "generation.html",
        record=record,
        key_name=names.of(record.key_hash),
        outcome=_outcome(record),
        failed=sum(one.fault not in (None, "cancelled") for one in record.tries),
        fig=waterfall("Tries in time", timeline(record), record.duration_ms),
        timing=_timing(record),
        speed=speed_of(record),
        tools=[] if said is None else tool_names(said),
        tokens=_tokens(record),
        lines=receipt(record),
        served=record.endpoint_id,
        asked={one.endpoint_id: number for number, one in reversed([*enumerate(record.tries, 1)])},
        notes=NOTES,
        now=_now(visit, record, content),
        losses=[(name, LOSSES.get(name, "")) for name in record.losses],
        raw=_pretty(record),
        content=content,
        said=said,
        turns=_turns(said),
        readable=_readable,
        keeps=visit.house.exchange.listening is not None,
    )


async def forget(visit: Visit) -> Response:
    """Forget what was kept of a request's words."""
    record = await _record(visit)
    contents = visit.house.exchange.contents
    if contents is not None:
        await asyncio.to_thread(contents.drop, record.id)
    return RedirectResponse(f"/log/{record.id}#content", status_code=303)


async def _record(visit: Visit) -> Generation:
    """Return the record that the address names, if the visitor may see it. Raises `Faulted` (not_found)."""
    name, account_id = visit.request.path_params["id"], account_of(visit)
    found = await visit.house.exchange.ledger.generation(name)
    record = None if found is None else jsons.decode_as(found, Generation)
    if record is None or account_id not in (None, record.account_id):
        message = f"No request `{name[:80]}` is known. The log has those that are; records are kept for 180 days."
        raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message=message))
    return record


async def _content(visit: Visit, record: Generation) -> Content | None:
    contents = visit.house.exchange.contents
    return None if contents is None else await asyncio.to_thread(contents.find, record.id)


def _outcome(record: Generation) -> dict[str, Any]:
    """Return what the badges of the log are written from, worked out as `store.cubes` does."""
    cancelled = record.cancelled or record.status == 499
    ok = not cancelled and record.fault is None and record.status < 400
    failed_tries = [one for one in record.tries if one.fault not in (None, "cancelled")]
    return {
        **msgspec.structs.asdict(record),
        "outcome": "cancelled" if cancelled else "ok" if ok else "failed",
        "is_saved": ok and bool(failed_tries),
        "hedged": any(one.hedge for one in record.tries),
    }


def _timing(record: Generation) -> list[tuple[str, float | None, str]]:
    """Return (what, milliseconds, words) of a request's times."""
    first = min((started_ms(record, one) for one in record.tries), default=None)
    return [
        ("To the first try", first, "reading, planning, setting money aside"),
        ("To the first token", record.latency_ms, "from the request's arrival, failed tries and all"),
        ("First token of the try that answered", record.ttft_ms, "from the start of that try"),
        ("Writing", record.generation_ms, "from the first token to the last"),
        ("Whole", record.duration_ms, "from arrival to the end"),
    ]


def _tokens(record: Generation) -> list[tuple[str, int, bool]]:
    """Return (what, how many, whether it is part of the row above)."""
    rows = [
        ("Prompt", record.prompt_tokens, False),
        ("read from the cache", record.cached_tokens, True),
        ("written to the cache", record.cache_write_tokens, True),
        ("written to the cache for an hour", record.cache_write_1h_tokens, True),
        ("Completion", record.completion_tokens, False),
        ("reasoning", record.reasoning_tokens, True),
        ("Tool calls", record.tool_calls, False),
        ("Search units", record.search_units, False),
    ]
    return [row for row in rows if row[1] or row[0] in ("Prompt", "Completion")]


def speed_of(record: Generation) -> float | None:
    """Return output tokens a second over the whole of the try that answered, as the log has it."""
    if record.completion_tokens < _LEAST_TIMED_TOKENS or record.generation_ms is None or record.is_replayed:
        return None
    took_ms = (record.ttft_ms or 0) + record.generation_ms
    return record.completion_tokens * 1000 / took_ms if took_ms > 0 else None


def _now(visit: Visit, record: Generation, content: Content | None) -> dict[str, Any]:
    """Explain how the router would rank the model's endpoints at this moment, for a prompt of this length.

    What the request said of providers is known only while its content is kept.
    """
    exchange = visit.house.exchange
    preferences: dict[str, Any] | None = None
    if content is not None:
        try:
            preferences = DIALECTS[record.dialect_in].read(content.request).preferences
        except Faulted:
            preferences = None
    question = Question(
        model=record.model,
        provider=preferences or {},
        prompt_tokens=record.prompt_tokens,
        task=DIALECTS[record.dialect_in].task,
    )
    market = Market(exchange.catalogue, exchange.health, exchange.policy)
    try:
        found = explanation_object(explained(question, market, visit.now_s * 1_000_000_000, seed()))
    except Faulted as error:
        return {"problem": error.fault.message}
    return {"problem": None, "preferences": preferences, "found": found}


def _pretty(record: Generation) -> str:
    return jsons.pretty(jsons.encode(record)).decode()


class Turn(msgspec.Struct, frozen=True):
    """A message as it is shown: who says it, and its parts as (kind, text)."""

    role: str
    parts: tuple[tuple[str, str], ...]


def _turns(said: Transcript | None) -> list[Turn]:
    """Return what was asked, message by message."""
    if said is None or said.request is None:
        return []
    return [Turn(message.role, tuple(map(_shown, message.parts))) for message in said.request.messages]


def _shown(part: Any) -> tuple[str, str]:
    """Return the kind of a part and its words; of media only what it is."""
    kind = type(part).__name__
    match kind:
        case "Text" | "Refusal" | "Reasoning":
            return kind.lower(), part.text
        case "ToolCall":
            return "tool call", f"{part.name} {part.arguments}"
        case "ToolResult":
            return "tool result", "\n".join(_shown(one)[1] for one in part.parts)
        case "Image" | "File" | "Audio":
            name = getattr(part, "filename", None) or getattr(part, "url", None) or getattr(part, "media_type", None)
            return kind.lower(), f"{kind}{f': {name}' if name else ''}"
        case _:
            return kind.lower(), "not shown here; the raw request has it"


def _readable(data: bytes, most: int = _MOST_SHOWN) -> str:
    text = data[:most].decode("utf-8", "replace")
    return text if len(data) <= most else f"{text}\n… {len(data) - most:,} bytes more: GET /generation/content has them"


def tool_names(said: Transcript) -> list[str]:
    """Return the tools that a request offers."""
    return [tool.name if isinstance(tool, Tool) else tool.type for tool in said.request.tools] if said.request else []


PAGES: tuple[Page, ...] = (
    Page("/log/{id}", generation, "viewer"),
    Page("/log/{id}/forget", forget, "admin", methods=("POST",)),
)
