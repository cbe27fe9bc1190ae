"""Who may spend how much: every balance in memory and the decisions on it; it knows no disk, clock or task.

Money is set aside by `hold`, and leaves an account only by `settle`. Whether a settlement is new is not decided here:
the ledger's primary key does that, and only new ones are told to the book.
"""

from collections import defaultdict

from wideband.accounts.rows import Account, Hold, Key, Settlement
from wideband.accounts.windows import Windows, windows_at
from wideband.canon.faults import Fault, FaultKind
from wideband.catalog.money import usd_from_nano

_WORDS = {None: "limit", "daily": "daily limit", "weekly": "weekly limit", "monthly": "monthly limit"}


class Tally:
    """What one account or key was charged and has set aside, in nano-dollars."""

    __slots__ = ("charged", "daily", "held", "monthly", "weekly", "windows")

    def __init__(self) -> None:
        self.charged = 0
        self.held = 0
        self.windows = Windows(0, 0, 0)
        self.daily = 0
        self.weekly = 0
        self.monthly = 0

    def turn(self, windows: Windows) -> None:
        """Start the windows that have begun since; an earlier instant turns nothing back."""
        if windows.daily <= self.windows.daily:
            return
        self.daily = 0
        if windows.weekly != self.windows.weekly:
            self.weekly = 0
        if windows.monthly != self.windows.monthly:
            self.monthly = 0
        self.windows = windows

    def charge(self, amount_nano: int, windows: Windows) -> None:
        """Count a charge, in the windows it falls into if they have not passed."""
        self.charged += amount_nano
        self.count(amount_nano, windows)

    def count(self, amount_nano: int, windows: Windows) -> None:
        """Count an amount in the windows it falls into, not in the total."""
        self.turn(windows)
        if windows.daily == self.windows.daily:
            self.daily += amount_nano
        if windows.weekly == self.windows.weekly:
            self.weekly += amount_nano
        if windows.monthly == self.windows.monthly:
            self.monthly += amount_nano

    def spent(self, reset: str | None, windows: Windows) -> int:
        """Return what counts against a limit that starts anew each `reset`."""
        if reset is None:
            return self.charged
        self.turn(windows)
        spent: int = getattr(self, reset)
        return spent


class Book:
    """Balances by account and by key, and the open holds."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.granted: dict[str, int] = {}
        self.holds: dict[str, Hold] = {}
        self.by_account: defaultdict[str, Tally] = defaultdict(Tally)
        self.by_key: defaultdict[str, Tally] = defaultdict(Tally)

    def put_account(self, account: Account, granted_nano: int) -> None:
        """Add an account, or take its newest row over."""
        self.accounts[account.id] = account
        self.granted[account.id] = granted_nano

    def hold(self, hold: Hold, key: Key) -> Fault | None:
        """Set money aside, or say why not. A hold that is open already stays as it is."""
        if hold.id in self.holds:
            return None
        of_key = self.by_key[hold.key_hash]
        of_account = self.by_account[hold.account_id]
        if key.limit_nano is not None:
            spent = of_key.spent(key.limit_reset, windows_at(hold.created_ns))
            left = key.limit_nano - spent - of_key.held
            if hold.amount_nano > left:
                what = f"the key `{key.name}` has ${usd_from_nano(max(left, 0))} left of its {_WORDS[key.limit_reset]}"
                return _refusal(hold, what, "raise the limit", key.limit_nano, left)
        if self.accounts[hold.account_id].prepaid:
            granted = self.granted[hold.account_id]
            left = granted - of_account.charged - of_account.held
            if hold.amount_nano > left:
                what = f"the account `{hold.account_id}` has ${usd_from_nano(max(left, 0))} left of its credits"
                remedy = f"add credits (`wideband credits grant {hold.account_id} USD`)"
                return _refusal(hold, what, remedy, granted, left)
        self.holds[hold.id] = hold
        of_key.held += hold.amount_nano
        of_account.held += hold.amount_nano
        return None

    def settle(self, settlement: Settlement) -> None:
        """Take a new settlement in: its hold ends, its charge counts, also where it is above the hold."""
        self.release(settlement.id)
        windows = windows_at(settlement.at_ns)
        self.by_account[settlement.account_id].charge(settlement.charge_nano, windows)
        self.by_key[settlement.key_hash].charge(settlement.charge_nano, windows)

    def release(self, hold_id: str) -> Hold | None:
        """End a hold without a charge; return it if it was open."""
        hold = self.holds.pop(hold_id, None)
        if hold is not None:
            self.by_key[hold.key_hash].held -= hold.amount_nano
            self.by_account[hold.account_id].held -= hold.amount_nano
        return hold

    def expired(self, now_ns: int) -> list[Hold]:
        """Return the open holds whose time is over; they stay open until they are settled."""
        return [hold for hold in self.holds.values() if hold.expires_ns <= now_ns]

    def problems(self) -> list[str]:
        """Return what does not add up, in words; empty when everything does."""
        held = sum(hold.amount_nano for hold in self.holds.values())
        sums = {"accounts": self.by_account, "keys": self.by_key}
        return [
            f"the {name} have {total} nano-dollars set aside, the open holds {held}"
            for name, tallies in sums.items()
            if (total := sum(tally.held for tally in tallies.values())) != held
        ]


def _refusal(hold: Hold, what: str, remedy: str, limit_nano: int, left_nano: int) -> Fault:
    needed = usd_from_nano(hold.amount_nano)
    return Fault(
        kind=FaultKind.PAYMENT_REQUIRED,
        message=f"This request needs up to ${needed}, but {what}; lower max_tokens or {remedy}.",
        details={"limit": usd_from_nano(limit_nano), "remaining": usd_from_nano(left_nano), "needed": needed},
    )
