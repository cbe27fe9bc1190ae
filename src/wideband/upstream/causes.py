"""What the network's exceptions mean: one table from exception to fault."""

import os
import socket
import ssl

import aiohttp
from aiohttp import http_exceptions

from wideband.canon.faults import Fault, FaultKind

MAX_WORDS = 200

# Exception -> (its meaning before the response headers are here, its meaning in the body). The nearest ancestor in
# the table decides, so a row covers what derives from it.
CAUSES: dict[type[BaseException], tuple[FaultKind, FaultKind]] = {
    OSError: (FaultKind.PROVIDER_UNREACHABLE, FaultKind.PROVIDER_CUT),
    ssl.SSLError: (FaultKind.PROVIDER_UNREACHABLE, FaultKind.PROVIDER_CUT),
    TimeoutError: (FaultKind.PROVIDER_TIMEOUT, FaultKind.PROVIDER_STALLED),
    aiohttp.ClientError: (FaultKind.PROVIDER_UNREACHABLE, FaultKind.PROVIDER_CUT),
    aiohttp.ClientConnectionError: (FaultKind.PROVIDER_UNREACHABLE, FaultKind.PROVIDER_CUT),
    aiohttp.ConnectionTimeoutError: (FaultKind.PROVIDER_UNREACHABLE, FaultKind.PROVIDER_CUT),
    aiohttp.ServerTimeoutError: (FaultKind.PROVIDER_TIMEOUT, FaultKind.PROVIDER_STALLED),
    aiohttp.ClientPayloadError: (FaultKind.PROVIDER_CUT, FaultKind.PROVIDER_CUT),
    aiohttp.ClientResponseError: (FaultKind.PROVIDER_GARBLED, FaultKind.PROVIDER_GARBLED),
    aiohttp.InvalidURL: (FaultKind.PROVIDER_UNREACHABLE, FaultKind.PROVIDER_UNREACHABLE),
    aiohttp.RedirectClientError: (FaultKind.PROVIDER_GARBLED, FaultKind.PROVIDER_GARBLED),
    aiohttp.NonHttpUrlClientError: (FaultKind.PROVIDER_UNREACHABLE, FaultKind.PROVIDER_UNREACHABLE),
    http_exceptions.HttpProcessingError: (FaultKind.PROVIDER_GARBLED, FaultKind.PROVIDER_GARBLED),
    # These two are raised when the connection ends too early; ill-formed chunks are a plain BadHttpMessage.
    http_exceptions.ContentLengthError: (FaultKind.PROVIDER_CUT, FaultKind.PROVIDER_CUT),
    http_exceptions.TransferEncodingError: (FaultKind.PROVIDER_CUT, FaultKind.PROVIDER_CUT),
}

NETWORK_ERRORS = tuple(CAUSES)

_MESSAGES: dict[FaultKind, str] = {
    FaultKind.PROVIDER_UNREACHABLE: "The provider could not be reached",
    FaultKind.PROVIDER_TIMEOUT: "The provider did not answer in time",
    FaultKind.PROVIDER_STALLED: "The provider stopped sending",
    FaultKind.PROVIDER_CUT: "The provider broke off in the middle of its answer",
    FaultKind.PROVIDER_GARBLED: "The provider's answer is not proper HTTP",
}


def fault_of(error: BaseException, *, in_body: bool) -> Fault:
    """Return the fault that an exception of the HTTP client means; says nothing of addresses, keys or contents."""
    kind = kind_of(error, in_body=in_body)
    return lost(kind, _reason(error))


def lost(kind: FaultKind, reason: str) -> Fault:
    """Return the fault of a call that the network or HTTP itself failed."""
    return Fault(kind=kind, message=f"{_MESSAGES[kind]}: {reason}."[:MAX_WORDS])


def kind_of(error: BaseException, *, in_body: bool) -> FaultKind:
    """Return the kind of fault of an exception: by its class, or by what caused it if that says more."""
    if isinstance(error, aiohttp.ClientPayloadError) and isinstance(error.__cause__, http_exceptions.BadHttpMessage):
        error = error.__cause__
    for ancestor in type(error).__mro__:
        if ancestor in CAUSES:
            return CAUSES[ancestor][in_body]
    raise error


def _reason(error: BaseException) -> str:
    root = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(root, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({root.verify_message})"
    if isinstance(root, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(root, OSError) and root.errno and not isinstance(root, ssl.SSLError):
        return os.strerror(root.errno)
    return next((_WORDS[ancestor] for ancestor in type(root).__mro__ if ancestor in _WORDS), type(root).__name__)


_WORDS: dict[type[BaseException], str] = {
    ssl.SSLError: "TLS failed",
    TimeoutError: "the deadline passed",
    aiohttp.ConnectionTimeoutError: "connecting took too long",
    aiohttp.ServerDisconnectedError: "it closed the connection",
    aiohttp.ClientConnectionResetError: "it closed the connection",
    aiohttp.ClientPayloadError: "the body is not complete",
}
