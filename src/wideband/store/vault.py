"""Seals secrets that have to be read again: AES-256-GCM under a key that lies in the home, outside of the database."""

import os
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.ids import random_bytes

FILE = "byok.key"

_KEY_BYTES = 32
_NONCE_BYTES = 12


class Vault:
    """The secrets of one home. Its key is made when the first one is sealed; without it none can be read again.

    Whose a secret is gets sealed with it (`owner`): a sealed secret that was moved to another row does not open.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def seal(self, secret: str, owner: str) -> bytes:
        """Return a secret that only this home can read. Raises `Faulted` (unavailable) without a usable key."""
        if not self._path.exists():
            self._make()
        nonce = random_bytes(_NONCE_BYTES)
        sealed: bytes = self._opened().encrypt(nonce, secret.encode(), owner.encode())
        return nonce + sealed

    def unseal(self, sealed: bytes, owner: str) -> str:
        """Return what was sealed. Raises `Faulted` (unavailable): with another key, or for another owner."""
        cipher = self._opened()
        try:
            secret: bytes = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner.encode())
        except import_module("cryptography.exceptions").InvalidTag:
            raise _unusable(f"`{self._path}` is not the key it was sealed with") from None
        return secret.decode()

    def _opened(self) -> Any:
        """Read the key anew: what is sealed with one that has left the disk could never be read again."""
        try:
            key = bytes.fromhex(self._path.read_text(encoding="ascii").strip())
        except (OSError, ValueError) as error:
            raise _unusable(f"`{self._path}` cannot be read: {error}") from None
        if len(key) != _KEY_BYTES:
            raise _unusable(f"`{self._path}` does not hold {_KEY_BYTES} bytes")
        # It takes 35 ms to load, and homes without such keys never need it.
        return import_module("cryptography.hazmat.primitives.ciphers.aead").AESGCM(key)

    def _make(self) -> None:
        """Write a new key, whole or not at all; one that another process has written meanwhile stays."""
        part = self._path.with_name(f"{FILE}.{random_bytes(8).hex()}")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(random_bytes(_KEY_BYTES).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(part, self._path)
        part.unlink()


def _unusable(why: str) -> Faulted:
    message = f"The provider keys of accounts cannot be read: {why}."
    return Faulted(Fault(kind=FaultKind.UNAVAILABLE, message=message))
