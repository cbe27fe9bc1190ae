"""Every exception of the HTTP client has a meaning of its own in the table, not only the fallback of its family."""

import errno
import inspect
import ssl

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions

from wideband.canon.faults import FaultKind
from wideband.upstream.causes import fault_of, kind_of
from wideband.upstream.http_causes import HTTP_CAUSES, http_fault

# Of websockets and uploads, which this client never makes.
NEVER = {"WSMessageTypeError", "UploadAbortedError"}


def exceptions() -> list[type[BaseException]]:
    return [
        kind
        for module in (client_exceptions, http_exceptions)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__ == module.__name__ and kind.__name__ not in NEVER
    ]


@pytest.mark.parametrize("kind", exceptions(), ids=lambda kind: kind.__name__)
def test_every_exception_has_a_cause_more_telling_than_its_root(kind: type[BaseException]) -> None:
    nearest = next(ancestor for ancestor in kind.__mro__ if ancestor in HTTP_CAUSES)
    assert nearest is not aiohttp.ClientError or kind is aiohttp.ClientError
    assert nearest is not OSError


@pytest.mark.parametrize(
    ("error", "before", "within"),
    [
        (TimeoutError(), FaultKind.PROVIDER_TIMEOUT, FaultKind.PROVIDER_STALLED),
        (ConnectionResetError(), FaultKind.PROVIDER_UNREACHABLE, FaultKind.PROVIDER_CUT),
        (ssl.SSLError(), FaultKind.PROVIDER_UNREACHABLE, FaultKind.PROVIDER_CUT),
        (aiohttp.ConnectionTimeoutError(), FaultKind.PROVIDER_UNREACHABLE, FaultKind.PROVIDER_CUT),
        (aiohttp.SocketTimeoutError(), FaultKind.PROVIDER_TIMEOUT, FaultKind.PROVIDER_STALLED),
        (aiohttp.ServerDisconnectedError(), FaultKind.PROVIDER_UNREACHABLE, FaultKind.PROVIDER_CUT),
        (aiohttp.ClientPayloadError(), FaultKind.PROVIDER_CUT, FaultKind.PROVIDER_CUT),
        (http_exceptions.BadHttpMessage("x"), FaultKind.PROVIDER_GARBLED, FaultKind.PROVIDER_GARBLED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_the_same_error_means_different_things_before_and_in_the_body(
    error: BaseException, before: FaultKind, within: FaultKind
) -> None:
    assert (http_fault(error, in_body=False).kind, http_fault(error, in_body=True).kind) == (before, within)


def test_an_exception_that_is_no_network_error_stays_what_it_is() -> None:
    with pytest.raises(KeyError):
        kind_of(KeyError("bug"), in_body=False)


def test_ill_formed_chunks_are_told_from_missing_ones() -> None:
    garbled, cut = aiohttp.ClientPayloadError(), aiohttp.ClientPayloadError()
    garbled.__cause__, cut.__cause__ = http_exceptions.BadHttpMessage("x"), http_exceptions.TransferEncodingError("x")
    assert http_fault(garbled, in_body=True).kind is FaultKind.PROVIDER_GARBLED
    assert http_fault(cut, in_body=True).kind is FaultKind.PROVIDER_CUT


def test_messages_name_no_address() -> None:
    error = OSError(errno.ECONNREFUSED, "Connect call failed ('10.1.2.3', 443)")
    assert fault_of(error, in_body=False).message == "The provider could not be reached: Connection refused."
