"""Named queries: one SQL text each, asked with parameters, of whoever can read the archive."""

from typing import Any, Protocol

import msgspec

from wideband.store.base import Table


class Reader(Protocol):
    """Whoever can ask the archive: every `Ledger`."""

    async def read(self, sql: str, parameters: tuple[Any, ...] = ()) -> Table:
        """Run one statement that changes nothing. Raises `Faulted` (unavailable)."""
        ...


class Query(msgspec.Struct, frozen=True):
    """A statement over the tables and views of `store.cubes`; `$1`, `$2`... are its parameters.

    `{grain}` in the text is the table's width (minute, hour, day), `{bucket}` the width that is asked for; both come
    from a `Period` and never from a caller.
    """

    name: str
    sql: str

    async def ask(self, reader: Reader, *parameters: Any, **words: str) -> list[tuple[Any, ...]]:
        """Return the rows. Raises `Faulted` (unavailable)."""
        return (await reader.read(self.sql.format(**words) if words else self.sql, parameters)).rows
