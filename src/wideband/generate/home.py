"""Puts generated days into a home as a server's would lie there: older ones sealed, the newest in the database."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from wideband.canon.faults import invalid
from wideband.generate.rows import World
from wideband.generate.run import Wanted, write_days
from wideband.store.archive import FILE
from wideband.store.engine import connect
from wideband.store.serverlock import HomeLockedError, ServerLock
from wideband.store.tables import ADD_BATCH, prepare, written

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FOLDER = "analytics"
# The running day and the one before are in the database.
HOT_DAYS = 2

_BATCH = "CREATE OR REPLACE TEMP TABLE batch AS FROM read_parquet('{path}')"
_BOTH = """
    COPY (SELECT * FROM read_parquet(['{here}', '{new}'], union_by_name = true) ORDER BY created_ns, id)
    TO '{part}' (FORMAT parquet, COMPRESSION zstd)
"""


def fill_home(home: Path, world: World, wanted: Wanted, told: Callable[[int, int], None], *, add: bool = False) -> None:
    """Generate a history into a home that nobody serves. Raises `Faulted` (invalid_request) where that may not be."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        lock = ServerLock(home)
    except HomeLockedError:
        raise invalid(f"A server works in `{home}`: stop it first, or name another home with --home.") from None
    try:
        if not add and has_records(home):
            raise invalid(f"`{home}` has records already: name another home with --home, or mix them with --add.")
        with TemporaryDirectory(dir=home, prefix="generating-") as spare:
            write_days(world, wanted, Path(spare), told)
            for path in sorted(Path(spare).glob("*.parquet")):
                _place(home, path, date.fromisoformat(path.stem), wanted)
    finally:
        lock.release()


def has_records(home: Path) -> bool:
    """Tell whether there are any records in a home, generated or not."""
    if next((home / FOLDER).glob("d=*/*.parquet"), None) is not None:
        return True
    if not (home / FILE).exists():
        return False
    with connect(str(home / FILE)) as db:
        prepare(db)
        return bool(db.execute("SELECT 1 FROM generation LIMIT 1").fetchall())


def _place(home: Path, path: Path, day: date, wanted: Wanted) -> None:
    if day > wanted.first + timedelta(days=wanted.days - 1 - HOT_DAYS):
        with connect(str(home / FILE), memory_limit="1GB", threads=1) as db:
            prepare(db)
            _add(db, path)
        return
    sealed = home / FOLDER / f"d={day}" / "records.parquet"
    sealed.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sealed.exists():
        part = sealed.with_suffix(".part")
        with connect(memory_limit="1GB", threads=1) as db:
            db.execute(written(_BOTH, here=_text(sealed), new=_text(path), part=_text(part)))
        part.replace(sealed)
    else:
        path.replace(sealed)


def _add(db: "DuckDBPyConnection", path: Path) -> None:
    db.execute("BEGIN")
    db.execute(written(_BATCH, path=_text(path)))
    for statement in ADD_BATCH:
        db.execute(statement)
    db.execute("COMMIT")


def _text(path: Path) -> str:
    return str(path).replace("'", "''")
