"""The shapes of keys, holds and settlements. Money is nano-dollars, times are unix nanoseconds (UTC)."""

from typing import Literal

import msgspec

LimitReset = Literal["daily", "weekly", "monthly"]


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key; only the SHA-256 of its secret is kept. `limit_nano` None means no limit of its own.

    `management` keys administer and cannot call models.
    """

    hash: str
    account_id: str
    name: str
    label: str
    created_ns: int
    disabled: bool = False
    management: bool = False
    limit_nano: int | None = None
    limit_reset: LimitReset | None = None
    expires_ns: int | None = None
    updated_ns: int | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who is charged. `prepaid` accounts cannot spend more than they were granted; others are only counted."""

    id: str
    name: str
    created_ns: int
    prepaid: bool = False


class Hold(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Money set aside for a request until it settles; `id` is the generation id."""

    id: str
    account_id: str
    key_hash: str
    amount_nano: int
    created_ns: int
    expires_ns: int
    model: str


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a hold: what is charged, and the one record of the generation as JSON bytes."""

    id: str
    account_id: str
    key_hash: str
    charge_nano: int
    at_ns: int
    record: bytes
