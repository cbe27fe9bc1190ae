"""What a request lets the model write for programs, told from its tools and the form it asks of the answer."""

from collections.abc import Iterable
from typing import Any

import msgspec

from wideband.canon.request import OutputFormat, ServerTool, Tool
from wideband.dialects import loose
from wideband.dialects.base import Offer
from wideband.wire import jsons


def told(fields: dict[str, msgspec.Raw], *names: str) -> dict[str, Any]:
    """Return some fields of a body in plain JSON; null stands for not sent."""
    found = {name: jsons.decode(fields[name]) for name in names if name in fields}
    return {name: value for name, value in found.items() if value is not None}


def offer(tools: Iterable[Tool | ServerTool], output: OutputFormat | None) -> Offer:
    """Return the names that may be called with their schemas.

    Some of a provider's own tools are called by name and answered by the client: those have a name and no schema.
    """
    named = {
        name: None if isinstance(tool, ServerTool) or tool.custom else tool.parameters
        for tool in tools
        if (name := loose.text(tool.raw.get("name")) if isinstance(tool, ServerTool) else tool.name)
    }
    return Offer(tools=named, output=output.schema if output is not None and output.type == "json_schema" else None)
