"""Batches of holds and settlements, and the one transaction that writes a batch."""

from collections.abc import Sequence
from typing import Any, Literal

import apsw

from wideband.accounts.rows import Hold, Settlement
from wideband.accounts.windows import DAY_NS
from wideband.store.database import transaction
from wideband.wire import jsons

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
        self.postings: list[Posting] = []

    def __bool__(self) -> bool:
        return bool(self.holds or self.postings)

    def add_hold(self, hold: Hold, at_s: float) -> None:
        self.resting[hold.id] = (at_s, hold)

    def add_posting(self, posting: Posting) -> None:
        self.postings.append(posting)
        hold_id = posting.settlement.id
        if self.resting.pop(hold_id, None) is None:
            self.holds.pop(hold_id, None)

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
    """A statement over many rows at once, `head VALUES (...), (...)`.

    Each step of a statement hands the interpreter's lock over and has to win it back; beside a busy event loop that
    costs far more than the step. So a batch is a few wide statements, in few sizes so that they stay prepared.
    """

    def __init__(self, head: str, width: int) -> None:
        row = f"({', '.join('?' * width)})"
        self._texts = [(size, f"{head} VALUES {', '.join([row] * size)}") for size in _SIZES]

    def run(self, db: apsw.Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Run over all rows."""
        at = 0
        for size, text in self._texts:
            while len(rows) - at >= size:
                db.execute(text, [value for row in rows[at : at + size] for value in row])
                at += size


_SETTLED = "SELECT id FROM ledger WHERE id IN (SELECT value FROM json_each(?))"
_UNHOLD = "DELETE FROM hold WHERE id IN (SELECT value FROM json_each(?))"
_HOLDS = _Rows("INSERT INTO hold (id, account_id, key_hash, amount_nano, created_ns, expires_ns, model)", 7)
_POSTINGS = _Rows("INSERT INTO posting (seq, id, kind, account_id, key_hash, amount_nano, at_ns, day, payload)", 9)

# All that one settlement changes, done inside the database: a row inserted into this view is a settlement posted.
_POST = """
CREATE TEMP VIEW IF NOT EXISTS posting AS
  SELECT 0 AS seq, '' AS id, '' AS kind, '' AS account_id, '' AS key_hash, 0 AS amount_nano, 0 AS at_ns, 0 AS day,
    x'' AS payload;
CREATE TEMP TRIGGER IF NOT EXISTS post INSTEAD OF INSERT ON posting BEGIN
  INSERT INTO ledger (id, kind, account_id, key_hash, amount_nano, at_ns)
    VALUES (NEW.id, NEW.kind, NEW.account_id, NEW.key_hash, NEW.amount_nano, NEW.at_ns);
  INSERT INTO outbox (seq, id, payload) VALUES (NEW.seq, NEW.id, NEW.payload);
  DELETE FROM hold WHERE id = NEW.id;
  UPDATE account SET charged_nano = charged_nano + NEW.amount_nano WHERE id = NEW.account_id AND NEW.amount_nano > 0;
  UPDATE key SET charged_nano = charged_nano + NEW.amount_nano WHERE hash = NEW.key_hash AND NEW.amount_nano > 0;
  INSERT INTO spend (kind, owner, day, amount_nano)
    SELECT 'account', NEW.account_id, NEW.day, NEW.amount_nano WHERE NEW.amount_nano > 0
    UNION ALL SELECT 'key', NEW.key_hash, NEW.day, NEW.amount_nano WHERE NEW.amount_nano > 0
    ON CONFLICT (kind, owner, day) DO UPDATE SET amount_nano = spend.amount_nano + excluded.amount_nano;
END;
"""


class Poster:
    """Writes batches; the only one that numbers the outbox."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        db.execute(_POST)
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
            _POSTINGS.run(db, [_row(seq, posting) for seq, posting in enumerate(new, self._seq + 1)])
            if len(new) < len(batch.postings):
                db.execute(_UNHOLD, (_ids(batch.postings),))
            _HOLDS.run(
                db,
                [
                    (h.id, h.account_id, h.key_hash, h.amount_nano, h.created_ns, h.expires_ns, h.model)
                    for h in batch.holds.values()
                ],
            )
        self._seq += len(new)
        for posting in new:
            posting.is_new = True

    def _new(self, postings: list[Posting]) -> list[Posting]:
        """Return the postings whose id the ledger does not hold, each id once."""
        if not postings:
            return []
        seen = {hold_id for (hold_id,) in self._db.execute(_SETTLED, (_ids(postings),))}
        first: dict[str, Posting] = {}
        for posting in postings:
            if posting.settlement.id not in seen:
                first.setdefault(posting.settlement.id, posting)
        return list(first.values())


def _row(seq: int, posting: Posting) -> tuple[Any, ...]:
    s = posting.settlement
    return (seq, s.id, posting.kind, s.account_id, s.key_hash, s.charge_nano, s.at_ns, s.at_ns // DAY_NS, s.record)


def _ids(postings: list[Posting]) -> str:
    return jsons.encode([posting.settlement.id for posting in postings]).decode()
