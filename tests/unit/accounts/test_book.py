"""Who may spend how much: limits, windows, prepaid accounts and what a refusal says."""

from datetime import UTC, datetime

import msgspec
import pytest

from wideband.accounts.book import Book
from wideband.accounts.rows import Account, Hold, Key, LimitReset, Settlement
from wideband.canon.faults import FaultKind

USD = 1_000_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * USD


NOON = at("2026-11-22T12:00:00")
KEY = Key(hash="k", account_id="local", name="ci", label="sk-wb-v1-abc...123", created_ns=0)


def hold_of(amount_nano: int, at_ns: int = NOON, hold_id: str = "gen-1") -> Hold:
    return Hold(
        id=hold_id,
        account_id="local",
        key_hash="k",
        amount_nano=amount_nano,
        created_ns=at_ns,
        expires_ns=at_ns + USD,
        model="acme/large",
    )


def charge_of(amount_nano: int, at_ns: int = NOON, hold_id: str = "gen-1") -> Settlement:
    return Settlement(
        id=hold_id,
        account_id="local",
        key_hash="k",
        charge_nano=amount_nano,
        at_ns=at_ns,
        record=b"{}",
    )


def limited(limit_nano: int, reset: LimitReset | None = None) -> Key:
    return msgspec.structs.replace(KEY, limit_nano=limit_nano, limit_reset=reset)


@pytest.fixture
def book() -> Book:
    made = Book()
    made.put_account(Account(id="local", name="local", created_ns=0), 0)
    return made


def test_without_a_limit_everything_is_let_through_and_counted(book: Book) -> None:
    assert book.hold(hold_of(10**15), KEY) is None
    book.settle(charge_of(3))
    assert (book.by_key["k"].charged, book.by_account["local"].charged) == (3, 3)
    assert (book.by_key["k"].held, book.by_account["local"].held) == (0, 0)


def test_a_refusal_says_what_is_needed_what_is_left_and_what_to_do(book: Book) -> None:
    book.settle(charge_of(USD // 4))
    fault = book.hold(hold_of(USD), limited(USD, "daily"))
    assert fault is not None
    assert fault.kind is FaultKind.PAYMENT_REQUIRED
    assert fault.message == (
        "This request needs up to $1, but the key `ci` has $0.75 left of its daily limit; "
        "lower max_tokens or raise the limit."
    )
    assert fault.details == {"limit": "1", "remaining": "0.75", "needed": "1"}
    assert book.holds == {}


def test_money_set_aside_cannot_be_set_aside_twice(book: Book) -> None:
    key = limited(100)
    assert book.hold(hold_of(60, hold_id="a"), key) is None
    assert book.hold(hold_of(60, hold_id="b"), key) is not None
    assert book.hold(hold_of(40, hold_id="c"), key) is None
    book.release("a")
    assert book.hold(hold_of(60, hold_id="b"), key) is None


def test_the_same_hold_again_sets_nothing_more_aside(book: Book) -> None:
    for _ in range(2):
        assert book.hold(hold_of(60), limited(100)) is None
    assert book.by_key["k"].held == 60


def test_a_charge_above_its_hold_counts_in_full_and_stops_what_follows(book: Book) -> None:
    key = limited(100)
    assert book.hold(hold_of(100), key) is None
    book.settle(charge_of(130))
    fault = book.hold(hold_of(0, hold_id="free"), key)
    assert fault is not None
    assert fault.details["remaining"] == "-0.00000003"
    assert "$0 left" in fault.message


@pytest.mark.parametrize(
    ("reset", "same", "next_window"),
    [
        ("daily", "2026-11-22T23:59:59", "2026-11-23T00:00:00"),
        ("weekly", "2026-11-22T23:59:59", "2026-11-23T00:00:00"),
        ("monthly", "2026-11-30T23:59:59", "2026-12-01T00:00:00"),
    ],
)
def test_a_limit_starts_anew_with_its_window(book: Book, reset: LimitReset, same: str, next_window: str) -> None:
    key = limited(100, reset)
    book.settle(charge_of(100))
    assert book.hold(hold_of(1, at(same), "a"), key) is not None
    assert book.hold(hold_of(100, at(next_window), "b"), key) is None


def test_a_limit_without_reset_never_starts_anew(book: Book) -> None:
    book.settle(charge_of(100))
    assert book.hold(hold_of(1, at("2036-01-01T00:00:00")), limited(100)) is not None


def test_a_charge_of_an_earlier_window_counts_in_total_and_where_it_still_belongs(book: Book) -> None:
    book.settle(charge_of(5, at("2026-11-24T00:00:01"), "new"))
    book.settle(charge_of(7, at("2026-11-23T23:59:59"), "late"))
    book.settle(charge_of(9, at("2026-11-22T23:59:59"), "later"))
    tally = book.by_key["k"]
    assert (tally.charged, tally.daily, tally.weekly, tally.monthly) == (21, 5, 12, 21)


def test_a_prepaid_account_is_asked_after_the_key(book: Book) -> None:
    book.put_account(Account(id="local", name="local", created_ns=0, prepaid=True), 50)
    assert book.hold(hold_of(50, hold_id="a"), KEY) is None
    fault = book.hold(hold_of(1, hold_id="b"), KEY)
    assert fault is not None
    assert "the account `local` has $0 left of its credits" in fault.message
    assert "`wideband credits grant local USD`" in fault.message
    book.put_account(Account(id="local", name="local", created_ns=0, prepaid=True), 51)
    assert book.hold(hold_of(1, hold_id="b"), KEY) is None


def test_holds_expire_at_their_time(book: Book) -> None:
    book.hold(hold_of(1), KEY)
    assert book.expired(NOON + USD - 1) == []
    assert [hold.id for hold in book.expired(NOON + USD)] == ["gen-1"]
    assert book.problems() == []
