"""Signing in by an OpenID provider: authorization code with PKCE, state and nonce, bound to the browser that began."""

import asyncio
import base64
import hashlib
import hmac
import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wideband.accounts.people import MAX_NAME_CHARS, OidcTerms, email_of, role_of
from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.clock import now_ns
from wideband.ids import random_bytes
from wideband.site.signin import Keepers, local_path, too_many
from wideband.site.visit import Page, Visit
from wideband.store.attempts import ADDRESS
from wideband.wire import jsons

if TYPE_CHECKING:
    from wideband.site.providerclient import ProviderClient

log = logging.getLogger("wideband.site")

BEGIN, BACK = "/sign-in/provider", "/sign-in/provider/back"
# How long somebody may take at the provider.
FLOW_S = 600
_COOKIE = "flow"


class Flow(msgspec.Struct, frozen=True, array_like=True):
    """What a browser keeps while it is at the provider, sealed with this home's secret."""

    state: str
    nonce: str
    verifier: str
    going: str
    until_s: int


class Provider:
    """The pages that lead to a provider and back. Its client is loaded when somebody first uses it."""

    def __init__(self, terms: OidcTerms, client_secret: str, keepers: Keepers) -> None:
        self._terms, self._client_secret = terms, client_secret
        self._people, self._attempts = keepers.people, keepers.attempts
        self._sessions, self._origins = keepers.sessions, keepers.origins
        self._made: ProviderClient | None = None
        self.pages = (Page(BEGIN, self.begin, None), Page(BACK, self.back, None))

    async def begin(self, visit: Visit) -> Response:
        """Send a browser to the provider."""
        flow = Flow(
            state=random_bytes(32).hex(),
            nonce=random_bytes(32).hex(),
            verifier=random_bytes(32).hex(),
            going=local_path(visit.query.get("next", "/")),
            until_s=visit.now_s + FLOW_S,
        )
        challenge = base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).decode().rstrip("=")
        question = {
            "response_type": "code",
            "client_id": self._terms.client_id,
            "redirect_uri": self._redirect_uri(visit.request),
            "scope": " ".join(self._terms.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        client = self._client()
        try:
            description = await client.description()
        except self._client_error() as error:
            raise _unusable(error) from error
        address = description.authorization_endpoint
        response = RedirectResponse(address + ("&" if urlsplit(address).query else "?") + urlencode(question), 303)
        self._sessions.note(visit.request, response, _COOKIE, self._sealed(flow), FLOW_S)
        return response

    async def back(self, visit: Visit) -> Response:
        """Take a browser back, with a code or with what went wrong."""
        flow = self._opened(self._sessions.noted(visit.request, _COOKIE) or "")
        given = visit.query.get("state", "")
        if flow is None or visit.now_s >= flow.until_s or not _same(given, flow.state):
            raise invalid("This sign-in was not begun in this browser, or it took too long. Begin again.")
        claimed = visit.query.get("iss")
        if claimed is not None and claimed != self._terms.issuer:
            raise invalid("This answer comes from another provider than the one that was asked. Begin again.")
        if "error" in visit.query or not visit.query.get("code"):
            log.warning("the provider refused a sign-in: %.200r", visit.query.get("error"))
            raise _refused("The provider did not sign you in.")
        address = f"address:{self._origins.neighbours(visit.request)}"
        wait_ns = await asyncio.to_thread(self._attempts.begin, {address: ADDRESS})
        if wait_ns:
            raise too_many(wait_ns / 1e9)
        claims = await self._claims(visit, flow)
        role = role_of(claims, self._terms)
        name = email_of(claims) or str(claims["sub"])
        if role is None:
            log.warning("%.200r was vouched for by the provider and has no role here", name)
            raise _refused(f"You are {name}, who has no role here. Whoever runs this server gives roles in [oidc].")
        await asyncio.to_thread(self._attempts.succeed, "", address)
        subject = f"{self._terms.issuer}\n{claims['sub']}"
        person = await asyncio.to_thread(self._people.meet, subject, name[:MAX_NAME_CHARS], role, self._terms.account)
        response = RedirectResponse(flow.going, 303)
        await self._sessions.begin(visit.request, response, person)
        self._sessions.drop(visit.request, response, _COOKIE)
        log.info("%s signed in by the provider from %s", person.name, self._origins.address(visit.request))
        return response

    async def _claims(self, visit: Visit, flow: Flow) -> dict[str, Any]:
        """Return what the provider says of who signs in. Raises `Faulted`."""
        client, idtokens = self._client(), import_module("wideband.site.idtokens")
        question = import_module("wideband.site.providerclient").Question(
            visit.query["code"], flow.verifier, self._redirect_uri(visit.request)
        )
        expected = idtokens.Expected(self._terms.issuer, self._terms.client_id, flow.nonce, now_ns() / 1e9)
        try:
            token = await client.id_token(question)
            try:
                claims: dict[str, Any] = idtokens.verified(token, await client.keys(), expected)
            except idtokens.UnknownKeyError:
                claims = idtokens.verified(token, await client.keys(anew=True), expected)
        except idtokens.TokenError as error:
            log.warning("an ID token of the provider was refused: %s", error)
            raise _refused("What the provider says of you cannot be believed; the server's log says why.") from error
        except self._client_error() as error:
            raise _unusable(error) from error
        return claims

    def _redirect_uri(self, request: Request) -> str:
        return self._origins.base(request) + BACK

    def _client(self) -> "ProviderClient":
        # 0.2 s to load, for a sign-in now and then.
        if self._made is None:
            made = import_module("wideband.site.providerclient").ProviderClient
            self._made = made(self._terms.issuer, self._terms.client_id, self._client_secret)
        assert self._made is not None
        return self._made

    def _client_error(self) -> type[Exception]:
        found: type[Exception] = import_module("wideband.site.providerclient").ProviderError
        return found

    def _sealed(self, flow: Flow) -> str:
        body = base64.urlsafe_b64encode(jsons.encode(flow)).decode().rstrip("=")
        return f"{body}.{self._sessions.token(f'flow {body}')}"

    def _opened(self, text: str) -> Flow | None:
        body, _, mark = text.partition(".")
        if not _same(mark, self._sessions.token(f"flow {body}")):
            return None
        return jsons.decode_as(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), Flow)


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), known.encode())


def _refused(message: str) -> Faulted:
    return Faulted(Fault(kind=FaultKind.PERMISSION_DENIED, message=message))


def _unusable(error: Exception) -> Faulted:
    log.error("the OpenID provider cannot be used: %s", error)
    message = "The provider that signs people in does not answer as it should; the server's log says why."
    return Faulted(Fault(kind=FaultKind.UNAVAILABLE, message=message))
