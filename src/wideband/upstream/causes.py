"""What the network's exceptions mean: a table from exception to fault, which a client library adds its own rows to."""

import errno
import os
import socket
import ssl
from collections.abc import Mapping

from wideband.canon.faults import Fault, FaultKind

# Exception -> (its meaning before the response headers are here, its meaning in the body). The nearest ancestor in
# the table decides, so a row covers what derives from it.
Causes = Mapping[type[BaseException], tuple[FaultKind, FaultKind]]

# The operating system refused us, not the provider: descriptors or memory of this machine have run out.
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

MAX_WORDS = 200

CAUSES: Causes = {
    OSError: (FaultKind.PROVIDER_UNREACHABLE, FaultKind.PROVIDER_CUT),
    ssl.SSLError: (FaultKind.PROVIDER_UNREACHABLE, FaultKind.PROVIDER_CUT),
    TimeoutError: (FaultKind.PROVIDER_TIMEOUT, FaultKind.PROVIDER_STALLED),
}

_MESSAGES: dict[FaultKind, str] = {
    FaultKind.PROVIDER_UNREACHABLE: "The provider could not be reached",
    FaultKind.PROVIDER_TIMEOUT: "The provider did not answer in time",
    FaultKind.PROVIDER_STALLED: "The provider stopped sending",
    FaultKind.PROVIDER_CUT: "The provider broke off in the middle of its answer",
    FaultKind.PROVIDER_GARBLED: "The provider's answer is not proper HTTP",
}


def fault_of(error: BaseException, *, in_body: bool, causes: Causes = CAUSES) -> Fault:
    """Return the fault that an exception means; says nothing of addresses, keys or contents."""
    if isinstance(error, OSError) and error.errno in _OURS:
        return Fault(kind=FaultKind.UNAVAILABLE, message=f"This server cannot connect: {os.strerror(error.errno)}.")
    return lost(kind_of(error, in_body=in_body, causes=causes), reason_of(error))


def lost(kind: FaultKind, reason: str) -> Fault:
    """Return the fault of a call that the network or HTTP itself failed."""
    return Fault(kind=kind, message=f"{_MESSAGES[kind]}: {reason}."[:MAX_WORDS])


def kind_of(error: BaseException, *, in_body: bool, causes: Causes = CAUSES) -> FaultKind:
    """Return the kind of fault that an exception means; raises the exception again if it is none of the network's."""
    for ancestor in type(error).__mro__:
        if ancestor in causes:
            return causes[ancestor][in_body]
    raise error


def reason_of(error: BaseException) -> str:
    """Return an exception's reason in words that name nobody."""
    root = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(root, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({root.verify_message})"
    if isinstance(root, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(root, ssl.SSLError):
        return "TLS failed"
    if isinstance(root, OSError) and root.errno:
        return os.strerror(root.errno)
    return "the deadline passed" if isinstance(root, TimeoutError) else type(root).__name__
