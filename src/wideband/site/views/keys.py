"""Keys and their limits."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

import msgspec
from starlette.responses import RedirectResponse, Response

from wideband.accounts.keys import hash_secret, label
from wideband.accounts.rows import Key
from wideband.analytics.activity import Activity, Bounds, Volume, activity
from wideband.analytics.keyuse import last_used
from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.catalog.money import usd_from_nano
from wideband.clock import now_ns
from wideband.gateway.keyforms import UNSET, KeyForm, changes, new_key
from wideband.ids import key_secret
from wideband.site.charts.bars import stacked_bars
from wideband.site.charts.figure import Axis, Figure, Series
from wideband.site.charts.topping import top
from wideband.site.examples import first_request
from wideband.site.figures import usd
from wideband.site.visit import Page, Person, Visit, account_of
from wideband.store.base import KeyChange, Spend

Reset = Literal["daily", "weekly", "monthly"]
RESETS: tuple[tuple[str, str], ...] = (
    ("", "never"),
    ("daily", "every day"),
    ("weekly", "every Monday"),
    ("monthly", "every month"),
)
A_PAGE = 100
_S = 1_000_000_000


class Row(msgspec.Struct, frozen=True):
    """A key as the list shows it. `used_nano` counts against its limit; `last_s` is to the second if `exact`."""

    key: Key
    spend: Spend
    state: tuple[str, str]
    last_s: int | None = None
    exact: bool = False

    @property
    def used_nano(self) -> int:
        return _counted(self.key, self.spend)

    @property
    def left_nano(self) -> int | None:
        """What it may still spend in this window; None without a limit."""
        return None if self.key.limit_nano is None else max(0, self.key.limit_nano - self.used_nano)

    @property
    def limit_text(self) -> str:
        """Its limit as a form shows it."""
        return "" if self.key.limit_nano is None else usd_from_nano(self.key.limit_nano)

    @property
    def share(self) -> float | None:
        """How much of its limit is used, at most all."""
        limit = self.key.limit_nano
        return None if limit is None else min(1.0, self.used_nano / limit) if limit else 1.0


# -- the list --------------------------------------------------------------------------------------------------------


async def keys(visit: Visit) -> Response:
    """Show the keys, or make one."""
    if visit.request.method != "POST":
        return await _listed(visit)
    try:
        return await _made(visit)
    except Faulted as error:
        return await _listed(visit, error.fault)


async def _listed(visit: Visit, fault: Fault | None = None) -> Response:
    person = _person(visit)
    ledger = visit.house.exchange.ledger
    known = sorted(await ledger.keys(account_of(visit)), key=lambda key: (-key.created_ns, key.hash))
    number = _page_number(visit, len(known))
    shown = known[(number - 1) * A_PAGE : number * A_PAGE]
    used = await last_used(visit.house.reader, account_of(visit))
    spends = await asyncio.gather(*(ledger.spend(key_hash=key.hash) for key in shown))
    granted, charged = await ledger.credits(person.account_id)
    return await visit.page(
        "keys.html",
        400 if fault is not None else 200,
        rows=[Row(key, spend, _state(key), *used.get(key.hash, ())) for key, spend in zip(shown, spends, strict=True)],
        has_accounts=len({key.account_id for key in known} | {person.account_id}) > 1,
        count=len(known),
        number=number,
        pages=-(-len(known) // A_PAGE),
        granted=granted,
        charged=charged,
        spent=await ledger.spend(account_id=person.account_id),
        fault=fault,
        given=visit.form,
        resets=RESETS,
        short=_short,
    )


async def _made(visit: Visit) -> Response:
    """Make a key and show its secret, this once: nothing but its hash is kept, so no other page could."""
    person, form = _person(visit), _read(visit)
    if isinstance(form.expires_at, datetime) and form.expires_at.timestamp() * _S <= now_ns():
        raise invalid("The time at which the key expires has to lie ahead.", "expires_at")
    management = visit.form.get("management") == "on"
    account_id = visit.form.get("account", "").strip() or person.account_id
    if not person.may("admin") and (management or account_id != person.account_id):
        raise Faulted(Fault(kind=FaultKind.PERMISSION_DENIED, message="Only an admin may make such a key."))
    secret = key_secret()
    key = new_key(form, hash_secret(secret), label(secret), account_id, now_ns(), management=management)
    await visit.house.exchange.ledger.create_key(key)
    return await visit.page("key_made.html", 201, key=key, secret=secret, example=first_request(visit), base=visit.base)


# -- one key ---------------------------------------------------------------------------------------------------------


async def one_key(visit: Visit) -> Response:
    """Show one key, or change it."""
    found = await _found(visit)
    if visit.request.method != "POST":
        return await _shown(visit, found)
    _demand_may_change(visit, found)
    try:
        change = _change(visit)
    except Faulted as error:
        return await _shown(visit, found, error.fault)
    await visit.house.exchange.ledger.change_key(found.hash, change)
    return RedirectResponse(f"/keys/{found.hash}", 303)


def _change(visit: Visit) -> KeyChange:
    """Read what is to become of a key: `do` is change, disable or enable."""
    what = visit.form.get("do", "")
    if what in ("disable", "enable"):
        return KeyChange(disabled=what == "disable")
    if what != "change":
        raise invalid("`do` must be change, disable or enable.", "do")
    return changes(_read(visit))


async def _shown(visit: Visit, found: Key, fault: Fault | None = None) -> Response:
    period = visit.period("30d")
    ledger = visit.house.exchange.ledger
    spend = await ledger.spend(key_hash=found.hash)
    use = await activity(visit.house.reader, "model", Bounds(key=found.hash), period, visit.now_s)
    last = (await last_used(visit.house.reader, found.account_id)).get(found.hash, ())
    return await visit.page(
        "key.html",
        400 if fault is not None else 200,
        row=Row(found, spend, _state(found), *last),
        period=period,
        use=use,
        total=use.total,
        chart=_chart(use, period.starts, Axis(period.starts, period.width, period.end_s)),
        fault=fault,
        given=visit.form,
        may_change=_may_change(visit, found),
        resets=RESETS,
        short=_short,
    )


def _chart(use: Activity, starts: tuple[int, ...], axis: Axis) -> Figure:
    nothing = Volume()
    series = [
        Series(model, tuple(float(use.cells.get((start_s, model), nothing).cost_nano) for start_s in starts))
        for model in use.groups
    ]
    return stacked_bars("Spend by model", axis, top(series) if use.groups else (), "usd")


async def delete(visit: Visit) -> Response:
    """Ask whether a key is to be deleted, or delete it."""
    found = await _found(visit)
    _demand_may_change(visit, found)
    if visit.request.method != "POST":
        return await visit.page("key_delete.html", key=found)
    await visit.house.exchange.ledger.delete_key(found.hash)
    return RedirectResponse("/keys", 303)


# -- what they share -------------------------------------------------------------------------------------------------


async def _found(visit: Visit) -> Key:
    """Return the key of the address, if it is one that the visitor may see. Raises `Faulted` (not_found)."""
    wanted = visit.request.path_params["hash"]
    for one in await visit.house.exchange.ledger.keys(account_of(visit)):
        if one.hash == wanted:
            return one
    # The same for keys of others: who asks does not learn that they exist.
    raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message="There is no such key."))


def _may_change(visit: Visit, found: Key) -> bool:
    """Return whether a visitor may change a key: management keys make keys, so they are for who may do all."""
    return _person(visit).may("admin") or not found.management


def _demand_may_change(visit: Visit, found: Key) -> None:
    if not _may_change(visit, found):
        raise Faulted(Fault(kind=FaultKind.PERMISSION_DENIED, message="Only an admin may change a management key."))


def _person(visit: Visit) -> Person:
    if visit.person is None:
        raise Faulted(Fault(kind=FaultKind.AUTHENTICATION, message="Sign in to see keys."))
    return visit.person


def _read(visit: Visit) -> KeyForm:
    """Read the fields of a key. Raises `Faulted` (invalid_request)."""
    form = visit.form
    limit, reset = _dollars(form.get("limit", "")), form.get("limit_reset", "")
    if reset and limit is None:
        raise invalid("A limit that starts anew needs an amount.", "limit")
    if reset not in dict(RESETS):
        raise invalid("A limit starts anew daily, weekly, monthly or never.", "limit_reset")
    expires = form.get("expires_at", "").strip()
    return KeyForm(
        name=form.get("name", "")[:200],
        limit=limit,
        limit_reset=msgspec.convert(reset or None, Reset | None),
        expires_at=_instant(expires) if expires else UNSET,
    )


def _dollars(text: str) -> Decimal | None:
    text = text.strip().removeprefix("$").replace(",", "")
    if not text:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        raise invalid(f"`{text[:40]}` is no amount of dollars; write it like 12.50.", "limit") from None


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"`{text[:40]}` is no time; write it like 2027-01-31T12:00, in UTC.", "expires_at") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _page_number(visit: Visit, count: int) -> int:
    text = visit.query.get("page", "1")
    if not text.isdecimal() or not 1 <= int(text[:9]) <= max(1, -(-count // A_PAGE)):
        raise invalid("There is no such page of keys.", "page")
    return int(text)


def _short(nano: int) -> str:
    """Write an amount of less than a dollar with three digits: these are sums to look at, not to settle by."""
    return usd(round(nano, 3 - len(str(abs(nano))))) if abs(nano) < _S else usd(nano)


def _counted(key: Key, spend: Spend) -> int:
    windows = {"daily": spend.daily_nano, "weekly": spend.weekly_nano, "monthly": spend.monthly_nano}
    return windows.get(key.limit_reset or "", spend.total_nano)


def _state(key: Key) -> tuple[str, str]:
    """Return what a key is now, and which badge says so."""
    if key.disabled:
        return "off", "muted"
    if key.expires_ns is not None and key.expires_ns <= now_ns():
        return "expired", "warn"
    return ("management", "muted") if key.management else ("on", "ok")


PAGES: tuple[Page, ...] = (
    Page("/keys", keys, "member", "Keys", ("GET", "POST")),
    Page("/keys/{hash}", one_key, "member", methods=("GET", "POST")),
    Page("/keys/{hash}/delete", delete, "member", methods=("GET", "POST")),
)
