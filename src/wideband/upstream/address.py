"""Where a URL points, and the first lines of a request to it."""

import functools
from urllib.parse import urlsplit

import msgspec

from wideband.canon.faults import Faulted, FaultKind
from wideband.upstream.causes import lost

_PORTS = {"http": 80, "https": 443}


class Address(msgspec.Struct, frozen=True, gc=False):
    """A host to connect to, and the request line and host header of a POST there."""

    host: str
    port: int
    tls: bool
    head: bytes

    @property
    def origin(self) -> tuple[str, int, bool]:
        return self.host, self.port, self.tls


@functools.lru_cache(maxsize=1024)
def address_of(url: str) -> Address:
    """Take a URL apart. Raises `Faulted` (provider_unreachable) for one that is none of http or https."""
    try:
        parts = urlsplit(url)
        default_port = _PORTS[parts.scheme]
        port = parts.port or default_port
        host = (parts.hostname or "").encode("idna").decode()
        line = ((parts.path or "/") + (f"?{parts.query}" if parts.query else "")).encode("ascii")
    except (ValueError, KeyError):
        raise _unusable() from None
    if not host or any(byte <= 0x20 or byte == 0x7F for byte in line):
        raise _unusable()
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port == default_port else f"{shown}:{port}"
    head = b"POST " + line + b" HTTP/1.1\r\nhost: " + authority.encode() + b"\r\n"
    return Address(host, port, parts.scheme == "https", head)


def _unusable() -> Faulted:
    return Faulted(lost(FaultKind.PROVIDER_UNREACHABLE, "its base URL is not valid"))


def head_of(address: Address, headers: dict[str, str], body_size: int) -> bytes:
    """Return everything of a request ahead of its body. Raises `Faulted` if a header holds a line break."""
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines) or "\0" in text:
        raise Faulted(lost(FaultKind.PROVIDER_UNREACHABLE, "a header for it holds a line break"))
    return b"%baccept-encoding: identity\r\ncontent-length: %d\r\n%b\r\n" % (address.head, body_size, text.encode())
