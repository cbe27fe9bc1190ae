"""Reads a request's body within bounds of size and time."""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from starlette.requests import Request

from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.server.respond import Receive
from wideband.wire import jsons

MAX_FORM_BYTES = 64 * 1024
FORM_S = 10.0

T = TypeVar("T")


class ClientLeftError(Exception):
    """The client closed the connection before its request was complete: nobody is there to answer."""


async def read_body(
    receive: Receive, headers: Mapping[bytes, bytes], max_bytes: int, body_s: float, *, arrived: bool = False
) -> bytes:
    """Return the whole body. Raises `Faulted` (payload_too_large, request_timeout, invalid_request).

    `arrived` says that all of it is here already, so that nothing has to be waited for.
    """
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise invalid("The request body is compressed. Send it without Content-Encoding.")
    length = headers.get(b"content-length")
    if length is not None and length.isdigit() and int(length) > max_bytes:
        raise Faulted(_too_large(max_bytes))
    if arrived:
        return await _pieces(receive, max_bytes)
    try:
        async with asyncio.timeout(body_s):
            return await _pieces(receive, max_bytes)
    except TimeoutError:
        raise Faulted(_too_slow(body_s)) from None


async def read_form(request: Request, kind: type[T], what: str) -> T:
    """Read a small body into a type; `what` is how the API reference calls it. Raises `Faulted`."""
    body = await read_body(request.receive, dict(request.scope["headers"]), MAX_FORM_BYTES, FORM_S)
    try:
        return jsons.decode_as(body, kind)
    except msgspec.ValidationError as error:
        raise invalid(f"{error}. See {what} in the API reference.") from None
    except jsons.DecodeError as error:
        raise invalid(f"The body is not valid JSON: {error}.") from None


async def _pieces(receive: Receive, max_bytes: int) -> bytes:
    body, more = b"", True
    pieces: list[bytes] = []
    size = 0
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        body, more = message.get("body", b""), message.get("more_body", False)
        size += len(body)
        if size > max_bytes:
            raise Faulted(_too_large(max_bytes))
        if more or pieces:
            pieces.append(body)
    return b"".join(pieces) if pieces else body


def _too_large(max_bytes: int) -> Fault:
    return Fault(
        kind=FaultKind.PAYLOAD_TOO_LARGE,
        message=f"The request body is larger than {max_bytes} bytes, the most this server takes. Send less, or raise "
        "`limits.max_body_bytes` in wideband.toml.",
    )


def _too_slow(body_s: float) -> Fault:
    return Fault(
        kind=FaultKind.REQUEST_TIMEOUT,
        message=f"The request body did not arrive within {body_s:g} s. Send the whole request at once.",
    )
