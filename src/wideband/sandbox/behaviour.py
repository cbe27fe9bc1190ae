"""What a simulated model says, how fast, and whether it fails: decided from rows, request and seed alone."""

import hashlib
import random
from typing import Any

import msgspec

from wideband.canon.events import FinishReason
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Part, Reasoning, Text, ToolCall
from wideband.canon.usage import Usage
from wideband.sandbox import prose, shapes
from wideband.sandbox.asked import Asked, OfferedTool
from wideband.sandbox.directive import Directive
from wideband.sandbox.rows import Serving, SimModel, SimProvider
from wideband.wire import jsons

MEDIAN_TOKENS = 180
PREFILL_TOKENS_PER_S = 50_000.0
MAX_CALLS = 8
CUSTOM_TOKENS = 12


class Pace(msgspec.Struct, frozen=True, gc=False):
    """How fast an answer comes, in simulated time."""

    ttft_s: float
    tokens_per_s: float


def draw_for(seed: int, *facts: bytes | str | int) -> random.Random:
    """Return a source of randomness that is the same for the same seed and facts."""
    digest = hashlib.blake2b(seed.to_bytes(8, "big", signed=True), digest_size=8)
    for fact in facts:
        digest.update(fact if isinstance(fact, bytes) else str(fact).encode())
        digest.update(b"\0")
    return random.Random(int.from_bytes(digest.digest(), "big"))


def fault_for(provider: str, serving: Serving, directive: Directive, draw: random.Random) -> str | None:
    """Return the kind of failure this request meets, or None: as ordered, else by the endpoint's rates."""
    ordered = directive.fault_at(provider)
    if ordered is not None:
        return None if ordered == "none" else ordered
    at = draw.random()
    for kind, rate in serving.faults.items():
        if at < rate:
            return kind
        at -= rate
    return None


def pace_for(
    model: SimModel, provider: SimProvider, hour: int, uncached_tokens: int, directive: Directive, draw: random.Random
) -> Pace:
    """Draw how fast an answer comes: log-normal around the rows, slower in the provider's peak hours."""
    slowdown = provider.peak.slowdown(hour)
    ttft_s = model.ttft_s * provider.lag * slowdown * draw.lognormvariate(0.0, 0.35)
    ttft_s += uncached_tokens / PREFILL_TOKENS_PER_S
    tokens_per_s = model.tokens_per_s * provider.pace / slowdown * draw.lognormvariate(0.0, 0.1)
    if directive.ttft_ms is not None:
        ttft_s = directive.ttft_ms / 1000
    return Pace(ttft_s, float(directive.tps or tokens_per_s))


def check_length(asked: Asked, model: SimModel) -> None:
    """Refuse a prompt that the model's context cannot hold. Raises `Faulted`."""
    if asked.prompt_tokens > model.context:
        message = (
            f"This model's maximum context length is {model.context} tokens, but the prompt has {asked.prompt_tokens}: "
            "prompt is too long"
        )
        raise Faulted(Fault(kind=FaultKind.CONTEXT_LENGTH, message=message, param="messages"))


def reply_for(asked: Asked, model: SimModel, directive: Directive, cached_tokens: int, draw: random.Random) -> Reply:
    """Write the whole answer; the caller gives it an id and a time. What is embedded or ranked, the wire works out."""
    if asked.inputs:
        return Reply(model=model.id, usage=Usage(prompt_tokens=asked.prompt_tokens))
    choices = tuple(_choice(index, asked, model, directive, draw) for index in range(asked.n))
    parts = [part for choice in choices for part in choice.parts]
    blocks = asked.prompt_tokens // 512 * 512
    usage = Usage(
        prompt_tokens=asked.prompt_tokens,
        completion_tokens=sum(prose.token_count(text_of(part)) for part in parts),
        cached_tokens=cached_tokens,
        reasoning_tokens=sum(prose.token_count(part.text) for part in parts if isinstance(part, Reasoning)),
        cache_write_tokens=max(0, blocks - cached_tokens) if asked.caching == "marked" else 0,
    )
    return Reply(model=model.id, choices=choices, usage=usage)


def text_of(part: Part) -> str:
    """Return the words of a part that cost tokens."""
    match part:
        case Text() | Reasoning():
            return part.text
        case ToolCall():
            return part.arguments
        case _:
            raise AssertionError(f"simulated models do not say {type(part).__name__}")


def _choice(index: int, asked: Asked, model: SimModel, directive: Directive, draw: random.Random) -> Choice:
    limit = min(asked.max_tokens or model.max_output, model.max_output)
    wanted = directive.tokens if directive.tokens is not None else _drawn_length(draw)
    parts: list[Part] = []
    if model.thinks and asked.thinks is not False:
        thought = prose.write(wanted * 2 // 5, draw)
        nonce = f"{draw.getrandbits(64):016x}"
        parts.append(Reasoning(text=thought, signature=nonce, id=nonce))
        wanted -= wanted * 2 // 5
    called = _called(asked, model, directive, draw)
    if called:
        parts.extend(_call(tool, draw) for tool in called)
    else:
        parts.append(Text(text=_text(asked, wanted, draw)))
    parts, stop = _stopped(parts, asked.stop)
    parts, was_cut = _cut(parts, limit)
    finish: FinishReason = "length" if was_cut else "tool_calls" if called else "stop"
    return Choice(index=index, parts=tuple(parts), finish=finish, stop_sequence=None if was_cut else stop)


def _drawn_length(draw: random.Random) -> int:
    return max(1, round(MEDIAN_TOKENS * draw.lognormvariate(0.0, 0.7)))


def _text(asked: Asked, token_count: int, draw: random.Random) -> str:
    if asked.schema is None:
        return prose.write(token_count, draw)
    return _json(shapes.fill(asked.schema, draw))


def _json(value: Any) -> str:
    return jsons.encode(value).decode()


def _called(asked: Asked, model: SimModel, directive: Directive, draw: random.Random) -> list[OfferedTool]:
    """Return the tools this answer calls, in order; an answer to tool results calls none unless it must."""
    if not asked.tools or asked.tool_mode == "none" or directive.calls == 0:
        return []
    insisted = directive.tool or asked.tool_name
    pool = [tool for tool in asked.tools if insisted is None or tool.name == insisted]
    must = asked.tool_mode in {"required", "tool"}
    ordered = directive.calls is not None or directive.tool is not None
    wishes = (ordered or model.calls_tools) and not asked.answers_tool
    if not pool or not (must or wishes):
        return []
    count = directive.calls or (2 if asked.parallel and len(pool) > 1 else 1)
    if asked.parallel is False:
        count = 1
    first = draw.randrange(len(pool))
    return [pool[(first + step) % len(pool)] for step in range(min(count, MAX_CALLS))]


def _call(tool: OfferedTool, draw: random.Random) -> ToolCall:
    if tool.custom:
        arguments = prose.write(CUSTOM_TOKENS, draw)
    else:
        arguments = _json(shapes.fill({"type": "object", **tool.schema}, draw))
    call_id = f"call_sim_{draw.getrandbits(64):016x}"
    return ToolCall(id=call_id, name=tool.name, arguments=arguments, custom=tool.custom)


def _stopped(parts: list[Part], stops: tuple[str, ...]) -> tuple[list[Part], str | None]:
    """End the text at the first stop sequence in it; return also which one that was."""
    last = parts[-1]
    if not stops or not isinstance(last, Text):
        return parts, None
    found = [(at, stop) for stop in stops if (at := last.text.find(stop)) >= 0]
    if not found:
        return parts, None
    at, stop = min(found)
    return [*parts[:-1], Text(text=last.text[:at])], stop


def _cut(parts: list[Part], limit: int) -> tuple[list[Part], bool]:
    """Keep at most `limit` tokens; what would begin after that is not said at all."""
    kept: list[Part] = []
    for part in parts:
        tokens = prose.token_count(text_of(part))
        if tokens > limit:
            if limit > 0:
                kept.append(_shortened(part, limit * prose.CHARS_PER_TOKEN))
            return kept, True
        kept.append(part)
        limit -= tokens
    return kept, False


def _shortened(part: Part, char_count: int) -> Part:
    match part:
        case ToolCall():
            return msgspec.structs.replace(part, arguments=part.arguments[:char_count])
        case Text() | Reasoning():
            return msgspec.structs.replace(part, text=part.text[:char_count])
        case _:
            raise AssertionError(f"simulated models do not say {type(part).__name__}")
