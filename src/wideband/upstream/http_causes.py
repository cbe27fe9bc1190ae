"""What aiohttp's exceptions mean, in addition to the network's own."""

import aiohttp
from aiohttp import http_exceptions

from wideband.canon.faults import Fault, FaultKind
from wideband.upstream.causes import CAUSES, Causes, fault_of

HTTP_CAUSES: Causes = {
    **CAUSES,
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

HTTP_ERRORS = tuple(HTTP_CAUSES)


def http_fault(error: BaseException, *, in_body: bool) -> Fault:
    """Return the fault that an exception of aiohttp or the network means."""
    if isinstance(error, aiohttp.ClientPayloadError) and isinstance(error.__cause__, http_exceptions.BadHttpMessage):
        error = error.__cause__
    return fault_of(error, in_body=in_body, causes=HTTP_CAUSES)
