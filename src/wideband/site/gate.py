"""Who may see the site: everybody on this machine while the server listens only there."""

from collections.abc import Mapping
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from wideband.ids import random_bytes
from wideband.site.visit import Page, Person


class Gate(Protocol):
    """Decides who a visitor is. `pages` are those it needs itself: signing in and out."""

    pages: tuple[Page, ...]

    async def admit(self, request: Request, page: Page, /) -> Person | Response | None:
        """Return who asks, or what they are told instead; None on pages that anybody may see."""
        ...

    def token(self, request: Request, /) -> str:
        """Return what forms of a visitor who is not signed in must bring; empty where there are none."""
        ...

    @property
    def origin(self) -> str:
        """Return the site's public origin, like `https://wideband.example.com`; empty when it is not known."""
        ...

    def headers(self, request: Request, /) -> Mapping[str, str]:
        """Return the headers that depend on how a request came."""
        ...


class OpenGate:
    """Lets everybody in as the administrator of the local account: for servers that only this machine reaches."""

    pages: tuple[Page, ...] = ()
    origin = ""

    def __init__(self, account_id: str) -> None:
        self._person = Person("local", "admin", account_id, random_bytes(32).hex())

    async def admit(self, _request: Request, _page: Page) -> Person:
        return self._person

    def token(self, _request: Request) -> str:
        return ""

    def headers(self, _request: Request) -> Mapping[str, str]:
        return {}
