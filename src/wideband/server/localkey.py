"""The key of whoever sits at this machine: made at the first start, kept in a file only its owner reads."""

import os
from pathlib import Path

from wideband.accounts.keys import hash_secret, label
from wideband.accounts.rows import Key
from wideband.clock import now_ns
from wideband.ids import key_secret
from wideband.store.base import Ledger
from wideband.store.database import LOCAL_ACCOUNT

NAME = "local"


def key_file(home: Path) -> Path:
    """Return where the local key is kept."""
    return home / "local.key"


async def local_key(home: Path, ledger: Ledger) -> str:
    """Return the local key's secret; a new key is made when there is none, or the one there no longer works."""
    path = key_file(home)
    if path.exists():
        secret = path.read_text(encoding="ascii").strip()
        key = ledger.key_for(hash_secret(secret))
        if key is not None and not key.disabled:
            return secret
    secret = key_secret()
    await ledger.create_key(
        Key(
            hash=hash_secret(secret),
            account_id=LOCAL_ACCOUNT,
            name=NAME,
            label=label(secret),
            created_ns=now_ns(),
        )
    )
    _write_privately(path, secret + "\n")
    return secret


def _write_privately(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)
    part.replace(path)
