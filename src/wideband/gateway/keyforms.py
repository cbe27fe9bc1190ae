"""What a caller may say about a key it makes or changes, and the key that follows from it."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from wideband.accounts.rows import Key
from wideband.canon.faults import invalid
from wideband.catalog.rows import NANO
from wideband.store.base import KeyChange

MAX_LIMIT_USD = Decimal(10) ** 9

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class KeyForm(msgspec.Struct, frozen=True, kw_only=True):
    """The body of POST and PATCH; limits are US dollars. What stands here and is not listed is ignored."""

    name: str | Unset = UNSET
    disabled: bool | Unset = UNSET
    limit: Decimal | Unset | None = UNSET
    limit_reset: Literal["daily", "weekly", "monthly"] | Unset | None = UNSET
    expires_at: datetime | Unset | None = UNSET


def new_key(form: KeyForm, key_hash: str, label: str, account_id: str, now_ns: int, *, management: bool = False) -> Key:
    """Return the key a form asks for. Raises `Faulted` (invalid_request)."""
    if not isinstance(form.name, str) or not form.name.strip():
        raise invalid("A key needs a `name`.", "name")
    expires_ns = None
    if isinstance(form.expires_at, datetime):
        if form.expires_at.tzinfo is None:
            raise invalid("`expires_at` needs a time zone: write it in UTC, ending in Z.", "expires_at")
        expires_ns = int(form.expires_at.timestamp()) * NANO
    limit_nano = _nano(form.limit)
    return Key(
        hash=key_hash,
        account_id=account_id,
        name=form.name.strip(),
        label=label,
        created_ns=now_ns,
        management=management,
        limit_nano=None if limit_nano is UNSET else limit_nano,
        limit_reset=None if form.limit_reset is UNSET else form.limit_reset,
        expires_ns=expires_ns,
    )


def changes(form: KeyForm) -> KeyChange:
    """Return the change a form asks for. Raises `Faulted` (invalid_request)."""
    if isinstance(form.name, str) and not form.name.strip():
        raise invalid("The `name` of a key cannot be empty.", "name")
    return KeyChange(name=form.name, disabled=form.disabled, limit_nano=_nano(form.limit), limit_reset=form.limit_reset)


def _nano(limit: Decimal | Unset | None) -> int | Unset | None:
    if not isinstance(limit, Decimal):
        return limit
    if not limit.is_finite() or limit < 0 or limit > MAX_LIMIT_USD:
        raise invalid("`limit` must be a number of US dollars, zero or more.", "limit")
    return int((limit * NANO).to_integral_value())
