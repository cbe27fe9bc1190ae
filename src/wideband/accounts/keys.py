"""Secrets of keys: how they are hashed and how they are shown; it never keeps one."""

import hashlib


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a secret as 64 hexadecimal digits.

    Keys are found by a dictionary look-up of this hash. That is safe against timing: a guess that shares a prefix
    with a stored hash says nothing about the secret, and secrets carry 256 random bits, so no salt is needed.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def label(secret: str) -> str:
    """Return a secret masked so that its owner recognises it: `sk-wb-v1-abc...123`."""
    head, dash, tail = secret.rpartition("-")
    if len(tail) < 16:
        return f"{secret[:3]}...{secret[-3:]}" if len(secret) >= 16 else "..."
    return f"{head}{dash}{tail[:3]}...{tail[-3:]}"
