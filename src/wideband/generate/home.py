"""Puts generated days into a home as a server's would lie there: older ones sealed, the newest in the database."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from wideband.canon.faults import invalid
from wideband.generate.rows import World
from wideband.generate.run import Wanted, write_days
from wideband.store import sealing
from wideband.store.archive import Archive
from wideband.store.keeping import Keeping
from wideband.store.serverlock import HomeLockedError, ServerLock
from wideband.store.upkeep import Upkeep


def fill_home(
    home: Path,
    world: World,
    wanted: Wanted,
    made: Callable[[int, int], None],
    folded: Callable[[int], None] | None,
    *,
    add: bool = False,
) -> None:
    """Generate a history into a home that nobody serves. Raises `Faulted` (invalid_request) where that may not be.

    `made` is told of records and days as they come, `folded` until when they are added up (unix seconds). Without
    `folded` that is left to the server.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        lock = ServerLock(home)
    except HomeLockedError:
        raise invalid(f"A server works in `{home}`: stop it first, or name another home with --home.") from None
    archive = Archive(home, Keeping(memory_limit_mb=1024))
    try:
        archive.write(lambda db, _: db.execute("SET enable_progress_bar = false"))
        if not add and _has_records(archive):
            raise invalid(f"`{home}` has records already: name another home with --home, or mix them with --add.")
        with TemporaryDirectory(dir=home, prefix="generating-") as spare:
            write_days(world, wanted, Path(spare), made)
            for path in sorted(Path(spare).glob("*.parquet")):
                _place(archive, path, wanted)
        if folded is None:
            archive.change(sealing.adopt)
        else:
            Upkeep(archive).rebuild(wanted.until_s, folded)
    finally:
        archive.close()
        lock.release()


def _has_records(archive: Archive) -> bool:
    """Tell whether there are any records, generated or not; or were, before they were deleted."""
    state = archive.state
    return bool(state.days or archive.look(lambda db, _: db.execute("SELECT 1 FROM generation LIMIT 1").fetchall()))


def _place(archive: Archive, path: Path, wanted: Wanted) -> None:
    """Seal the file of a day that is over, as long as nothing else is known of that day."""
    day = date.fromisoformat(path.stem)
    sealed = archive.folder / f"d={day}" / "records.parquet"
    start_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    is_known = any(known.day_s == start_s for known in archive.state.days) or sealed.exists()
    if is_known or day > wanted.first + timedelta(days=wanted.days - 1 - archive.keeping.hot_days):
        archive.take(path)
        return
    sealed.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o600)
    path.replace(sealed)
