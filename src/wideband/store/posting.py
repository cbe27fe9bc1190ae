"""Batches of holds and settlements, and the one transaction that writes a batch."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import apsw

from wideband.accounts.rows import Hold, Settlement
from wideband.accounts.windows import DAY_NS
from wideband.store.database import transaction

_SIZES = (64, 32, 16, 8, 4, 2, 1)


class Posting:
    """A settlement on its way to the disk. `is_new` is known after the commit: False when its id was settled before."""

    __slots__ = ("is_new", "kind", "settlement", "waiters")

    def __init__(self, settlement: Settlement, kind: Literal["charge", "release"]) -> None:
        self.settlement = settlement
        self.kind = kind
        self.is_new = False
        self.waiters: list[Any] = []


class Batch:
    """What goes to the disk together. A hold that is settled before it was written never is.

    Holds rest before they are worth writing: most are settled meanwhile, and until then memory knows them. Times are
    monotonic seconds.
    """

    def __init__(self, resting: dict[str, tuple[float, Hold]] | None = None) -> None:
        self.resting = resting if resting is not None else {}
        self.holds: dict[str, Hold] = {}
        self.ended: list[str] = []
        self.postings: list[Posting] = []

    def __bool__(self) -> bool:
        return bool(self.holds or self.postings)

    def add_hold(self, hold: Hold, at_s: float) -> None:
        self.resting[hold.id] = (at_s, hold)

    def add_posting(self, posting: Posting) -> None:
        self.postings.append(posting)
        hold_id = posting.settlement.id
        if self.resting.pop(hold_id, None) is None and self.holds.pop(hold_id, None) is None:
            self.ended.append(hold_id)

    def ripen(self, until_s: float) -> None:
        """Have written what came until then."""
        while self.resting and (oldest := next(iter(self.resting.values())))[0] <= until_s:
            hold = oldest[1]
            del self.resting[hold.id]
            self.holds[hold.id] = hold

    def ripe_in(self, rest_s: float, now_s: float) -> float | None:
        """Return how long the oldest resting hold still rests; None when none does."""
        return next((max(0.0, at_s + rest_s - now_s) for at_s, _ in self.resting.values()), None)


class _Rows:
    """A statement over many rows at once, `head VALUES (...), (...) tail`.

    Each step of a statement hands the interpreter's lock over and has to win it back; beside a busy event loop that
    costs far more than the step. So a batch is a few wide statements, in few sizes so that they stay prepared.
    """

    def __init__(self, head: str, width: int, tail: str = "") -> None:
        row = f"({', '.join('?' * width)})"
        self._texts = [(size, f"{head} VALUES {', '.join([row] * size)}{tail}") for size in _SIZES]

    def run(self, db: apsw.Connection, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Run over all rows; return what comes back."""
        found: list[tuple[Any, ...]] = []
        at = 0
        for size, text in self._texts:
            while len(rows) - at >= size:
                values = [value for row in rows[at : at + size] for value in row]
                found.extend(db.execute(text, values))
                at += size
        return found


_SETTLED = _Rows("SELECT id FROM ledger WHERE id IN (", 1, ")")
_HOLDS = _Rows("INSERT INTO hold (id, account_id, key_hash, amount_nano, created_ns, expires_ns, model)", 7)
_UNHOLD = _Rows("DELETE FROM hold WHERE id IN (", 1, ")")
_LEDGER = _Rows("INSERT INTO ledger (id, kind, account_id, key_hash, amount_nano, at_ns)", 6)
_OUTBOX = _Rows("INSERT INTO outbox (seq, id, payload)", 3)
_ACCOUNTS = _Rows(
    "UPDATE account SET charged_nano = charged_nano + new.column2 FROM (", 2, ") AS new WHERE account.id = new.column1"
)
_KEYS = _Rows(
    "UPDATE key SET charged_nano = charged_nano + new.column2 FROM (", 2, ") AS new WHERE key.hash = new.column1"
)
_SPEND = _Rows(
    "INSERT INTO spend (kind, owner, day, amount_nano)",
    4,
    " ON CONFLICT (kind, owner, day) DO UPDATE SET amount_nano = spend.amount_nano + excluded.amount_nano",
)


class Poster:
    """Writes batches; the only one that numbers the outbox."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        # Numbers are never used twice, also when everything was shipped and the outbox is empty.
        numbers = db.execute(
            "SELECT value FROM meta WHERE name = 'outbox_seq' UNION ALL SELECT coalesce(max(seq), 0) FROM outbox"
        )
        self._seq = max(seq for (seq,) in numbers)

    def write(self, batch: Batch) -> None:
        """Write a batch in one transaction, or nothing of it, and mark what was new. Raises `apsw.Error`."""
        db = self._db
        with transaction(db):
            new = self._new(batch.postings)
            settlements = [posting.settlement for posting in new]
            _LEDGER.run(
                db,
                [
                    (s.id, posting.kind, s.account_id, s.key_hash, s.charge_nano, s.at_ns)
                    for posting, s in zip(new, settlements, strict=True)
                ],
            )
            _OUTBOX.run(db, [(seq, s.id, s.record) for seq, s in enumerate(settlements, self._seq + 1)])
            _UNHOLD.run(db, [(hold_id,) for hold_id in batch.ended])
            _HOLDS.run(
                db,
                [
                    (h.id, h.account_id, h.key_hash, h.amount_nano, h.created_ns, h.expires_ns, h.model)
                    for h in batch.holds.values()
                ],
            )
            _add_up(db, settlements)
        self._seq += len(new)
        for posting in new:
            posting.is_new = True

    def _new(self, postings: list[Posting]) -> list[Posting]:
        """Return the postings whose id the ledger does not hold, each id once."""
        if not postings:
            return []
        seen = {hold_id for (hold_id,) in _SETTLED.run(self._db, [(p.settlement.id,) for p in postings])}
        first: dict[str, Posting] = {}
        for posting in postings:
            if posting.settlement.id not in seen:
                first.setdefault(posting.settlement.id, posting)
        return list(first.values())


def _add_up(db: apsw.Connection, settlements: list[Settlement]) -> None:
    """Add charges to the totals: one update per account, key and day, however many charges."""
    accounts: Counter[str] = Counter()
    keys: Counter[str] = Counter()
    days: Counter[tuple[str, str, int]] = Counter()
    for s in settlements:
        if s.charge_nano:
            day = s.at_ns // DAY_NS
            accounts[s.account_id] += s.charge_nano
            keys[s.key_hash] += s.charge_nano
            days["account", s.account_id, day] += s.charge_nano
            days["key", s.key_hash, day] += s.charge_nano
    _ACCOUNTS.run(db, list(accounts.items()))
    _KEYS.run(db, list(keys.items()))
    _SPEND.run(db, [(*owner, amount) for owner, amount in days.items()])
