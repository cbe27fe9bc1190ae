"""`GET /generation/content`: what was asked and answered, where it was kept."""

import asyncio
from typing import Any

from starlette.requests import Request

from wideband.accounts.rows import Key
from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.gateway.exchange import Exchange
from wideband.gateway.transcript import input_object, transcript
from wideband.metering.record import Generation
from wideband.store.contents import Content
from wideband.wire import jsons

HOW = 'Contents are kept where wideband.toml says so: [content] keep = "all", or "keys" with keys = ["name"].'


class ContentRoutes:
    """Handlers over what an exchange keeps."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def one(self, request: Request, key: Key) -> Any:
        """Return the content of one request of the key's account. Raises `Faulted` (not_found)."""
        name = request.query_params.get("id")
        if not name:
            raise invalid("Say which generation: `?id=gen-…`, as in the X-Generation-Id header of the answer.", "id")
        found = await self._exchange.ledger.generation(name)
        record = None if found is None else jsons.decode_as(found, Generation)
        if record is None or record.account_id != key.account_id:
            raise _missing(f"No generation `{name}` of this account is known.")
        contents = self._exchange.contents
        content = None if contents is None else await asyncio.to_thread(contents.find, name)
        if content is None:
            raise _missing(f"Nothing was kept of what `{name}` said. {HOW}")
        return {"data": content_object(record, content)}


def content_object(record: Generation, content: Content) -> dict[str, Any]:
    """Show what was said, in OpenRouter's shape."""
    said = transcript(record, content)
    output: dict[str, Any] = {"completion": said.completion, "reasoning": said.reasoning}
    if said.tool_calls:
        output["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in said.tool_calls
        ]
    return {"input": input_object(record, content), "output": output, **_error(record), "is_cut": content.is_cut}


def _error(record: Generation) -> dict[str, Any]:
    """Show the fault the caller was told of, and those of earlier tries."""
    failed = [one for one in record.tries if one.fault is not None]
    if record.fault is None:
        return {}
    return {
        "error": {
            "status": record.status,
            "message": record.fault_message,
            "provider_name": failed[-1].provider_name if failed else record.provider_name,
            "raw": None,
            "previous_errors": [
                {"code": one.status or None, "message": one.message, "provider_name": one.provider_name, "raw": None}
                for one in failed[:-1]
            ],
        }
    }


def _missing(message: str) -> Faulted:
    return Faulted(Fault(kind=FaultKind.NOT_FOUND, message=message))
