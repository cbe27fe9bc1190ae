"""What the gateway and the management API ask of a ledger, wherever its one writer lives."""

from collections.abc import Collection
from typing import Any, Protocol

import msgspec

from wideband.accounts.rows import Hold, Key, Settlement
from wideband.canon.faults import Fault
from wideband.catalog.presets import Preset


class KeyChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a key; UNSET leaves a field as it is."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    limit_nano: int | msgspec.UnsetType | None = msgspec.UNSET
    limit_reset: str | msgspec.UnsetType | None = msgspec.UNSET


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """What was charged, in nano-dollars: ever, and in the current UTC day, Monday week and month."""

    total_nano: int = 0
    daily_nano: int = 0
    weekly_nano: int = 0
    monthly_nano: int = 0


class Table(msgspec.Struct, frozen=True):
    """The answer to a query. Values are what JSON can say: numbers, texts, lists; instants are unix seconds."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How an archive stands. Instants are unix seconds, None where there is nothing."""

    hot_records: int
    sealed_records: int
    sealed_days: int
    deleted_days: int
    sealed_bytes: int
    database_bytes: int
    folded_until_s: int | None
    oldest_s: int | None
    newest_s: int | None


class Presets(Protocol):
    """The presets that an account can name, in memory."""

    def find(self, account_id: str, slug: str, /) -> Preset | None: ...
    def names(self, account_id: str, /) -> Collection[str]: ...


class Ledger(Protocol):
    """Keys, holds, charges and records. Money never moves outside of it."""

    def key_for(self, secret_hash: str) -> Key | None:
        """Return the key with this SHA-256, as of the newest change by any process; in memory unless one happened."""
        ...

    async def hold(self, hold: Hold) -> Fault | None:
        """Set money aside, or say why not (payment_required). Never waits for a disk."""
        ...

    async def settle(self, settlement: Settlement) -> None:
        """Charge, release the hold and write the record in one transaction; returns when it is durable.

        A second settlement of the same id changes nothing.
        """
        ...

    async def generation(self, generation_id: str) -> bytes | None:
        """Return a record as JSON, also one that was settled this instant, or None."""
        ...

    async def spend(self, *, key_hash: str | None = None, account_id: str | None = None) -> Spend:
        """Return what a key or an account was charged."""
        ...

    async def credits(self, account_id: str) -> tuple[int, int]:
        """Return (granted, charged) of an account."""
        ...

    async def failure(self) -> str | None:
        """Return why no new requests can be taken, or None when they can."""
        ...

    async def create_key(self, key: Key) -> None: ...
    async def keys(self, account_id: str | None = None) -> list[Key]: ...
    async def change_key(self, key_hash: str, change: KeyChange) -> Key | None: ...
    async def delete_key(self, key_hash: str) -> bool: ...
    async def read(self, sql: str, parameters: tuple[Any, ...] = ()) -> Table:
        """Run one statement that changes nothing over the archive (`store.cubes` says what is there).

        Raises `Faulted` (unavailable).
        """
        ...

    async def archive_status(self) -> Status:
        """Return how the archive stands. Raises `Faulted` (unavailable)."""
        ...

    async def balance(self) -> dict[str, Any]:
        """Add the whole ledger up: counts and sums, and `balanced`."""
        ...
