"""What an upstream is sent: spliced from the caller's own bytes, or the texts of a conversation as one prompt."""

from typing import Any, Final

from wideband.canon.request import (
    Loss,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    ToolCall,
    ToolResult,
)
from wideband.dialects.base import Ask, Draft, Target
from wideband.dialects.bodies import GATEWAY_FIELDS, unwritable
from wideband.dialects.loose import obj
from wideband.dialects.noting import of_extras
from wideband.dialects.openai_completions import words
from wideband.dialects.quirks import apply, is_null, leave_out
from wideband.wire import jsons

Body = dict[str, Any]

# What a conversation asks for and a text cannot be asked for -> the loss.
_UNSAID: Final[dict[str, str]] = {
    "cache": "cache_control",
    "cache_key": "cache_key",
    "metadata": "metadata",
    "reasoning": "reasoning",
    "service_tier": "service_tier",
    "tools": "tools",
    "verbosity": "verbosity",
}


def splice(ask: Ask, target: Target) -> Draft:
    """Send the caller's own bytes on; see `dialects.base.Dialect.splice`."""
    return _draft({**ask.fields, "model": target.model}, target, [])


def encode_request(request: Request, target: Target) -> Draft:
    """Write a request of any dialect; see `dialects.base.Dialect.encode_request`."""
    losses: list[Loss] = [Loss(feature) for name, feature in _UNSAID.items() if getattr(request, name)]
    if request.output is not None and request.output.type != "text":
        losses.append(Loss(request.output.type))
    losses.extend(of_extras(request.extras))
    body: Body = {"model": target.model, "prompt": _prompt(request.messages, losses)}
    sampling = request.sampling
    told = {name: getattr(sampling, name) for name in words.SAMPLING} | {
        "logprobs": (sampling.top_logprobs or 0) if sampling.logprobs else None,
        "max_tokens": request.max_tokens,
        "stop": list(request.stop) or None,
        "n": request.n if request.n > 1 else None,
        "user": request.user,
        "stream": True if request.stream else None,
    }
    body |= {name: value for name, value in told.items() if value is not None}
    return _draft(body, target, losses)


def _prompt(messages: tuple[Message, ...], losses: list[Loss]) -> str:
    if len(messages) > 1 or any(message.role != "user" for message in messages):
        losses.append(Loss("roles"))
    said = (_text(part, losses) for message in messages for part in message.parts)
    return "\n\n".join(text for text in said if text is not None)


def _text(part: Part, losses: list[Loss]) -> str | None:
    match part:
        case Text() | Refusal():
            return part.text
        case ToolCall() | ToolResult():
            losses.append(Loss("tools"))
        case Reasoning():
            losses.append(Loss("reasoning_echo"))
        case Opaque():
            losses.append(Loss("content_part", f"{part.dialect}: {part.kind}"))
        case _:
            losses.append(Loss("content_part", type(part).__name__.lower()))
    return None


def _draft(body: Body, target: Target, losses: list[Loss]) -> Draft:
    try:
        body = _narrow(body, target, losses)
        return Draft(path=words.PATH, body=jsons.encode(body), losses=tuple(losses))
    except (jsons.DecodeError, jsons.EncodeError) as error:
        raise unwritable(error) from None


def _narrow(body: Body, target: Target, losses: list[Loss]) -> Body:
    """Leave out, rename and change what the endpoint would refuse. Values are plain JSON or the caller's bytes."""
    losses.extend(leave_out(body, words.DISPENSABLE, words.PARAMETERS, target))
    if "openrouter" not in target.quirks:
        if not is_null(body.get("reasoning")):
            losses.append(Loss("reasoning"))
        ours = GATEWAY_FIELDS | {"reasoning", "include_reasoning"}
        body = {name: value for name, value in body.items() if name not in ours}
    asked = jsons.plain(body.get("max_tokens"))
    if asked is not None and target.max_output is not None and asked > target.max_output:
        body["max_tokens"] = target.max_output
        losses.append(Loss("max_tokens", f"{asked} to {target.max_output}"))
    if jsons.plain(body.get("stream")) is True:
        # Counts are wanted whenever the answer is streamed; not streamed, the options are refused.
        body["stream_options"] = obj(jsons.plain(body.get("stream_options"))) | {"include_usage": True}
    else:
        body.pop("stream_options", None)
    body, found = apply(body, target.quirks)
    losses.extend(found)
    return body
