"""A request of this protocol for a provider that speaks it as it was at first: what came later is said in old words.

Claude Code believes that it talks to Anthropic, whatever model answers: it sends system turns amid the others, tools
that are loaded later and edits of the context, at which others who serve this protocol answer 400.
"""

import msgspec

from wideband.canon.request import Loss, Message, Opaque, Part, Request, ServerTool, Text, ToolResult
from wideband.dialects.anthropic_messages.draft import encode_request
from wideband.dialects.anthropic_messages.request import decode_request
from wideband.dialects.base import Ask, Draft, Target
from wideband.dialects.noting import note
from wideband.dialects.retelling import tool_found
from wideband.wire import jsons

# The quirk of a provider that knows nothing of what came later.
QUIRK = "first_messages"


def plain_draft(ask: Ask, target: Target) -> Draft:
    """Write the caller's request anew, in words that every server of this protocol knows. Raises `Faulted`."""
    losses: list[Loss] = []
    request = _plain(decode_request(jsons.encode(ask.fields)), losses)
    draft = encode_request(request, target)
    return msgspec.structs.replace(draft, losses=(*losses, *draft.losses))


def _plain(request: Request, losses: list[Loss]) -> Request:
    """Return a request as one of another protocol's clients, of whom nothing is carried whole."""
    own = [tool for tool in request.tools if isinstance(tool, ServerTool)]
    losses.extend(Loss("server_tools", tool.type) for tool in own)
    reasoning = request.reasoning
    return msgspec.structs.replace(
        request,
        dialect="",
        messages=tuple(_message(message, losses) for message in request.messages),
        tools=tuple(tool for tool in request.tools if not isinstance(tool, ServerTool)),
        reasoning=msgspec.structs.replace(reasoning, adaptive=False, display=None) if reasoning else None,
    )


def _message(message: Message, losses: list[Loss]) -> Message:
    return msgspec.structs.replace(message, parts=_parts(message.parts, losses))


def _parts(parts: tuple[Part, ...], losses: list[Loss]) -> tuple[Part, ...]:
    return tuple(said for part in parts if (said := _part(part, losses)) is not None)


def _part(part: Part, losses: list[Loss]) -> Part | None:
    match part:
        case ToolResult():
            return msgspec.structs.replace(part, parts=_parts(part.parts, losses))
        case Opaque():
            note(losses, part.kind)
            found = tool_found(part) if part.kind == "tool_reference" else None
            return Text(text=found) if found else None
        case _:
            return part
