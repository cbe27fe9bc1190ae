"""The upkeep of an archive: folding hours that are over, sealing days that are over, deleting what is too old."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from wideband.store import days, folding, sealing
from wideband.store.archive import Archive
from wideband.store.base import Status
from wideband.store.cubes import CUBES, Cube
from wideband.store.days import DAY_S, HOUR_S, Span, State, day_of, month_of
from wideband.store.tables import written

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Requests that take longer come late to their hour, which is then folded again.
GRACE_S = 600

_BY_DAY = """
    SELECT epoch(date_trunc('day', "at"))::BIGINT, count(*) FROM generation WHERE {span} GROUP BY 1
"""
# So many records are folded in one transaction, or those of one day.
_AT_ONCE = 200_000


class Upkeep:
    """Keeps one archive; for one thread at a time. Each step is a transaction, after which it may be told to stop."""

    def __init__(self, archive: Archive, stops: Callable[[], bool] = lambda: False) -> None:
        self._archive = archive
        self._stops = stops
        self._kept_until_s = 0

    def tidy(self, now_s: int) -> None:
        """Do all that is due. Raises `Faulted` (unavailable)."""
        self.fold(now_s)
        hour_s = now_s - now_s % HOUR_S
        if hour_s > self._kept_until_s and not self._stops():
            try:
                self.seal(now_s)
            finally:
                # A day that cannot be sealed keeps no other beyond its time; on a full disk this may be what helps.
                self.drop(now_s)
            self._kept_until_s = hour_s

    def fold(self, now_s: int, told: Callable[[int], None] | None = None) -> None:
        """Fold what can be folded; `told` hears after each step until when all is folded."""
        until_s = now_s - GRACE_S
        until_s -= until_s % HOUR_S
        has_moved = False
        while not self._stops() and self._is_due(until_s):
            self._archive.change(lambda db, state: _step(db, state, until_s, now_s))
            has_moved = True
            if told is not None:
                told(self._archive.state.hour_s)
        if has_moved:
            self._archive.write(lambda db, state: _forget(db, state, now_s))

    def _is_due(self, until_s: int) -> bool:
        state = self._archive.state
        return bool(state.stale or state.stale_months) or state.hour_s < until_s

    def seal(self, now_s: int, told: Callable[[int], None] | None = None) -> int:
        """Seal the days that are over for long enough; returns how many. `told` hears of each when it is sealed."""
        count = 0
        for day_s in self.unsealed(now_s):
            if not self._stops() and self._seal_day(day_s):
                count += 1
                if told is not None:
                    told(day_s)
        return count

    def unsealed(self, now_s: int) -> list[int]:
        """Return the days that are over for long enough and have records that are not sealed."""
        until_s = day_of(now_s - self._archive.keeping.hot_days * DAY_S)
        return self._archive.look(lambda db, _: sealing.hot_days(db, until_s))

    def _seal_day(self, day_s: int) -> bool:
        """Seal a day that is folded; what comes in meanwhile lets it be done another time."""

        def begin(db: "DuckDBPyConnection", state: State) -> str | None:
            day = Span(day_s, day_s + DAY_S)
            is_stale = any(span.start_s < day.end_s and span.end_s > day_s for span in state.stale)
            if day.end_s > state.day_s or is_stale or day_s < state.floor_s:
                return None
            file = sealing.next_file(state, day_s)
            db.execute("INSERT INTO unwanted VALUES (?)", (file,))
            return file

        def end(db: "DuckDBPyConnection", state: State) -> bool:
            is_whole = sealing.hot_count(db, day_s) == count
            if is_whole:
                sealing.take_over(db, state, day_s, name)
            return is_whole

        archive = self._archive
        file = archive.write(begin)
        if file is None:
            return False
        name = file
        count = archive.look(lambda db, state: sealing.write(db, state, day_s, name))
        is_sealed = archive.change(end)
        archive.write(lambda db, _: sealing.sweep(db, archive.folder))
        return is_sealed

    def drop(self, now_s: int) -> int:
        """Delete the records of days that are older than the settings say; returns how many days."""
        keep_days = self._archive.keeping.keep_days
        before_s = day_of(now_s) - keep_days * DAY_S
        if not keep_days or not self._archive.look(lambda db, state: _has_before(db, state, before_s)):
            return 0
        count = self._archive.change(lambda db, state: sealing.drop(db, state, before_s))
        self._archive.write(lambda db, _: sealing.sweep(db, self._archive.folder))
        return count

    def rebuild(self, now_s: int, told: Callable[[int], None] | None = None) -> int:
        """Add everything up anew from the records that there are; returns how many files of days were found again."""

        def begin(db: "DuckDBPyConnection", state: State) -> int:
            adopted = sealing.adopt(db, state)
            folding.reset(db, days.load(db, state.folder))
            return len(adopted)

        found = self._archive.change(begin)
        self.fold(now_s, told)
        return found

    def status(self) -> Status:
        """Return how things stand."""

        def look(db: "DuckDBPyConnection", state: State) -> Status:
            ((count, first_s, last_s),) = db.execute(
                "SELECT count(*), min(created_ns) // 1000000000, max(created_ns) // 1000000000 FROM generation"
            ).fetchall()
            sealed = [day for day in state.days if day.file is not None]
            oldest = [day.day_s for day in sealed[:1]] + ([first_s] if first_s is not None else [])
            newest = [day.day_s + DAY_S for day in sealed[-1:]] + ([last_s] if last_s is not None else [])
            return Status(
                hot_records=count,
                sealed_records=sum(day.rows for day in sealed),
                sealed_days=len(sealed),
                deleted_days=len(state.days) - len(sealed),
                sealed_bytes=sum(day.size_bytes for day in sealed),
                database_bytes=self._archive.path.stat().st_size,
                folded_until_s=state.hour_s or None,
                oldest_s=min(oldest, default=None),
                newest_s=max(newest, default=None),
            )

        return self._archive.look(look)


def _step(db: "DuckDBPyConnection", state: State, until_s: int, now_s: int) -> None:
    """Fold one span that is stale, else the next hours."""
    if state.stale:
        _fold_stale(db, state, state.stale[0], now_s)
    elif state.stale_months:
        month = state.stale_months[0]
        for cube in _cubes("month"):
            _run(db, *folding.fold(cube, "month", state, month))
        db.execute("DELETE FROM stale WHERE width = 'month' AND start_s = ?", (month.start_s,))
    else:
        _advance(db, state, until_s, now_s)


def _fold_stale(db: "DuckDBPyConnection", state: State, span: Span, now_s: int) -> None:
    _fold_hours(db, state, span, now_s)
    if span.start_s < state.day_s:
        for cube in _cubes("day"):
            _run(db, *folding.fold(cube, "day", state, span))
    db.execute("DELETE FROM stale WHERE width = 'hour' AND start_s = ?", (span.start_s,))


def _advance(db: "DuckDBPyConnection", state: State, until_s: int, now_s: int) -> None:
    """Fold the next hours that have records, and the days and months that are over with them."""
    hour_s = _fold_to(db, state, Span(state.hour_s, until_s))
    _fold_hours(db, state, Span(state.hour_s, hour_s), now_s)
    day_s = max(day_of(hour_s), state.day_s)
    for cube in _cubes("day") if day_s > state.day_s else ():
        _run(db, *folding.fold(cube, "day", state, Span(state.day_s, day_s)))
    month_s = max(month_of(day_s).start_s, state.month_s)
    for cube in _cubes("month") if month_s > state.month_s else ():
        _run(db, *folding.fold_month(cube, Span(state.month_s, month_s)))
    db.execute("UPDATE folded_until SET hour_s = ?, day_s = ?, month_s = ?", (hour_s, day_s, month_s))


def _fold_to(db: "DuckDBPyConnection", state: State, span: Span) -> int:
    """Return until when to fold at once: as many whole days as are not too many records, at least one."""
    rows: dict[int, int] = {day.day_s: day.rows for day in state.sealed(span)}
    for day_s, count in db.execute(written(_BY_DAY, span=span.sql)).fetchall():
        rows[day_s] = rows.get(day_s, 0) + count
    total, days_s = 0, sorted(rows)
    for nth, day_s in enumerate(days_s):
        total += rows[day_s]
        if nth and total > _AT_ONCE:
            return day_s
    return span.end_s


def _fold_hours(db: "DuckDBPyConnection", state: State, span: Span, now_s: int) -> None:
    """Fold the finer widths of a span, where they are still kept."""
    for width in ("minute", "hour"):
        for cube in _cubes(width):
            keep_s = cube.keep_s[width]
            since_s = span.start_s if keep_s is None else max(span.start_s, _cut(now_s, keep_s))
            if since_s < span.end_s:
                _run(db, *folding.fold(cube, width, state, Span(since_s, span.end_s)))


def _forget(db: "DuckDBPyConnection", state: State, now_s: int) -> None:
    """Throw away folded rows that are kept no longer; days that months are still to be made of are."""
    for cube in CUBES:
        for width, keep_s in cube.keep_s.items():
            if keep_s is not None:
                until_s = min(_cut(now_s, keep_s), state.month_s if width == "day" else state.day_s)
                db.execute(folding.clear(cube, width, Span(0, until_s)))


def _cut(now_s: int, keep_s: int) -> int:
    return (now_s - keep_s) // HOUR_S * HOUR_S


def _cubes(width: str) -> list[Cube]:
    return [cube for cube in CUBES if width in cube.keep_s]


def _run(db: "DuckDBPyConnection", *statements: str) -> None:
    for statement in statements:
        db.execute(statement)


def _has_before(db: "DuckDBPyConnection", state: State, before_s: int) -> bool:
    sealed = any(day.file is not None and day.day_s < before_s for day in state.days)
    return sealed or bool(sealing.hot_days(db, before_s))
