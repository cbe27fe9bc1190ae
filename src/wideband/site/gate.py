"""Who may see the site: everybody on this machine while the server listens only there, else who has signed in."""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wideband.accounts.people import Profile, Role, SiteTerms
from wideband.canon.faults import RULES, Fault, FaultKind
from wideband.ids import random_bytes
from wideband.site.origins import is_ours_alone
from wideband.site.signin import SIGN_IN, Keepers, SignIn
from wideband.site.visit import House, Page, Person, Visit

# A year: browsers then ask by https alone.
HSTS = "max-age=31536000"


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


class Rules(msgspec.Struct, frozen=True):
    """What a server's settings say: `on_loopback` that only this machine reaches it, `issuer` who else signs people in.

    `account_id` is whose keys are those of whoever is on this machine.
    """

    terms: SiteTerms
    on_loopback: bool
    account_id: str
    issuer: str = ""


class Door:
    """The gate of a real server. What is set is looked at with every request, so changes count at once.

    With a password of anybody's, or a provider (`issuer`), everybody has to sign in, also on this machine: a proxy
    beside the server would make all the world come from here. With neither, whoever is on this machine is its
    administrator, and nobody else sees anything.
    """

    def __init__(
        self, house: House, keepers: Keepers, signing: SignIn, rules: Rules, pages: tuple[Page, ...] = ()
    ) -> None:
        self._house, self._rules, self._signing = house, rules, signing
        self._people, self._sessions, self._origins = keepers.people, keepers.sessions, keepers.origins
        self.pages = (*signing.pages, *pages)
        self.origin = keepers.origins.public

    async def admit(self, request: Request, page: Page) -> Person | Response | None:
        await self._sessions.ready()
        role = self._role(page)
        if not self._rules.issuer and not self._people.have_password:
            return await self._unguarded(request, page, role)
        signed = await self._sessions.of(request)
        person = None
        if signed is not None and self._still_counts(signed.profile):
            profile = signed.profile
            person = Person(profile.name, profile.role, profile.account_id, signed.csrf, profile.id)
        if role is None or (person is not None and person.may(role)):
            return person
        return self._to_sign_in(request) if person is None else await self._too_low(request, person, role)

    def token(self, request: Request) -> str:
        return self._signing.visitor_token(request)

    def headers(self, request: Request) -> Mapping[str, str]:
        return {"Strict-Transport-Security": HSTS} if self._origins.is_https(request) else {}

    def _role(self, page: Page) -> Role | None:
        return None if page.public and self._rules.terms.public_status else page.role

    def _still_counts(self, profile: Profile) -> bool:
        """Whether somebody whom a provider vouched for could still come that way."""
        return profile.subject is None or (
            self._rules.issuer != "" and profile.subject.startswith(self._rules.issuer + "\n")
        )

    async def _unguarded(self, request: Request, page: Page, role: Role | None) -> Person | Response | None:
        """Answer while nothing says who may look."""
        if self._rules.on_loopback and is_ours_alone(request):
            return Person("local", "admin", self._rules.account_id, self._sessions.token("local"))
        if role is None and page.public:
            return None
        return await Visit(request, self._house, None).page("closed.html", 403, on_loopback=self._rules.on_loopback)

    def _to_sign_in(self, request: Request) -> Response:
        """Lead a reader to the form and back again; tell scripts that they are not signed in."""
        fetched = request.headers.get("sec-fetch-dest", "document") != "document"
        streams = "text/event-stream" in request.headers.get("accept", "")
        if fetched or streams or "x-csrf" in request.headers:
            return Response("Sign in first.\n", 401, media_type="text/plain")
        if request.method not in ("GET", "HEAD"):
            return RedirectResponse(SIGN_IN, 303)
        url = request.url
        going = url.path + (f"?{url.query}" if url.query else "")
        return RedirectResponse(SIGN_IN + ("" if going == "/" else "?" + urlencode({"next": going})), 303)

    async def _too_low(self, request: Request, person: Person, role: Role) -> Response:
        words = {"viewer": "a viewer", "member": "a member", "admin": "an admin"}
        message = f"This page is for {words[role]} or higher, and you are signed in as {words[person.role]}."
        fault = Fault(kind=FaultKind.PERMISSION_DENIED, message=message)
        status = RULES[fault.kind].status
        return await Visit(request, self._house, person).page("error.html", status, fault=fault, code=status)
