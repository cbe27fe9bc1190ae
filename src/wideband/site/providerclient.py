"""What is asked of an OpenID provider over HTTP: its description, its keys, and a token for a code."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from wideband.clock import monotonic_s
from wideband.site.idtokens import Jwk
from wideband.site.origins import is_loopback
from wideband.wire import jsons

TIMEOUT_S = 10.0
MAX_BYTES = 512 * 1024
DESCRIPTION_S = 3600.0
KEYS_S = 3600.0
# Keys are asked for anew at most as often when a token names one that is not known.
ROTATION_S = 30.0


class ProviderError(Exception):
    """The provider cannot be used; the text says why, for the log."""


class Description(msgspec.Struct, frozen=True):
    """As much of a provider's description as is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Question(msgspec.Struct, frozen=True):
    """A code, and what proves that it was given to us."""

    code: str
    verifier: str
    redirect_uri: str

    def __repr__(self) -> str:
        """Show no secret."""
        return "Question(...)"


class ProviderClient:
    """Asks one provider; what it says of itself and its keys are kept for an hour."""

    def __init__(self, issuer: str, client_id: str, client_secret: str) -> None:
        self._issuer, self._client_id, self._client_secret = issuer, client_id, client_secret
        self._description: tuple[float, Description] | None = None
        self._keys: tuple[float, Sequence[Jwk]] | None = None
        self._lock = asyncio.Lock()

    async def description(self) -> Description:
        """Return what the provider says of itself. Raises `ProviderError`."""
        async with self._lock:
            if self._description is None or monotonic_s() - self._description[0] > DESCRIPTION_S:
                self._description = (monotonic_s(), await self._described())
            return self._description[1]

    async def keys(self, *, anew: bool = False) -> Sequence[Jwk]:
        """Return the provider's keys; `anew` asks for those it has now, unless that was just done."""
        description = await self.description()
        async with self._lock:
            longest_s = ROTATION_S if anew else KEYS_S
            if self._keys is None or monotonic_s() - self._keys[0] > longest_s:
                found = await self._ask("GET", description.jwks_uri)
                keys = found.get("keys")
                if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
                    raise ProviderError("its keys cannot be read")
                self._keys = (monotonic_s(), keys)
            return self._keys[1]

    async def id_token(self, question: Question) -> str:
        """Exchange a code for the token that says who signs in. Raises `ProviderError`."""
        description = await self.description()
        form = {
            "grant_type": "authorization_code",
            "code": question.code,
            "redirect_uri": question.redirect_uri,
            "code_verifier": question.verifier,
        }
        headers = {}
        if self._client_secret and "client_secret_basic" in description.token_endpoint_auth_methods_supported:
            pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form["client_id"] = self._client_id
            if self._client_secret:
                form["client_secret"] = self._client_secret
        found = await self._ask("POST", description.token_endpoint, form, headers)
        token = found.get("id_token")
        if not isinstance(token, str):
            raise ProviderError("it sent no ID token")
        return token

    async def _described(self) -> Description:
        found = await self._ask("GET", self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        try:
            description = msgspec.convert(found, Description)
        except msgspec.ValidationError as error:
            raise ProviderError(f"its description cannot be used: {error}") from None
        if description.issuer != self._issuer:
            raise ProviderError(f"it calls itself {description.issuer!r}; write that as the issuer in [oidc]")
        for url in (description.authorization_endpoint, description.token_endpoint, description.jwks_uri):
            self._check(url)
        return description

    def _check(self, url: str) -> None:
        """See that an address is encrypted, or on this machine where the issuer is."""
        parts = urlsplit(url)
        is_near = is_loopback(urlsplit(self._issuer).hostname or "") and is_loopback(parts.hostname or "")
        if parts.scheme != "https" and not (parts.scheme == "http" and is_near):
            raise ProviderError(f"its address {url!r} is not https")

    async def _ask(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object that an address answers with; follows nowhere. Raises `ProviderError`."""
        self._check(url)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(
                    method,
                    url,
                    data=form,
                    headers={"Accept": "application/json", **(headers or {})},
                    allow_redirects=False,
                ) as answer,
            ):
                body = await answer.content.read(MAX_BYTES + 1)
                while len(body) <= MAX_BYTES and not answer.content.at_eof():
                    body += await answer.content.read(MAX_BYTES + 1 - len(body))
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ProviderError(f"{url} does not answer: {type(error).__name__}: {error}") from None
        if status != 200:
            raise ProviderError(f"{url} answered {status}: {body[:300].decode('utf-8', 'replace')}")
        if len(body) > MAX_BYTES:
            raise ProviderError(f"{url} answered with more than {MAX_BYTES} bytes")
        try:
            found = jsons.decode(body)
        except jsons.DecodeError:
            raise ProviderError(f"{url} did not answer with JSON") from None
        if not isinstance(found, dict):
            raise ProviderError(f"{url} did not answer with an object")
        return found
