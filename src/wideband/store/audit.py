"""Adding a whole ledger up: every sum that has to agree with another, and whether it does."""

from pathlib import Path
from typing import Any

from wideband.store.archive import Archive
from wideband.store.database import connect_reader

_FIGURES = {
    "requests": "SELECT count(*) FROM ledger WHERE kind IN ('charge', 'release')",
    "open_holds": "SELECT count(*) FROM hold",
    "held_nano": "SELECT sum(amount_nano) FROM hold",
    "granted_nano": "SELECT sum(amount_nano) FROM ledger WHERE kind = 'grant'",
    "charged_nano": "SELECT sum(amount_nano) FROM ledger WHERE kind IN ('charge', 'release')",
    "account_granted_nano": "SELECT sum(granted_nano) FROM account",
    "account_charged_nano": "SELECT sum(charged_nano) FROM account",
    "key_charged_nano": "SELECT sum(charged_nano) FROM key",
    "account_spend_nano": "SELECT sum(amount_nano) FROM spend WHERE kind = 'account'",
    "key_spend_nano": "SELECT sum(amount_nano) FROM spend WHERE kind = 'key'",
    "waiting_records": "SELECT count(*) FROM outbox",
    "waiting_cost_nano": "SELECT sum(json_extract(CAST(payload AS TEXT), '$.cost_nano')) FROM outbox",
    "ended_holds": "SELECT count(*) FROM hold WHERE id IN (SELECT id FROM ledger)",
}

# Each has to equal the figure beside it.
_IDENTITIES = (
    ("account_granted_nano", "granted_nano"),
    ("account_charged_nano", "charged_nano"),
    ("key_charged_nano", "charged_nano"),
    ("account_spend_nano", "charged_nano"),
    ("key_spend_nano", "charged_nano"),
    ("record_cost_nano", "charged_nano"),
    ("records", "requests"),
)
# Each has to be nothing.
_NOTHING = ("ended_holds", "doubled_records")


def audit(home: Path, archive: Archive) -> dict[str, Any]:
    """Count and sum everything; `problems` says in words what does not agree. Waits for the disk.

    Raises `Faulted` (unavailable) when the analytics database, which holds the records, cannot be read.
    """
    # Nothing is shipped meanwhile, so no record is in between the two databases.
    with archive.lock:
        db = connect_reader(home)
        try:
            db.execute("BEGIN")
            figures: dict[str, Any] = {name: db.execute(sql).get or 0 for name, sql in _FIGURES.items()}
            waiting = [generation_id for (generation_id,) in db.execute("SELECT id FROM outbox")]
        finally:
            db.close()
        shipped, doubled, cost = archive.totals(waiting)
    figures["shipped_records"] = shipped
    figures["doubled_records"] = doubled
    figures["records"] = shipped + len(waiting)
    figures["record_cost_nano"] = cost + figures["waiting_cost_nano"]
    problems = [
        f"{one} is {figures[one]}, {other} is {figures[other]}"
        for one, other in _IDENTITIES
        if figures[one] != figures[other]
    ]
    problems += [f"{name} is {figures[name]}, which has to be 0" for name in _NOTHING if figures[name]]
    figures["problems"] = problems
    return figures
