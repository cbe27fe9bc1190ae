"""Keys, holds and settlements to test with."""

import msgspec

from wideband.accounts.keys import hash_secret
from wideband.accounts.rows import Hold, Key, LimitReset, Settlement
from wideband.clock import now_ns
from wideband.ids import generation_id
from wideband.metering.record import Generation
from wideband.store.database import LOCAL_ACCOUNT
from wideband.store.interruption import interrupted
from wideband.wire import jsons

HOUR_NS = 3_600_000_000_000


def make_key(
    name: str = "test",
    *,
    account_id: str = LOCAL_ACCOUNT,
    limit_nano: int | None = None,
    limit_reset: LimitReset | None = None,
) -> Key:
    return Key(
        hash=hash_secret(name),
        account_id=account_id,
        name=name,
        label=f"sk-wb-v1-{name}",
        created_ns=now_ns(),
        limit_nano=limit_nano,
        limit_reset=limit_reset,
    )


def make_hold(key: Key, amount_nano: int = 1_000, *, hold_id: str | None = None, lasts_ns: int = HOUR_NS) -> Hold:
    now = now_ns()
    return Hold(
        id=hold_id or generation_id(),
        account_id=key.account_id,
        key_hash=key.hash,
        amount_nano=amount_nano,
        created_ns=now,
        expires_ns=now + lasts_ns,
        model="acme/large",
    )


def settle_hold(hold: Hold, charge_nano: int) -> Settlement:
    """End a hold with a charge and a record that agrees with it."""
    end = interrupted(hold, hold.created_ns + 1_000_000, "")
    record = msgspec.structs.replace(jsons.decode_as(end.record, Generation), cost_nano=charge_nano, fault=None)
    return msgspec.structs.replace(end, charge_nano=charge_nano, record=jsons.encode(record))
