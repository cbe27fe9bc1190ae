"""What every request shares, assembled once: rows, ledger, providers' connections, health, and the terms of service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from wideband.accounts.rows import Key
from wideband.catalog.joining import widened
from wideband.catalog.presets import Shelf
from wideband.catalog.rows import AuthStyle, Catalogue, Endpoint, Provider, Voice
from wideband.dialects.base import Dialect, Draft, Target
from wideband.dialects.carriages import CARRIAGES, Packing
from wideband.gateway.caching import CacheWish
from wideband.gateway.candidates import Candidates
from wideband.gateway.listening import Listening
from wideband.metering.record import Generation
from wideband.pricing import RateCard
from wideband.routing.health import Health
from wideband.routing.hedges import Budget
from wideband.routing.policy import Policy
from wideband.routing.preferences import tier_of
from wideband.routing.stickiness import Sticky
from wideband.store.base import Ledger, Presets
from wideband.store.contents import Contents
from wideband.store.ownkeys import OwnKeyRoom
from wideband.store.replies import Replies
from wideband.upstream.auth import PLATFORMS, Authorizer, headers_for
from wideband.upstream.base import Call, Upstream

NO_SECRETS: Mapping[str, str] = {}
# Accounts choose which providers they open, so the catalogues that are kept for that are bounded.
_MOST_WIDENED = 64


def has_address(provider: Provider) -> bool:
    """Say whether a provider's URLs are whole: some have fields that only the server's environment can fill."""
    urls = (provider.base_url, *(voice.base_url for voice in provider.also.values()))
    return not any("{" in url for url in urls if url)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Deadlines and bounds of a request.

    `first_token_s` is the longest wait from a try's start to its first meaningful event; `inter_token_s` between two
    reads after it; `silent_s` is how long a try may be silent at least, before it is given up for an endpoint that is
    well; `tail_s` is for what follows when the outcome is known: the end of a finished stream, the body of an error
    answer; `slowest_tokens_per_s` stretches the first when the answer comes whole and not as a stream.
    """

    connect_s: float = 10.0
    first_token_s: float = 60.0
    inter_token_s: float = 60.0
    silent_s: float = 10.0
    total_s: float = 1800.0
    keepalive_s: float = 8.0
    tail_s: float = 2.0
    slowest_tokens_per_s: float = 15.0
    max_tries: int = 6
    max_reply_bytes: int = 64 * 1024 * 1024
    default_output_tokens: int = 4096
    byok_fee_permille: int = 0
    hold_s: float = 3600.0


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, from the key and the headers."""

    key: Key
    metadata: bool = False
    session_id: str | None = None
    app_url: str | None = None
    app_title: str | None = None
    user_agent: str | None = None
    cache: CacheWish | None = None
    # Headers of the client's that go to upstreams too, by the dialect of those upstreams.
    passed: dict[str, dict[str, str]] = {}


class Observer(Protocol):
    """Somebody who counts what happens; called on the request path, so it must be quick."""

    def finished(self, record: Generation) -> None: ...


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach an endpoint, prepared off the request path.

    `packing` is how its platform takes the dialect, `authorizer` makes what its headers do not show of who asks.
    """

    url: str
    headers: dict[str, str]
    target: Target
    packing: Packing | None = None
    authorizer: Authorizer | None = None

    def packed(self, draft: Draft, passed: Mapping[str, str], *, stream: bool) -> Draft:
        """Return a draft with the caller's own headers, as the platform takes it."""
        if passed:
            draft = msgspec.structs.replace(draft, headers={**draft.headers, **passed})
        return draft if self.packing is None else self.packing.address(draft, self.target, stream)

    def call(self, draft: Draft, connect_s: float, first_byte_s: float) -> Call:
        """Return the call that a packed draft makes; where there is an authorizer, its headers are still missing."""
        return Call(
            url=self.url + draft.path,
            body=draft.body,
            headers={**self.headers, **draft.headers},
            connect_s=connect_s,
            first_byte_s=first_byte_s,
        )

    async def authorized(self, call: Call) -> Call:
        """Return a call with what shows who asks. Raises `Faulted` (provider_auth)."""
        if self.authorizer is None:
            return call
        return msgspec.structs.replace(call, headers={**call.headers, **await self.authorizer.headers(call)})

    def __repr__(self) -> str:
        """Show no key."""
        return f"Address({self.url!r})"


@dataclass
class Exchange:
    """The shared state of the gateway.

    `catalogue` is what can be asked with the server's own keys, `known` all rows there are; `own_keys` are what
    accounts bring to open more of them.
    """

    catalogue: Catalogue
    provider_keys: dict[str, str] = field(repr=False)
    ledger: Ledger
    upstream: Upstream
    health: Health
    observer: Observer
    terms: Terms = field(default_factory=Terms)
    policy: Policy = field(default_factory=Policy)
    rate_card: RateCard = field(default_factory=RateCard)
    presets: Presets = field(default_factory=Shelf)
    auto: Candidates = field(default_factory=Candidates)
    sticky: Sticky = field(default_factory=Sticky)
    replies: Replies | None = None
    contents: Contents | None = None
    listening: Listening | None = None
    own_keys: OwnKeyRoom | None = None
    known: Catalogue | None = None
    hedges: Budget = field(default_factory=Budget)
    open_requests: int = 0
    _authorizers: dict[AuthStyle, Authorizer] = field(default_factory=dict, repr=False)
    _addresses: dict[tuple[str, str], Address] = field(default_factory=dict, repr=False)
    _widened: dict[frozenset[str], Catalogue] = field(default_factory=dict, repr=False)

    def catalogue_with(self, providers: frozenset[str]) -> Catalogue:
        """Return the catalogue with what these providers (slugs) serve too, if they are known and have an address."""
        if self.known is None or providers <= self.catalogue.providers.keys():
            return self.catalogue
        rows = self.known.providers
        more = frozenset(
            slug for slug in providers - self.catalogue.providers.keys() if slug in rows and has_address(rows[slug])
        )
        if more not in self._widened:
            if len(self._widened) >= _MOST_WIDENED:
                self._widened.clear()
            self._widened[more] = widened(self.catalogue, self.known, more)
        return self._widened[more]

    def address(self, endpoint: Endpoint, dialect: Dialect, secrets: Mapping[str, str] = NO_SECRETS) -> Address:
        """Return where and as whom an endpoint is called in one of the dialects that its provider speaks.

        `secrets` are the account's own keys by id; who is asked with one of them is remembered nowhere.
        """
        if endpoint.own_key is not None:
            return self._address(endpoint, dialect, secrets[endpoint.own_key])
        found = self._addresses.get((endpoint.id, dialect.name))
        if found is None:
            key = self.provider_keys.get(endpoint.provider.slug)
            found = self._addresses[endpoint.id, dialect.name] = self._address(endpoint, dialect, key)
        return found

    def _address(self, endpoint: Endpoint, dialect: Dialect, key: str | None) -> Address:
        provider = endpoint.provider
        voice = provider.also.get(dialect.name) or Voice(quirks=provider.quirks)
        auth = voice.auth or provider.auth
        return Address(
            url=(voice.base_url or provider.base_url).rstrip("/"),
            headers={
                "content-type": "application/json",
                **headers_for(auth, key),
                **provider.headers,
            },
            target=Target(
                model=endpoint.upstream_model,
                provider=provider.slug,
                quirks=voice.quirks | endpoint.quirks,
                max_output=endpoint.max_output,
                supported_parameters=endpoint.supported_parameters,
                reasoning_format=dialect.reasoning_format,
                service_tier=tier_of(endpoint),
            ),
            packing=CARRIAGES[provider.carriage].get(dialect.name) if provider.carriage else None,
            authorizer=None if key else self._authorizer(auth),
        )

    def _authorizer(self, style: AuthStyle) -> Authorizer | None:
        """Return what makes a style's headers, one for all providers; None for styles that only show a key."""
        if style in PLATFORMS and style not in self._authorizers:
            self._authorizers[style] = PLATFORMS[style].authorizer()
        return self._authorizers.get(style)
