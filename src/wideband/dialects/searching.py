"""Searching the web, which providers do themselves: the tool by which each protocol asks for it."""

import re
from typing import Any, Final

import msgspec

from wideband.canon.request import Request, ServerTool
from wideband.dialects.base import Ask, Target
from wideband.wire import jsons

# Quirks of those who search: when asked by their own tool, or in every answer.
_BY_TOOL: Final = "web_search"
_ALWAYS: Final = "always_searches"

# Dialect -> its own tool, and what in a list of tools shows that the caller brought one.
_TOOLS: Final[dict[str, tuple[dict[str, Any], re.Pattern[bytes]]]] = {
    "anthropic_messages": (
        {"type": "web_search_20250305", "name": "web_search"},
        re.compile(rb'"type"\s*:\s*"web_search'),
    ),
    "gemini_generate": ({"googleSearch": {}}, re.compile(rb'"google_?[sS]earch')),
    "openai_responses": ({"type": "web_search"}, re.compile(rb'"type"\s*:\s*"web_search')),
}


def can_search(quirks: frozenset[str], dialect: str) -> bool:
    """Say whether who has these quirks searches the web when asked in a dialect."""
    return _ALWAYS in quirks or (_BY_TOOL in quirks and dialect in _TOOLS)


def ask_with_search(ask: Ask, dialect: str, target: Target) -> Ask:
    """Return the caller's request with the dialect's own tool behind the others, unless it searches anyway."""
    if _BY_TOOL not in target.quirks:
        return ask
    tool, mark = _TOOLS[dialect]
    given = bytes(ask.fields.get("tools", b""))
    if mark.search(given):
        return ask
    # One tool may stand for a list of it in Gemini's protocol.
    rows = jsons.decode_as(given, list[jsons.Raw]) if given.startswith(b"[") else []
    if given.startswith(b"{"):
        rows = [jsons.Raw(given)]
    tools = jsons.Raw(jsons.encode([*rows, tool]))
    return msgspec.structs.replace(ask, fields={**ask.fields, "tools": tools})


def request_with_search(request: Request, dialect: str, target: Target) -> Request:
    """Do the same to a request that is translated."""
    if _BY_TOOL not in target.quirks:
        return request
    tool, _ = _TOOLS[dialect]
    added = ServerTool(dialect=dialect, type=tool.get("type", "googleSearch"), raw=tool)
    return msgspec.structs.replace(request, tools=(*request.tools, added))
