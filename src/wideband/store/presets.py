"""Presets that accounts keep: in the ledger's database by version, in memory as new as the newest change."""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec

from wideband.canon.faults import invalid
from wideband.catalog.presets import Preset, Shelf
from wideband.clock import now_ns
from wideband.store.changes import Changes
from wideband.store.database import demand_account, next_revision, opened, transaction
from wideband.store.versions import Versions
from wideband.wire import jsons

log = logging.getLogger("wideband.store")


# Every process has the active versions in memory, and every version lies on the disk.
MOST_PRESETS = 1000
MOST_VERSIONS = 1000
_OTHERS = "SELECT count(*) FROM preset WHERE account_id = ? AND slug <> ? AND NOT deleted"
_OWN = "SELECT count(*) FROM preset_version WHERE account_id = ? AND slug = ?"


class KeptPreset(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an account's preset. `creator` is the hash of the key it came with, or who else made it."""

    preset: Preset
    account_id: str
    version: int
    created_ns: int
    creator: str
    since_ns: int
    is_active: bool = True


_KEPT = (
    "SELECT v.payload, v.account_id, v.version, v.created_ns, v.creator, p.created_ns, p.version = v.version"
    " FROM preset_version AS v JOIN preset AS p USING (account_id, slug) WHERE NOT p.deleted"
)
_CHANGED = (
    "SELECT p.revision, p.deleted, p.account_id, p.slug, v.payload FROM preset AS p"
    " LEFT JOIN preset_version AS v USING (account_id, slug, version) WHERE p.revision > ?"
)


class PresetRoom:
    """The presets of a home, for one process: those of the file below those of the account that asks."""

    def __init__(self, home: Path, shelf: Shelf) -> None:
        self._home, self.shelf = home, shelf
        self._versions = Versions(home)
        self._changes = Changes(home, self._versions, _CHANGED)
        self._active: dict[str, dict[str, Preset]] = {}

    def close(self) -> None:
        """Close the connection and the counter."""
        self._changes.close()
        self._versions.close()

    # -- the request path ----------------------------------------------------------------------------------------

    def find(self, account_id: str, slug: str, /) -> Preset | None:
        """Return the active version of a preset, as of the newest change by any process."""
        if self._changes.are_any:
            self._reload()
        return self._active.get(account_id, {}).get(slug) or self.shelf.find(account_id, slug)

    def names(self, account_id: str, /) -> Collection[str]:
        """Return the slugs that an account can name."""
        if self._changes.are_any:
            self._reload()
        return {*self.shelf.names(account_id), *self._active.get(account_id, {})}

    def _reload(self) -> None:
        for deleted, account_id, slug, payload in self._changes.take():
            held = self._active.setdefault(account_id, {})
            held.pop(slug, None)
            if deleted:
                continue
            try:
                held[slug] = jsons.decode_as(payload, Preset)
            except jsons.DecodeError as error:
                log.warning("the preset `%s` of the account `%s` is left out: %s", slug, account_id, error)

    # -- looking things up and changing them: these wait for the disk, call them from a thread -------------------

    def kept(self, account_id: str) -> list[KeptPreset]:
        """Return the active versions of an account's presets by name."""
        with opened(self._home) as db:
            return _rows(db, " AND p.version = v.version AND account_id = ? ORDER BY slug", account_id)

    def versions(self, account_id: str, slug: str) -> list[KeptPreset]:
        """Return the versions of an account's preset, newest first; none when there is no such preset."""
        with opened(self._home) as db:
            return _rows(db, " AND account_id = ? AND slug = ? ORDER BY v.version DESC", account_id, slug)

    def put(self, account_id: str, preset: Preset, creator: str) -> KeptPreset:
        """Make a new version of a preset and the active one.

        Raises `Faulted`: not_found without its account, invalid_request where there are too many.
        """
        with opened(self._home) as db:
            kept = _put(db, account_id, preset, creator)
        self._versions.bump()
        return kept

    def use(self, account_id: str, slug: str, version: int) -> bool:
        """Make a version of a preset the active one; return whether there is such a version."""
        with opened(self._home) as db, transaction(db):
            found = db.execute(
                "UPDATE preset SET version = ?1, updated_ns = ?2, revision = ?3 WHERE account_id = ?4 AND slug = ?5"
                " AND NOT deleted AND EXISTS (SELECT 1 FROM preset_version AS v WHERE v.account_id = ?4"
                " AND v.slug = ?5 AND v.version = ?1) RETURNING 1",
                (version, now_ns(), next_revision(db), account_id, slug),
            ).fetchall()
        self._versions.bump()
        return bool(found)

    def remove(self, account_id: str, slug: str) -> bool:
        """Remove a preset with its versions; return whether there was one."""
        with opened(self._home) as db, transaction(db):
            gone = db.execute(
                "UPDATE preset SET deleted = TRUE, updated_ns = ?, revision = ?"
                " WHERE account_id = ? AND slug = ? AND NOT deleted RETURNING 1",
                (now_ns(), next_revision(db), account_id, slug),
            ).fetchall()
            db.execute("DELETE FROM preset_version WHERE account_id = ? AND slug = ?", (account_id, slug))
        self._versions.bump()
        return bool(gone)


@contextmanager
def open_presets(home: Path, shelf: Shelf) -> Iterator[PresetRoom]:
    """Open the presets of a home beside whatever server runs there."""
    with opened(home):
        room = PresetRoom(home, shelf)
    try:
        yield room
    finally:
        room.close()


def _rows(db: apsw.Connection, rest: str, *arguments: str) -> list[KeptPreset]:
    return [
        KeptPreset(
            preset=jsons.decode_as(payload, Preset),
            account_id=owner,
            version=version,
            created_ns=created_ns,
            creator=creator,
            since_ns=since_ns,
            is_active=bool(is_active),
        )
        for payload, owner, version, created_ns, creator, since_ns, is_active in db.execute(_KEPT + rest, arguments)
    ]


def _demand_room(db: apsw.Connection, account_id: str, slug: str) -> None:
    """Check that there may be one more. Raises `Faulted` (invalid_request)."""
    if db.execute(_OTHERS, (account_id, slug)).get >= MOST_PRESETS:
        raise invalid(f"This account keeps {MOST_PRESETS} presets, the most there can be. Remove one.", "slug")
    if db.execute(_OWN, (account_id, slug)).get >= MOST_VERSIONS:
        message = f"`{slug}` has {MOST_VERSIONS} versions, the most there can be. Remove it and make it anew."
        raise invalid(message, "slug")


def _put(db: apsw.Connection, account_id: str, preset: Preset, creator: str) -> KeptPreset:
    at_ns = now_ns()
    with transaction(db):
        demand_account(db, account_id)
        _demand_room(db, account_id, preset.slug)
        rows: list[tuple[Any, ...]] = db.execute(
            "INSERT INTO preset (account_id, slug, version, newest, created_ns, updated_ns, revision)"
            " VALUES (?1, ?2, 1, 1, ?3, ?3, ?4) ON CONFLICT DO UPDATE SET version = newest + 1, newest = newest + 1,"
            " created_ns = CASE WHEN deleted THEN ?3 ELSE created_ns END, updated_ns = ?3, deleted = FALSE,"
            " revision = ?4 RETURNING version, created_ns",
            (account_id, preset.slug, at_ns, next_revision(db)),
        ).fetchall()
        version, since_ns = rows[0]
        db.execute(
            "INSERT INTO preset_version (account_id, slug, version, created_ns, creator, payload)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (account_id, preset.slug, version, at_ns, creator, jsons.encode(preset)),
        )
    return KeptPreset(
        preset=preset,
        account_id=account_id,
        version=version,
        created_ns=at_ns,
        creator=creator,
        since_ns=since_ns,
    )
