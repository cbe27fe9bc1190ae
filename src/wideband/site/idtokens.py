"""ID tokens of OpenID providers: signature, issuer, audience, times and nonce (OpenID Connect Core 3.1.3.7).

Only asymmetric algorithms are known, each for its own kind of key: no token can choose to be checked by another.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from wideband.wire import jsons

LEEWAY_S = 60
MAX_AGE_S = 600
MAX_TOKEN_CHARS = 64 * 1024
_MIN_RSA_BITS, _MAX_RSA_BITS = 2048, 8192
_P256_BYTES = 32

Jwk = Mapping[str, Any]


class TokenError(Exception):
    """The token must not be believed; the text says why, for the log."""


class UnknownKeyError(TokenError):
    """The token is signed with a key that is not among those given: the provider may have new ones."""


class Expected(msgspec.Struct, frozen=True):
    """What a token has to say."""

    issuer: str
    client_id: str
    nonce: str
    now_s: float


def verified(token: str, keys: Sequence[Jwk], expected: Expected) -> dict[str, Any]:
    """Return a token's claims. Raises `TokenError` unless it is signed by one of the keys and meant for us, now."""
    if len(token) > MAX_TOKEN_CHARS or token.count(".") != 2:
        raise TokenError("it is no signed token")
    signed, _, signature = token.rpartition(".")
    head, _, body = signed.partition(".")
    header = _object(head)
    algorithm = header.get("alg")
    check = _ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if check is None:
        raise TokenError(f"its algorithm is {algorithm!r}")
    if "crit" in header:
        raise TokenError("it has extensions that must be understood")
    _check_signature(_usable(keys, header), check, signed.encode("ascii", "replace"), _bytes(signature))
    claims = _object(body)
    _check_claims(claims, expected)
    return claims


def _usable(keys: Sequence[Jwk], header: Mapping[str, Any]) -> list[Jwk]:
    """Return the keys that a token may be signed with. Raises `UnknownKeyError` when there are none."""
    name, algorithm = header.get("kid"), header["alg"]
    found = [
        key
        for key in keys
        if key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (name is None or key.get("kid") == name)
        and (key.get("kty"), key.get("crv") if key.get("kty") != "RSA" else None) == _KINDS[algorithm]
    ]
    if not found:
        raise UnknownKeyError(f"no key {name!r} for {algorithm} is known")
    return found


def _check_signature(keys: Sequence[Jwk], check: "_Check", signed: bytes, signature: bytes) -> None:
    for key in keys:
        try:
            check(key, signed, signature)
        except (InvalidSignature, ValueError, KeyError, TypeError):
            continue
        return
    # A provider may change a key and keep its name.
    raise UnknownKeyError("its signature is by none of the keys that are known")


def _check_claims(claims: Mapping[str, Any], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise TokenError(f"its issuer is {claims.get('iss')!r}")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in audiences:
        raise TokenError(f"it is meant for {audience!r}")
    party = claims.get("azp")
    if party not in (None, expected.client_id) or (party is None and len(audiences) > 1):
        raise TokenError(f"it was made for {party!r}")
    expires, issued, not_before = _time(claims, "exp"), _time(claims, "iat"), claims.get("nbf")
    if expires is None or expected.now_s >= expires + LEEWAY_S:
        raise TokenError("it has expired")
    if issued is None or not -LEEWAY_S <= expected.now_s - issued <= MAX_AGE_S:
        raise TokenError("it was not made just now")
    if not_before is not None and (_time(claims, "nbf") or 2**62) > expected.now_s + LEEWAY_S:
        raise TokenError("it does not count yet")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode("utf-8", "replace"), expected.nonce.encode()):
        raise TokenError("it answers another question than ours")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise TokenError("it does not say who signs in")


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 < value < 2**53 else None


def _rs256(key: Jwk, signed: bytes, signature: bytes) -> None:
    public = rsa.RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
    if not _MIN_RSA_BITS <= public.key_size <= _MAX_RSA_BITS:
        raise ValueError("an RSA key of that size is not believed")
    public.verify(signature, signed, padding.PKCS1v15(), SHA256())


def _es256(key: Jwk, signed: bytes, signature: bytes) -> None:
    if len(signature) != 2 * _P256_BYTES:
        raise ValueError("an ES256 signature has 64 bytes")
    r, s = (int.from_bytes(signature[at : at + _P256_BYTES]) for at in (0, _P256_BYTES))
    # Makes no key of a point that is not on the curve.
    public = ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), ec.SECP256R1()).public_key()
    public.verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))


def _eddsa(key: Jwk, signed: bytes, signature: bytes) -> None:
    ed25519.Ed25519PublicKey.from_public_bytes(_bytes(key["x"])).verify(signature, signed)


_Check = Callable[[Jwk, bytes, bytes], None]
_ALGORITHMS: dict[str, _Check] = {"RS256": _rs256, "ES256": _es256, "EdDSA": _eddsa}
_KINDS: dict[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
}


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text))


def _bytes(text: str) -> bytes:
    """Read base64url without padding, and nothing else. Raises `TokenError`."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise TokenError("a part of it cannot be read") from None
    if "=" in text or "+" in text or "/" in text:
        raise TokenError("a part of it cannot be read")
    return data


def _object(text: str) -> dict[str, Any]:
    try:
        found = jsons.decode(_bytes(text))
    except jsons.DecodeError:
        raise TokenError("a part of it is no JSON") from None
    if not isinstance(found, dict):
        raise TokenError("a part of it is no object")
    return found
