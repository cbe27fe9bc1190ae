"""Sessions of browsers: a random cookie, of which only the hash is kept, and the tokens that forms must bring."""

import asyncio
import hashlib
import hmac
import logging

import apsw
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wideband.accounts.people import Profile, SiteTerms
from wideband.clock import now_ns
from wideband.ids import random_bytes
from wideband.site.origins import Origins
from wideband.store.people import PeopleRoom

log = logging.getLogger("wideband.site")

_DAY_NS = 86_400_000_000_000
# How often it is written down that a session is used.
_NOTED_NS = _DAY_NS // 24
_TOKEN_BYTES = 32
_TOKEN_CHARS = 2 * _TOKEN_BYTES


class Signed(msgspec.Struct, frozen=True):
    """Whose a session is, and what its forms must bring."""

    profile: Profile
    csrf: str


class Sessions:
    """The sessions of a home, as cookies."""

    def __init__(self, people: PeopleRoom, terms: SiteTerms, origins: Origins) -> None:
        self._people, self._origins = people, origins
        self._idle_ns = int(terms.idle_days * _DAY_NS)
        self._whole_ns = int(terms.session_days * _DAY_NS)
        self._secret = b""

    async def ready(self) -> None:
        """See that tokens can be made; waits for the disk once."""
        if not self._secret:
            self._secret = await asyncio.to_thread(self._people.secret)

    async def of(self, request: Request) -> Signed | None:
        """Return who a browser is signed in as. Costs no disk but once an hour, to note that the session is used."""
        token = self._cookie(request, "session")
        if token is None:
            return None
        name = _hash(token)
        found = self._people.session(name)
        if found is None:
            return None
        person, session = found
        now = now_ns()
        if now >= session.ends_ns or now >= session.seen_ns + self._idle_ns:
            return None
        if now - session.seen_ns > min(_NOTED_NS, self._idle_ns // 8):
            try:
                await asyncio.to_thread(self._people.see, name)
            except apsw.Error as error:
                log.warning("it cannot be noted that a session is used: %s", error)
        return Signed(person, self.token(f"session {name}"))

    async def begin(self, request: Request, response: Response, person: Profile) -> None:
        """Sign a browser in with a new session, whatever cookie it brought; the one it had is ended.

        Raises `Faulted` (not_found) when the person was removed or got another password meanwhile.
        """
        token = random_bytes(_TOKEN_BYTES).hex()
        await asyncio.to_thread(self._people.begin, person, _hash(token), now_ns() + self._whole_ns)
        await self.end(request)
        self._set(request, response, "session", token, self._whole_ns // 1_000_000_000)

    async def end(self, request: Request, response: Response | None = None) -> None:
        """End the session of a browser, and take its cookie away."""
        token = self._cookie(request, "session")
        if token is not None:
            await asyncio.to_thread(self._people.end, _hash(token))
        if response is not None:
            self.drop(request, response, "session")

    def token(self, what: str) -> str:
        """Return what only this home can make of a text."""
        return hmac.new(self._secret, what.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def visitor(self, request: Request) -> str | None:
        """Return what tells browsers apart that are not signed in."""
        return self._cookie(request, "visitor")

    def greet(self, request: Request, response: Response, visitor: str | None = None) -> None:
        """Give a browser what tells it apart."""
        self._set(request, response, "visitor", visitor or random_bytes(_TOKEN_BYTES).hex(), None)

    def note(self, request: Request, response: Response, name: str, value: str, seconds: int) -> None:
        """Have a browser keep a text for a while."""
        self._set(request, response, name, value, seconds)

    def noted(self, request: Request, name: str) -> str | None:
        """Return a text that a browser was given; it may have changed it."""
        return request.cookies.get(self._name(request, name))

    def drop(self, request: Request, response: Response, name: str) -> None:
        """Take a cookie away."""
        response.delete_cookie(
            self._name(request, name), path="/", secure=self._origins.is_https(request), httponly=True, samesite="lax"
        )

    def _name(self, request: Request, name: str) -> str:
        # Browsers take a cookie of such a name only from this very host by https: no neighbour can plant one.
        return f"__Host-wb_{name}" if self._origins.is_https(request) else f"wb_{name}"

    def _cookie(self, request: Request, name: str) -> str | None:
        value = request.cookies.get(self._name(request, name), "")
        is_token = len(value) == _TOKEN_CHARS and value.isascii() and value.isalnum()
        return value if is_token else None

    def _set(self, request: Request, response: Response, name: str, value: str, seconds: int | None) -> None:
        response.set_cookie(
            self._name(request, name),
            value,
            max_age=seconds,
            path="/",
            secure=self._origins.is_https(request),
            httponly=True,
            samesite="lax",
        )


def _hash(token: str) -> str:
    """Tokens carry 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode("ascii")).hexdigest()
