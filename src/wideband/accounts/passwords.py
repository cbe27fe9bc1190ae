"""Passwords: hashed with scrypt, the strength kept beside the digest, so that it can grow with machines."""

import base64
import hashlib
import hmac
import unicodedata

import msgspec

from wideband.canon.faults import invalid

MIN_CHARS = 12
MAX_CHARS = 1024
SALT_BYTES = 16

_KIND = "scrypt"
_DIGEST_BYTES = 32


class Strength(msgspec.Struct, frozen=True):
    """What a guess costs: 2^log2_n x r x 128 bytes of memory, p times."""

    log2_n: int = 15
    r: int = 8
    p: int = 3


STRENGTH = Strength()  # 32 MiB and about a quarter of a second


def check_password(password: str) -> str:
    """Return a new password if it will do. Raises `Faulted` (invalid_request)."""
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        raise invalid(f"A password has {MIN_CHARS} to {MAX_CHARS} characters.", "password")
    if len(set(password)) < 4:
        raise invalid("This password is one that anybody would guess.", "password")
    return password


def hashed(password: str, salt: bytes, strength: Strength = STRENGTH) -> str:
    """Return what is kept of a password. Takes a quarter of a second: call it from a thread."""
    digest = _digest(password, salt, strength)
    words = (str(strength.log2_n), str(strength.r), str(strength.p), _text(salt), _text(digest))
    return "$".join((_KIND, *words))


def matches(password: str, kept: str) -> bool:
    """Say whether a password is the one that was kept; takes the same time whether or not. Call it from a thread."""
    strength, salt, digest = _read(kept)
    return hmac.compare_digest(_digest(password, salt, strength), digest)


def is_weak(kept: str, strength: Strength = STRENGTH) -> bool:
    """Say whether a digest was made with other than today's strength and should be made anew."""
    return _read(kept)[0] != strength


def _digest(password: str, salt: bytes, strength: Strength) -> bytes:
    n = 1 << strength.log2_n
    return hashlib.scrypt(
        unicodedata.normalize("NFKC", password[: 4 * MAX_CHARS]).encode("utf-8", "surrogatepass"),
        salt=salt,
        n=n,
        r=strength.r,
        p=strength.p,
        maxmem=n * strength.r * 128 * 2 + (1 << 20),
        dklen=_DIGEST_BYTES,
    )


def _read(kept: str) -> tuple[Strength, bytes, bytes]:
    kind, log2_n, r, p, salt, digest = kept.split("$")
    if kind != _KIND:
        raise ValueError(f"`{kind}` is no way to keep a password")
    return Strength(int(log2_n), int(r), int(p)), base64.b64decode(salt), base64.b64decode(digest)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
