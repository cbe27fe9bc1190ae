"""Who is asking: the API key in any of the headers that clients put it in."""

from collections.abc import Iterator, Mapping

from wideband.accounts.keys import hash_secret
from wideband.accounts.rows import Key
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.clock import now_ns
from wideband.store.base import Ledger

NO_QUERY: Mapping[str, str] = {}
_HEADERS = (b"authorization", b"x-api-key", b"x-goog-api-key")


def authenticate(
    headers: Mapping[bytes, bytes],
    ledger: Ledger,
    query: Mapping[str, str] = NO_QUERY,
    *,
    management: bool | None = None,
) -> Key:
    """Return the key a request came with. Raises `Faulted` (authentication, permission_denied).

    A client may send two headers, one of them stale; the first key that is known counts. Clients of Gemini may put it
    into the query as `key`. `management` True or False
    demands a key of that kind, None takes both.
    """
    fault = _fault(
        "Missing Authentication header. Send `Authorization: Bearer KEY` or `x-api-key: KEY`; "
        "`wideband keys create NAME` makes a key."
    )
    for name, value in _offered(headers, query):
        secret = value.strip()
        if name == b"authorization":
            scheme, _, secret = secret.partition(b" ")
            if scheme.lower() != b"bearer":
                fault = _fault("The Authorization header must read `Bearer KEY`.")
                continue
        if not (secret := secret.strip()):
            continue
        key = ledger.key_for(hash_secret(secret.decode("latin-1")))
        if key is None:
            fault = _fault("This API key is not known here. `wideband keys create NAME` makes one.")
            continue
        if (refusal := _refusal(key, management)) is None:
            return key
        fault = refusal
    raise Faulted(fault)


def _offered(headers: Mapping[bytes, bytes], query: Mapping[str, str]) -> Iterator[tuple[bytes, bytes]]:
    for name in _HEADERS:
        if name in headers:
            yield name, headers[name]
    if "key" in query:
        yield b"key", query["key"].encode("utf-8", "replace")


def _refusal(key: Key, management: bool | None) -> Fault | None:
    if key.disabled:
        return _fault(f"The API key `{key.label}` has been revoked. `wideband keys create NAME` makes a new one.")
    if key.expires_ns is not None and key.expires_ns <= now_ns():
        return _fault(f"The API key `{key.label}` has expired. `wideband keys create NAME` makes a new one.")
    if management is True and not key.management:
        message = "This needs a management key: `wideband keys create NAME --management` makes one."
        return Fault(kind=FaultKind.PERMISSION_DENIED, message=message)
    if management is False and key.management:
        message = f"The API key `{key.label}` is a management key, which cannot call models. Use an inference key."
        return Fault(kind=FaultKind.PERMISSION_DENIED, message=message)
    return None


def _fault(message: str) -> Fault:
    return Fault(kind=FaultKind.AUTHENTICATION, message=message)
