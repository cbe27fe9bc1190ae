"""Model servers on this machine: every local provider is asked at once what it serves, and never waited for long."""

from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from threading import Thread
from urllib.parse import urlsplit

import msgspec

from wideband import clock
from wideband.catalog.joining import endpoint_id
from wideband.catalog.rows import Endpoint, Price, Provider, Rates
from wideband.wire import jsons

_MAX_ANSWER_BYTES = 1024 * 1024


class _Served(msgspec.Struct):
    id: str


class _List(msgspec.Struct):
    data: list[_Served]


def discover(providers: Iterable[Provider], timeout_s: float = 0.3) -> dict[str, tuple[Endpoint, ...]]:
    """Return what the local providers that answer serve, by slug. Takes no longer than `timeout_s` and a little.

    Only loopback addresses are asked. Models cost nothing and are called `provider/name`, or by their own name when
    it has a slash.
    """
    found: dict[str, tuple[Endpoint, ...]] = {}

    def ask(provider: Provider) -> None:
        names = _ask(provider.base_url, timeout_s)
        if names is not None:
            found[provider.slug] = tuple(_endpoint(provider, name) for name in names)

    # Daemons: a server that drips its answer is left behind instead of waited for.
    threads = [
        Thread(target=ask, args=(provider,), daemon=True)
        for provider in providers
        if provider.local and is_loopback(provider.base_url)
    ]
    for thread in threads:
        thread.start()
    ends_ns = clock.monotonic_ns() + int(timeout_s * 1_000_000_000)
    for thread in threads:
        thread.join(max(0.0, (ends_ns - clock.monotonic_ns()) / 1_000_000_000))
    return dict(found)


def is_loopback(base_url: str) -> bool:
    """Tell whether a URL points at this machine."""
    host = urlsplit(base_url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _ask(base_url: str, timeout_s: float) -> list[str] | None:
    parts = urlsplit(base_url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout_s)
    try:
        connection.request("GET", f"{parts.path}/models", headers={"Accept": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            return None
        listed = jsons.decode_as(answer.read(_MAX_ANSWER_BYTES), _List)
    except (OSError, HTTPException, jsons.DecodeError):
        # Nobody listens, or somebody who is no model server.
        return None
    finally:
        connection.close()
    return [served.id for served in listed.data if served.id and not served.id.isspace()]


def _endpoint(provider: Provider, name: str) -> Endpoint:
    model = name if "/" in name.strip("/") else f"{provider.slug}/{name}"
    return Endpoint(
        id=endpoint_id(provider.slug, model, provider.slug),
        provider=provider,
        model=model,
        upstream_model=name,
        tag=provider.slug,
        price=Price(base=Rates()),
        # A local server does not say what it reads: images are let through, and it answers for itself.
        input_modalities=("text", "image"),
    )
