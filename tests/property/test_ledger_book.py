"""The book as a machine: whatever the order of grants, holds, charges and expiries, the sums agree."""

from hypothesis import settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from wideband.accounts.book import Book
from wideband.accounts.rows import Account, Hold, Key, Settlement
from wideband.accounts.windows import DAY_NS, windows_at

ACCOUNT = Account(id="acme", name="Acme", created_ns=0, prepaid=True)
KEYS = [
    Key(hash="free", account_id="acme", name="free", label="free", created_ns=0),
    Key(hash="capped", account_id="acme", name="capped", label="capped", created_ns=0, limit_nano=500),
    Key(
        hash="daily", account_id="acme", name="daily", label="daily", created_ns=0, limit_nano=300, limit_reset="daily"
    ),
]
START_NS = 20_000 * DAY_NS


class BookMachine(RuleBasedStateMachine):
    """Grants, holds, settles and waits at random beside a model that only adds."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.granted = 0
        self.book.put_account(ACCOUNT, 0)
        self.now_ns = START_NS
        self.count = 0
        self.open: dict[str, Hold] = {}
        self.charges: list[tuple[str, int, int]] = []

    @rule(amount=st.integers(1, 1_000))
    def grant(self, amount: int) -> None:
        self.granted += amount
        self.book.put_account(ACCOUNT, self.granted)

    @rule(hours=st.integers(1, 40))
    def wait(self, hours: int) -> None:
        self.now_ns += hours * DAY_NS // 24

    @rule(target=held, key=st.sampled_from(KEYS), amount=st.integers(0, 400))
    def hold(self, key: Key, amount: int) -> object:
        self.count += 1
        hold = Hold(
            id=f"gen-{self.count}",
            account_id="acme",
            key_hash=key.hash,
            amount_nano=amount,
            created_ns=self.now_ns,
            expires_ns=self.now_ns + DAY_NS,
            model="m",
        )
        left = self.granted - self.charged() - sum(other.amount_nano for other in self.open.values())
        if key.limit_nano is not None:
            mine = sum(other.amount_nano for other in self.open.values() if other.key_hash == key.hash)
            left = min(left, key.limit_nano - self.charged(key) - mine)
        fault = self.book.hold(hold, key)
        assert (fault is None) == (amount <= left)
        if fault is not None:
            return multiple()
        self.open[hold.id] = hold
        return hold

    @rule(hold=held, charge=st.integers(0, 500))
    def settle(self, hold: Hold, charge: int) -> None:
        if hold.id not in self.open:
            return
        del self.open[hold.id]
        self.charges.append((hold.key_hash, charge, self.now_ns))
        self.book.settle(
            Settlement(
                id=hold.id,
                account_id="acme",
                key_hash=hold.key_hash,
                charge_nano=charge,
                at_ns=self.now_ns,
                record=b"{}",
            )
        )

    @rule(hold=held)
    def release(self, hold: Hold) -> None:
        assert self.book.release(hold.id) == self.open.pop(hold.id, None)

    @rule()
    def expire(self) -> None:
        expired = {hold.id for hold in self.book.expired(self.now_ns)}
        assert expired == {hold.id for hold in self.open.values() if hold.expires_ns <= self.now_ns}

    @invariant()
    def everything_adds_up(self) -> None:
        assert self.book.problems() == []
        assert self.book.holds == self.open
        assert self.book.by_account["acme"].charged == sum(charge for _, charge, _ in self.charges)
        assert self.book.by_account["acme"].held == sum(hold.amount_nano for hold in self.open.values())
        assert sum(tally.charged for tally in self.book.by_key.values()) == self.book.by_account["acme"].charged

    def charged(self, key: Key | None = None) -> int:
        """What the model has charged: in all, or what counts against a key's limit now."""
        if key is None:
            return sum(charge for _, charge, _ in self.charges)
        today = windows_at(self.now_ns).daily
        return sum(
            charge
            for key_hash, charge, at_ns in self.charges
            if key_hash == key.hash and (key.limit_reset is None or windows_at(at_ns).daily == today)
        )


BookMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBook = BookMachine.TestCase
