"""Keeping the words of requests where the settings ask for it: the answer is overheard on its way to the client."""

from collections.abc import Awaitable, Callable

from wideband.accounts.rows import Key
from wideband.canon.faults import Faulted
from wideband.clock import now_ns
from wideband.gateway.sink import Sink
from wideband.store.contents import Content, Contents


class Listening:
    """Whose requests are kept, and how much of them. `keys` are hashes or names; None is everybody's."""

    def __init__(self, contents: Contents, keys: frozenset[str] | None, max_bytes: int) -> None:
        self._contents, self._keys, self._max_bytes = contents, keys, max_bytes

    def wants(self, key: Key) -> bool:
        """Say whether what this key asks is kept."""
        return self._keys is None or key.hash in self._keys or key.name in self._keys

    async def overhear(self, sink: Sink, name: str, body: bytes, answer: Callable[[Sink], Awaitable[None]]) -> None:
        """Have a request answered, and hand its words to be kept when it is over: nobody waits for that.

        A request that raises `Faulted` was not understood and has no record: nothing is kept of it.
        """
        overheard = Overheard(sink, self._max_bytes)
        try:
            await answer(overheard)
        except Faulted:
            raise
        except BaseException:
            self._keep(name, body, overheard)
            raise
        else:
            self._keep(name, body, overheard)

    def _keep(self, name: str, body: bytes, overheard: "Overheard") -> None:
        most = self._max_bytes
        cut = overheard.is_cut or len(body) > most
        said = b"".join(overheard.pieces)
        self._contents.put(Content(id=name, at_ns=now_ns(), request=body[:most], answer=said, is_cut=cut))


class Overheard:
    """A `Sink` that passes everything on and remembers it, up to a limit."""

    def __init__(self, sink: Sink, max_bytes: int) -> None:
        self._sink, self._left = sink, max_bytes
        self.pieces: list[bytes] = []
        self.is_cut = False

    @property
    def started(self) -> bool:
        return self._sink.started

    @property
    def gone(self) -> bool:
        return self._sink.gone

    def on_gone(self, call: Callable[[], None]) -> None:
        self._sink.on_gone(call)

    async def start(self, status: int, headers: dict[str, str]) -> None:
        await self._sink.start(status, headers)

    async def send(self, data: bytes) -> None:
        self._hear(data)
        await self._sink.send(data)

    async def end(self, data: bytes = b"") -> None:
        self._hear(data)
        await self._sink.end(data)

    async def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self._hear(body)
        await self._sink.reply(status, headers, body)

    def _hear(self, data: bytes) -> None:
        if len(data) > self._left:
            data, self.is_cut = data[: self._left], True
        if data:
            self.pieces.append(data)
            self._left -= len(data)
