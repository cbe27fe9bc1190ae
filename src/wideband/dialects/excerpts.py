"""What a provider said of a fault, made fit to be shown and recorded: keys blotted out, no longer than needed."""

import re
from typing import Final

from wideband.canon.faults import FaultKind

MOST_CHARS = 500

# What a status means wherever it comes from.
STATUSES: Final[dict[int, FaultKind]] = {
    401: FaultKind.PROVIDER_AUTH,
    402: FaultKind.PROVIDER_AUTH,
    403: FaultKind.PROVIDER_AUTH,
    404: FaultKind.PROVIDER_MISSING,
    408: FaultKind.PROVIDER_TIMEOUT,
    429: FaultKind.PROVIDER_RATE_LIMITED,
    503: FaultKind.PROVIDER_OVERLOADED,
    504: FaultKind.PROVIDER_TIMEOUT,
}

_SECRET = re.compile(r"\b(?:Bearer\s+\S+|(?:sk|gsk|xai|key|pplx|csk|nvapi|fw)[-_][\w*.-]{6,}|AIza[\w-]{10,})")


def masked(text: str) -> str:
    """Blot out what looks like a provider's key."""
    return _SECRET.sub("[key]", text)


def excerpt(body: bytes) -> str | None:
    """Return the beginning of what a provider sent, or None when it sent nothing."""
    # Masked before it is cut: half a key would not be known for one.
    return masked(body[: 4 * MOST_CHARS].decode("utf-8", "replace"))[:MOST_CHARS] or None


def unsaid(status: int) -> str:
    """Return the words for a fault that a provider gave none for; `status` 0 stands for one inside a stream."""
    return f"The provider answered with status {status} and no reason." if status else "The provider gave no reason."


def kind_of_status(status: int, known: dict[int, FaultKind]) -> FaultKind:
    """Return what a dialect's table says of a status, else what its class means: 4xx is the request's fault."""
    unknown = FaultKind.PROVIDER_REJECTED if 400 <= status < 500 else FaultKind.PROVIDER_ERROR
    return known.get(status, unknown)
