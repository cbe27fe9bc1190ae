"""How a provider wants to be shown who asks: by a key in a header, or by something made for each call."""

from collections.abc import Callable
from typing import Protocol

from wideband.catalog.rows import AuthStyle
from wideband.upstream.aws import INSTALL as AWS_INSTALL, SigV4
from wideband.upstream.base import Call
from wideband.upstream.google import INSTALL as GOOGLE_INSTALL, GoogleAdc


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


_HEADERS: dict[AuthStyle, Callable[[str], dict[str, str]]] = {
    "bearer": _bearer,
    "x-api-key": lambda key: {"x-api-key": key},
    "x-goog-api-key": lambda key: {"x-goog-api-key": key},
    "api-key": lambda key: {"api-key": key},
    # A platform's key or token, where there is one, spares its credentials.
    "aws-sigv4": _bearer,
    "google-adc": _bearer,
    "none": lambda _: {},
}


class Authorizer(Protocol):
    """Makes the headers by which a call shows who asks."""

    async def headers(self, call: Call, /) -> dict[str, str]:
        """Return the headers to add to a call. Raises `Faulted` (provider_auth), saying what to do."""
        ...


class Platform:
    """What a style needs that is no key: `module` is imported when it is first used, `install` brings it."""

    def __init__(self, authorizer: Callable[[], Authorizer], module: str, install: str) -> None:
        self.authorizer, self.module, self.install = authorizer, module, install


PLATFORMS: dict[AuthStyle, Platform] = {
    "aws-sigv4": Platform(SigV4, "botocore", AWS_INSTALL),
    "google-adc": Platform(GoogleAdc, "google.auth", GOOGLE_INSTALL),
}


def headers_for(style: AuthStyle, key: str | None) -> dict[str, str]:
    """Return the headers that carry a key; none without a key (servers on this machine often want none)."""
    key = key.strip() if key else ""
    return _HEADERS[style](key) if key else {}
