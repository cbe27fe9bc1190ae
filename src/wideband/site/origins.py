"""Where a request comes from: this machine or not, which address, by https or not; proxies only if they are trusted."""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.requests import Request

from wideband.canon.faults import invalid

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# What proxies add to requests. A server that only this machine reaches gets none of them.
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
_NEIGHBOURS = 64


def is_loopback(host: str) -> bool:
    """Say whether a host name or address, without a port, always means the machine itself."""
    host = host.removeprefix("[").removesuffix("]").lower().rstrip(".")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """Return the name in a `Host` header, without its port; empty for what is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


class Origins:
    """What the settings say about how requests reach the site. Raises `Faulted` for addresses that are none."""

    def __init__(self, url: str = "", trusted_proxies: Iterable[str] = ()) -> None:
        parts = urlsplit(url)
        self.public = f"{parts.scheme}://{parts.netloc}".lower() if url else ""
        self._is_https = parts.scheme == "https"
        self._trusted = tuple(network_of(text) for text in trusted_proxies)

    def is_https(self, request: Request) -> bool:
        """Say whether the browser's own connection is encrypted."""
        if self._is_https or request.url.scheme == "https":
            return True
        claimed = request.headers.get("x-forwarded-proto", "")
        return self._is_trusted(_peer(request)) and claimed.rpartition(",")[2].strip().lower() == "https"

    def address(self, request: Request) -> str:
        """Return the address a request comes from: the last one that is not a trusted proxy's."""
        address = _peer(request)
        claimed = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        while self._is_trusted(address) and claimed:
            before = _address(claimed.pop().strip())
            if before is None:
                break
            address = before
        return address

    def neighbours(self, request: Request) -> str:
        """Return the address, of IPv6 the network that one household or machine has."""
        address = self.address(request)
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return address
        if found.version == 6:
            return str(ipaddress.ip_network((found, _NEIGHBOURS), strict=False))
        return address

    def base(self, request: Request) -> str:
        """Return the address of the site as its visitor sees it, without a slash at its end."""
        scheme = "https" if self.is_https(request) else "http"
        return self.public or f"{scheme}://{request.headers.get('host', 'localhost')}"

    def _is_trusted(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found.version == network.version and found in network for network in self._trusted)


def is_ours_alone(request: Request) -> bool:
    """Say whether a request is made on this machine under this machine's own name.

    A page of another site can have its name point here (DNS rebinding); its requests then carry that name.
    """
    hosts = request.headers.getlist("host")
    return (
        len(hosts) == 1 and is_loopback(host_name(hosts[0])) and not any(name in request.headers for name in _FORWARDED)
    )


def network_of(text: str) -> _Network:
    """Read an address or a network. Raises `Faulted` (invalid_request)."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise invalid(f"`{text}` is neither an address nor a network like 10.0.0.0/8", "trusted_proxies") from None


def _peer(request: Request) -> str:
    return (_address(request.client.host) if request.client else None) or "unknown"


def _address(text: str) -> str | None:
    """Return an address in its one way of writing."""
    try:
        found = ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)
