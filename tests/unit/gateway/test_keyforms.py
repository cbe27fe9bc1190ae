"""What may be said about a key, and what comes of it."""

from typing import Any

import msgspec
import pytest

from wideband.canon.faults import Faulted
from wideband.gateway.keyforms import KeyForm, changes, new_key
from wideband.wire import jsons


def form(**fields: Any) -> KeyForm:
    return jsons.decode_as(jsons.encode(fields), KeyForm)


def test_limits_are_dollars_exactly() -> None:
    key = new_key(form(name=" robot ", limit=0.1), "h", "l", "local", 5)
    assert (key.name, key.limit_nano, key.created_ns) == ("robot", 100_000_000, 5)


def test_what_is_not_said_is_not_limited() -> None:
    key = new_key(form(name="robot"), "h", "l", "local", 5)
    assert (key.limit_nano, key.limit_reset, key.expires_ns) == (None, None, None)


def test_an_expiry_is_an_instant() -> None:
    assert new_key(form(name="r", expires_at="1970-01-01T00:01:00Z"), "h", "l", "local", 5).expires_ns == 60 * 10**9


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "r", "limit": -1}, "limit"),
        ({"name": "r", "limit": 10**12}, "limit"),
        ({"name": "r", "expires_at": "2030-01-01T00:00:00"}, "expires_at"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_by_field(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Faulted) as caught:
        new_key(form(**fields), "h", "l", "local", 5)
    assert caught.value.fault.param == param


def test_a_change_leaves_alone_what_it_does_not_name() -> None:
    change = changes(form(disabled=True, limit=None))
    assert (change.disabled, change.limit_nano) == (True, None)
    assert change.name is change.limit_reset is msgspec.UNSET


def test_a_key_cannot_lose_its_name() -> None:
    with pytest.raises(Faulted):
        changes(form(name=""))
