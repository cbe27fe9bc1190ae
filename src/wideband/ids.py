"""The only source of random names."""

import secrets
import uuid

from wideband.clock import now_ns


def generation_id() -> str:
    """Return a new generation id: sortable by time, unguessable enough not to collide."""
    return f"gen-{now_ns() // 1_000_000_000}-{secrets.token_hex(10)}"


def key_secret() -> str:
    """Return a new API key of 256 random bits, in the shape clients know."""
    return f"sk-wb-v1-{secrets.token_hex(32)}"


def row_id() -> str:
    """Return a new random UUID."""
    return str(uuid.uuid4())


def random_bytes(count: int) -> bytes:
    """Return as many random bytes, good enough for keys."""
    return secrets.token_bytes(count)


def seed() -> int:
    """Return a random seed for a plan."""
    return secrets.randbits(32)
