"""Signing in with a password and out again."""

import asyncio
import logging
import math
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wideband.accounts.passwords import (
    MAX_CHARS,
    SALT_BYTES,
    STRENGTH,
    Strength,
    check_password,
    hashed,
    is_weak,
    matches,
)
from wideband.accounts.people import Profile, clean_name
from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.ids import random_bytes
from wideband.site.origins import Origins
from wideband.site.sessions import Sessions
from wideband.site.visit import Page, Visit
from wideband.store.attempts import ADDRESS, NAME, Attempts
from wideband.store.people import PeopleRoom, PersonChange

log = logging.getLogger("wideband.site")

SIGN_IN, SIGN_OUT, PASSWORD = "/sign-in", "/sign-out", "/password"
# Each takes 32 MiB and a processor.
CHECKS_AT_ONCE = 2
CHECKS_WAITING = 16


class Ways(msgspec.Struct, frozen=True):
    """How one can sign in here."""

    password: bool
    provider: bool


class Keepers(msgspec.Struct, frozen=True):
    """Who remembers what signing in needs."""

    people: PeopleRoom
    attempts: Attempts
    sessions: Sessions
    origins: Origins


class SignIn:
    """The pages that sign in with a password, change it, and sign out."""

    def __init__(self, keepers: Keepers, *, has_provider: bool = False, strength: Strength = STRENGTH) -> None:
        self._people, self._attempts = keepers.people, keepers.attempts
        self._sessions, self._origins = keepers.sessions, keepers.origins
        self._has_provider, self._strength = has_provider, strength
        # What names that nobody has are checked against, so that they take as long.
        zero = "A" * 43 + "="
        self._nobody = f"scrypt${strength.log2_n}${strength.r}${strength.p}${'A' * 22}==${zero}"
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._waiting = 0
        self.pages = (
            Page(SIGN_IN, self.sign_in, None, methods=("GET", "POST")),
            Page(SIGN_OUT, self.sign_out, methods=("POST",)),
            Page(PASSWORD, self.password, methods=("GET", "POST")),
        )

    @property
    def ways(self) -> Ways:
        return Ways(self._people.have_password, self._has_provider)

    def visitor_token(self, request: Request) -> str:
        """Return what the form of a browser that is not signed in must bring; empty when it was never shown one."""
        visitor = self._sessions.visitor(request)
        return "" if visitor is None else self._sessions.token(f"visitor {visitor}")

    async def sign_in(self, visit: Visit) -> Response:
        """Show the form, or take it."""
        post = visit.request.method == "POST"
        going = local_path((visit.form if post else visit.query).get("next", "/"))
        if visit.person is not None:
            return RedirectResponse(going, 303)
        if not post:
            return await self.form(visit, going)
        try:
            person = await self.proven(visit.request, visit.form.get("name", ""), visit.form.get("password", ""))
        except Faulted as error:
            return await self.form(visit, going, error.fault)
        response = RedirectResponse(going, 303)
        await self._sessions.begin(visit.request, response, person)
        log.info("%s signed in from %s", person.name, self._origins.address(visit.request))
        return response

    async def form(self, visit: Visit, going: str, fault: Fault | None = None) -> Response:
        """Show the form, with what was wrong."""
        visitor = self._sessions.visitor(visit.request) or random_bytes(32).hex()
        status = {None: 200, FaultKind.RATE_LIMITED: 429}.get(fault.kind if fault else None, 401)
        response = await visit.page(
            "signin.html",
            status,
            fault=fault,
            going=going,
            ways=self.ways,
            name=visit.form.get("name", ""),
            token=self._sessions.token(f"visitor {visitor}"),
        )
        self._sessions.greet(visit.request, response, visitor)
        if fault is not None and fault.retry_after_s is not None:
            response.headers["Retry-After"] = str(math.ceil(fault.retry_after_s))
        return response

    async def proven(self, request: Request, given: str, password: str) -> Profile:
        """Return who has a name and a password. Raises `Faulted`: authentication, rate_limited."""
        try:
            name = clean_name(given)
        except Faulted:
            name = ""
        subjects = {f"name:{name}": NAME, f"address:{self._origins.neighbours(request)}": ADDRESS}
        wait_ns = await asyncio.to_thread(self._attempts.begin, subjects)
        if wait_ns:
            raise too_many(wait_ns / 1e9)
        person = self._people.named(name)
        kept = person.password if person is not None else None
        is_right = await self._check(password, kept or self._nobody)
        if person is None or kept is None or not is_right:
            log.warning("a sign-in from %s failed", self._origins.address(request))
            raise Faulted(Fault(kind=FaultKind.AUTHENTICATION, message="There is nobody with this name and password."))
        await asyncio.to_thread(self._attempts.succeed, *subjects)
        if is_weak(kept, self._strength):
            person = await asyncio.to_thread(self._strengthen, person, kept, password)
        return person

    async def sign_out(self, visit: Visit) -> Response:
        """End the session."""
        response = RedirectResponse(SIGN_IN, 303)
        await self._sessions.end(visit.request, response)
        return response

    async def password(self, visit: Visit) -> Response:
        """Change one's own password, which ends one's other sessions."""
        signed = await self._sessions.of(visit.request)
        if signed is None or signed.profile.password is None:
            raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message="You sign in without a password of this server's."))
        if visit.request.method != "POST":
            return await visit.page("password.html", fault=None)
        try:
            person = await self._changed(visit, signed.profile)
        except Faulted as error:
            status = 429 if error.fault.kind is FaultKind.RATE_LIMITED else 400
            return await visit.page("password.html", status, fault=error.fault)
        response = RedirectResponse("/", 303)
        await self._sessions.begin(visit.request, response, person)
        return response

    async def _changed(self, visit: Visit, person: Profile) -> Profile:
        new = visit.form.get("new", "")
        if new != visit.form.get("again", ""):
            raise invalid("The new password and its repetition differ.", "again")
        check_password(new)
        await self.proven(visit.request, person.name, visit.form.get("password", ""))
        digest = await asyncio.to_thread(hashed, new, random_bytes(SALT_BYTES), self._strength)
        changed = await asyncio.to_thread(self._people.change, person.id, PersonChange(password=digest))
        if changed is None:
            raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message="You were removed meanwhile."))
        return changed

    async def _check(self, password: str, kept: str) -> bool:
        """Check off the event loop, few at once."""
        if self._waiting >= CHECKS_WAITING:
            raise too_many(5.0)
        self._waiting += 1
        try:
            async with self._checks:
                return await asyncio.to_thread(matches, password[:MAX_CHARS], kept)
        finally:
            self._waiting -= 1

    def _strengthen(self, person: Profile, kept: str, password: str) -> Profile:
        digest = hashed(password, random_bytes(SALT_BYTES), self._strength)
        self._people.rehash(person.id, kept, digest)
        return msgspec.structs.replace(person, password=digest)


def local_path(text: str) -> str:
    """Return where a visitor goes on to if it is a page here, else home: nobody is led elsewhere."""
    parts = urlsplit(text) if text.startswith("/") else None
    if (
        parts is None
        or parts.scheme
        or parts.netloc
        or text.startswith("//")
        # Browsers read a backslash as a slash and leave out line breaks and tabs.
        or "\\" in text
        or not text.isascii()
        or any(ord(char) <= 32 or ord(char) == 127 for char in text)
        or parts.path in (SIGN_IN, SIGN_OUT)
    ):
        return "/"
    return text


def too_many(wait_s: float) -> Faulted:
    """Return what is said to who has to wait."""
    seconds = math.ceil(wait_s)
    when = f"{seconds} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
    message = f"There were too many tries to sign in. Try again in {when}."
    return Faulted(Fault(kind=FaultKind.RATE_LIMITED, message=message, retry_after_s=wait_s))
