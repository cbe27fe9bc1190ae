"""Where hosts are: their addresses, remembered, so that one name that cannot be resolved holds up no other."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wideband.tasks import spawn

FRESH_S = 60.0

Resolve = Callable[[str], Awaitable[list[str]]]


async def resolve(host: str) -> list[str]:
    """Ask the system where a host is. Raises `OSError`."""
    rows = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


@dataclass
class _Known:
    addresses: list[str]
    fresh_until_s: float


class Names:
    """Resolves each name once at a time. An old answer serves while a new one is asked for."""

    def __init__(self, resolve: Resolve = resolve) -> None:
        self._resolve = resolve
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Task[list[str] | OSError]] = {}

    async def addresses(self, host: str) -> list[str]:
        """Return a host's addresses, the one that answered last first. Raises `OSError` when there are none."""
        known = self._known.get(host)
        if known is not None and asyncio.get_running_loop().time() < known.fresh_until_s:
            return known.addresses
        asking = self._asking.get(host)
        if asking is None:
            asking = self._asking[host] = spawn(self._ask(host), name="resolve a name")
        if known is not None:
            return known.addresses
        answer = await asyncio.shield(asking)  # a caller who leaves does not take the answer from the others
        if isinstance(answer, OSError):
            raise answer
        return answer

    def reached(self, host: str, address: str) -> None:
        """Take note that an address answers: it is tried first from now on."""
        known = self._known.get(host)
        if known is not None and known.addresses[0] != address:
            known.addresses = [address, *(other for other in known.addresses if other != address)]

    def lost(self, host: str) -> None:
        """Take note that none of a host's addresses answers: it may have moved."""
        self._known.pop(host, None)

    async def _ask(self, host: str) -> list[str] | OSError:
        try:
            addresses = await self._resolve(host)
        except OSError as error:
            return error
        finally:
            del self._asking[host]
        if not addresses:
            return OSError("the name has no address")
        known = self._known.get(host)
        if known is not None:
            addresses.sort(key=lambda address: address != known.addresses[0])  # the one that answered stays first
        self._known[host] = _Known(addresses, asyncio.get_running_loop().time() + FRESH_S)
        return addresses
