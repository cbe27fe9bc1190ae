"""What keys are called on pages."""

from collections.abc import Iterable

from wideband.accounts.rows import Key
from wideband.site.visit import Visit, account_of

_DIGITS = 8


class KeyNames:
    """Names of keys by hash; a key that is gone is called by the head of its hash."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._names = {key.hash: key.name or key.label for key in keys}

    def of(self, key_hash: str) -> str:
        """Return what a key is called."""
        return self._names.get(key_hash) or f"{key_hash[:_DIGITS]}…"

    @property
    def options(self) -> list[tuple[str, str]]:
        """Return (hash, name) of all that are there, by name."""
        return sorted(self._names.items(), key=lambda one: (one[1].lower(), one[0]))


async def key_names(visit: Visit) -> KeyNames:
    """Return the names of the keys that a visitor may see."""
    return KeyNames(await visit.house.exchange.ledger.keys(account_of(visit)))
