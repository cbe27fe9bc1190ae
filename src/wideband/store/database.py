"""The ledger database of a home: connections to it and its migrations.

Its SQLite is apsw's: the one that Python links may still have the race that damages write-ahead logs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import apsw

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.clock import now_ns

FILE = "ledger.db"
BUSY_TIMEOUT_MS = 10_000
MAX_INTEGER = 2**63 - 1
LOCAL_ACCOUNT = "local"

_MIGRATIONS = resources.files("wideband.store") / "migrations"
_CHECKPOINT_PAGES = 4_000
_WAL_LIMIT_BYTES = 64 * 1024 * 1024


def connect(home: Path) -> apsw.Connection:
    """Open a home's ledger for writing, made and migrated if need be. What is committed survives a power cut."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / FILE
    path.touch(mode=0o600)
    db = apsw.Connection(str(path))
    db.set_busy_timeout(BUSY_TIMEOUT_MS)
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", "full")
    db.pragma("foreign_keys", True)
    db.pragma("wal_autocheckpoint", _CHECKPOINT_PAGES)
    db.pragma("journal_size_limit", _WAL_LIMIT_BYTES)
    migrate(db)
    return db


@contextmanager
def opened(home: Path) -> Iterator[apsw.Connection]:
    """Hold a connection to a home's ledger for writing."""
    db = connect(home)
    try:
        yield db
    finally:
        db.close()


def connect_reader(home: Path) -> apsw.Connection:
    """Open a home's ledger for reading; it has to exist."""
    db = apsw.Connection(str(home / FILE), flags=apsw.SQLITE_OPEN_READONLY)
    db.set_busy_timeout(BUSY_TIMEOUT_MS)
    return db


@contextmanager
def transaction(db: apsw.Connection) -> Iterator[None]:
    """Commit what the block did, or nothing of it. Raises `apsw.Error` when it cannot be written."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # A full disk makes SQLite roll back by itself.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def next_revision(db: apsw.Connection) -> int:
    """Return the number under which a row is changed; who keeps rows in memory reads those with higher ones."""
    revision: int = db.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision' RETURNING value").get
    return revision


def demand_account(db: apsw.Connection, account_id: str) -> None:
    """See that there is an account. Raises `Faulted` (not_found)."""
    if not db.execute("SELECT 1 FROM account WHERE id = ?", (account_id,)).get:
        message = f"There is no account `{account_id}`; `wideband credits open {account_id}` opens it."
        raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message=message))


def migrate(db: apsw.Connection) -> None:
    """Apply the migrations that this database lacks, all or none, and open the default account."""
    migrations = sorted(path.name for path in _MIGRATIONS.iterdir() if path.name.endswith(".sql"))
    if _applied(db) == len(migrations):
        return
    with transaction(db):
        db.execute("CREATE TABLE IF NOT EXISTS migration (number BIGINT PRIMARY KEY, name TEXT, applied_ns BIGINT)")
        done = _applied(db)
        for number, name in enumerate(migrations[done:], done + 1):
            db.execute((_MIGRATIONS / name).read_text("utf-8"))
            db.execute("INSERT INTO migration VALUES (?, ?, ?)", (number, name, now_ns()))
        db.execute(
            "INSERT INTO account (id, name, created_ns, prepaid) VALUES (?, ?, ?, FALSE) ON CONFLICT DO NOTHING",
            (LOCAL_ACCOUNT, LOCAL_ACCOUNT, now_ns()),
        )


def _applied(db: apsw.Connection) -> int:
    if not db.table_exists(None, "migration"):
        return 0
    count: int = db.execute("SELECT count(*) FROM migration").get
    return count
