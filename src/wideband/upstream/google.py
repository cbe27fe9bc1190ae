"""Tokens for Google's cloud, by a service account's file or by whatever else its own tools find (ADC)."""

import urllib.error
import urllib.request
from importlib import import_module
from typing import Any

import msgspec

from wideband.canon.faults import Faulted
from wideband.upstream.base import Call
from wideband.upstream.kept import Age, Kept, refused

INSTALL = "pip install 'wideband[vertex]'"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT_S = 30.0

_AGES: dict[str, Age] = {"FRESH": "fresh", "STALE": "stale", "INVALID": "over"}
_REMEDY = (
    "set GOOGLE_APPLICATION_CREDENTIALS to a service account's file, or run `gcloud auth application-default login`"
)


class GoogleAdc:
    """Shows a token of the application's default credentials."""

    def __init__(self) -> None:
        self._credentials = Kept(_fetch, _age)

    async def headers(self, _call: Call, /) -> dict[str, str]:
        """Return the token, and whose quota it counts against. Raises `Faulted` (provider_auth)."""
        credentials = await self._credentials.get()
        headers: dict[str, str] = {}
        credentials.apply(headers)
        return headers


class _Told(msgspec.Struct, frozen=True):
    """An answer as google-auth reads it; header names are in lower case."""

    status: int
    headers: dict[str, str]
    data: bytes


def _request(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    timeout: float | None = TIMEOUT_S,
    **_: Any,
) -> _Told:
    """Ask for google-auth, which brings no HTTP client of its own; runs in a thread."""
    asked = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=timeout or TIMEOUT_S) as answer:
            return _told(answer.status, answer)
    except urllib.error.HTTPError as error:
        with error:
            return _told(error.code, error)
    except OSError as error:
        raise import_module("google.auth.exceptions").TransportError(error) from error


def _told(status: int, answer: Any) -> _Told:
    return _Told(status, {name.lower(): value for name, value in answer.headers.items()}, answer.read())


def _fetch(last: Any) -> Any:
    try:
        errors = import_module("google.auth.exceptions")
    except ImportError:
        raise _refused("google-auth is not installed", INSTALL) from None
    try:
        credentials = last or import_module("google.auth").default(scopes=[SCOPE], request=_request)[0]
        credentials.refresh(_request)
    except (errors.GoogleAuthError, OSError, ValueError) as error:
        raise _refused(str(error), _REMEDY) from error
    return credentials


def _age(credentials: Any) -> Age:
    return _AGES[credentials.token_state.name]


def _refused(reason: str, remedy: str) -> Faulted:
    return refused("This server has no token of Google's", reason, remedy)
