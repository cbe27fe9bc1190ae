"""Who may see the site: everybody on this machine while the server listens only there."""

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from wideband.site.visit import Page, Person


class Gate(Protocol):
    """Decides who a visitor is. `pages` are those it needs itself: signing in and out."""

    pages: tuple[Page, ...]

    async def admit(self, request: Request, page: Page, /) -> Person | Response | None:
        """Return who asks, or what they are told instead; None on pages that anybody may see."""
        ...


class OpenGate:
    """Lets everybody in as the administrator of the local account: for servers that only this machine reaches."""

    pages: tuple[Page, ...] = ()

    def __init__(self, account_id: str) -> None:
        self._person = Person("local", "admin", account_id, "")

    async def admit(self, _request: Request, _page: Page) -> Person:
        return self._person
