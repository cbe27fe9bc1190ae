"""What every request shares, assembled once: rows, ledger, providers' connections, health, and the terms of service."""

from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from wideband.accounts.rows import Key
from wideband.catalog.rows import Catalogue, Endpoint, Voice
from wideband.dialects.base import Dialect, Target
from wideband.metering.record import Generation
from wideband.routing.health import Health
from wideband.store.base import Ledger
from wideband.upstream.auth import headers_for
from wideband.upstream.base import Upstream


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Deadlines and bounds of a request.

    `first_token_s` is the longest wait from a try's start to its first meaningful event; `inter_token_s` between two
    reads after it; `tail_s` is for what follows when the outcome is known: the end of a finished stream, the body of an
    error answer; `slowest_tokens_per_s` stretches the first when the answer comes whole and not as a stream.
    """

    connect_s: float = 10.0
    first_token_s: float = 60.0
    inter_token_s: float = 60.0
    total_s: float = 1800.0
    keepalive_s: float = 8.0
    tail_s: float = 2.0
    slowest_tokens_per_s: float = 15.0
    max_tries: int = 6
    max_reply_bytes: int = 64 * 1024 * 1024
    default_output_tokens: int = 4096
    hold_s: float = 3600.0


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, from the key and the headers."""

    key: Key
    metadata: bool = False
    session_id: str | None = None
    app_url: str | None = None
    app_title: str | None = None
    user_agent: str | None = None
    # Headers of the client's that go to upstreams too, by the dialect of those upstreams.
    passed: dict[str, dict[str, str]] = {}


class Observer(Protocol):
    """Somebody who counts what happens; called on the request path, so it must be quick."""

    def finished(self, record: Generation) -> None: ...


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach an endpoint, prepared off the request path."""

    url: str
    headers: dict[str, str]
    target: Target

    def __repr__(self) -> str:
        """Show no key."""
        return f"Address({self.url!r})"


@dataclass
class Exchange:
    """The shared state of the gateway."""

    catalogue: Catalogue
    provider_keys: dict[str, str] = field(repr=False)
    ledger: Ledger
    upstream: Upstream
    health: Health
    observer: Observer
    terms: Terms = field(default_factory=Terms)
    open_requests: int = 0
    _addresses: dict[tuple[str, str], Address] = field(default_factory=dict, repr=False)

    def address(self, endpoint: Endpoint, dialect: Dialect) -> Address:
        """Return where and as whom an endpoint is called in one of the dialects that its provider speaks."""
        found = self._addresses.get((endpoint.id, dialect.name))
        if found is None:
            provider = endpoint.provider
            voice = provider.also.get(dialect.name) or Voice(quirks=provider.quirks)
            found = self._addresses[endpoint.id, dialect.name] = Address(
                url=(voice.base_url or provider.base_url).rstrip("/"),
                headers={
                    "content-type": "application/json",
                    **headers_for(voice.auth or provider.auth, self.provider_keys.get(provider.slug)),
                    **provider.headers,
                },
                target=Target(
                    model=endpoint.upstream_model,
                    provider=provider.slug,
                    quirks=voice.quirks | endpoint.quirks,
                    max_output=endpoint.max_output,
                    supported_parameters=endpoint.supported_parameters,
                    reasoning_format=dialect.reasoning_format,
                ),
            )
        return found
