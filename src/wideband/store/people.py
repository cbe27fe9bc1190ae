"""People and their sessions: in the ledger's database, in memory as new as the newest change by any process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import apsw
import msgspec

from wideband.accounts.people import Profile, Role, clean_name
from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.clock import now_ns
from wideband.ids import random_bytes, row_id
from wideband.store.changes import Changes
from wideband.store.database import demand_account, next_revision, opened, transaction
from wideband.store.versions import Versions

_SECRET_BYTES = 32
_PROFILE = Profile.__struct_fields__
# The columns in the order of the fields.
_ALL = "SELECT id, name, role, account_id, created_ns, password, subject, signed_in_ns FROM person WHERE NOT deleted"
_CHANGED = (
    "SELECT revision, deleted, id, name, role, account_id, created_ns, password, subject, signed_in_ns FROM person"
    " WHERE revision > ?"
)
_CHANGED_SESSIONS = (
    "SELECT revision, deleted, hash, person_id, created_ns, seen_ns, ends_ns FROM session WHERE revision > ?"
)
_WRITE = (
    "INSERT INTO person (id, name, role, account_id, created_ns, password, subject, signed_in_ns, revision)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role,"
    " account_id = excluded.account_id, password = excluded.password, signed_in_ns = excluded.signed_in_ns,"
    " revision = excluded.revision"
)


class Session(msgspec.Struct, frozen=True):
    """A browser that is signed in. `hash` is the SHA-256 of what its cookie holds."""

    hash: str
    person_id: str
    created_ns: int
    seen_ns: int
    ends_ns: int


class PersonChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a person; UNSET leaves a field as it is. A new `password` (its digest) ends all sessions."""

    role: Role | msgspec.UnsetType = msgspec.UNSET
    account_id: str | msgspec.UnsetType = msgspec.UNSET
    password: str | msgspec.UnsetType = msgspec.UNSET


class PeopleRoom:
    """The people of a home, for one process."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._versions = Versions(home)
        self._changed_people = Changes(home, self._versions, _CHANGED)
        self._changed_sessions = Changes(home, self._versions, _CHANGED_SESSIONS)
        self._people: dict[str, Profile] = {}
        self._sessions: dict[str, Session] = {}
        self._secret: bytes | None = None

    def close(self) -> None:
        """Close the connections and the counter."""
        self._changed_people.close()
        self._changed_sessions.close()
        self._versions.close()

    # -- the request path ----------------------------------------------------------------------------------------

    @property
    def have_password(self) -> bool:
        """Whether anybody can sign in with a password, as of the newest change by any process."""
        self._reload()
        return any(person.password is not None for person in self._people.values())

    def session(self, session_hash: str) -> tuple[Profile, Session] | None:
        """Return a session that was not ended, and whose it is; the caller looks at its times."""
        self._reload()
        found = self._sessions.get(session_hash)
        person = None if found is None else self._people.get(found.person_id)
        return None if found is None or person is None else (person, found)

    def named(self, name: str) -> Profile | None:
        """Return a person by the name they sign in with."""
        self._reload()
        return next((person for person in self._people.values() if person.name == name), None)

    def secret(self) -> bytes:
        """Return what the tokens of forms are made with: the same for every process of the home, and for ever."""
        if self._secret is None:
            with opened(self._home) as db, transaction(db):
                db.execute(
                    "INSERT INTO site_secret VALUES ('forms', ?) ON CONFLICT DO NOTHING", (random_bytes(_SECRET_BYTES),)
                )
                self._secret = db.execute("SELECT value FROM site_secret WHERE name = 'forms'").get
        assert self._secret is not None
        return self._secret

    def _reload(self) -> None:
        if self._changed_people.are_any:
            for deleted, *fields in self._changed_people.take():
                person = _profile(fields)
                self._people.pop(person.id, None)
                if not deleted:
                    self._people[person.id] = person
        if self._changed_sessions.are_any:
            rows = self._changed_sessions.take()
            for deleted, *fields in rows:
                session = Session(*fields)
                self._sessions.pop(session.hash, None)
                if not deleted:
                    self._sessions[session.hash] = session
            if rows:
                now = now_ns()
                self._sessions = {name: one for name, one in self._sessions.items() if one.ends_ns > now}

    # -- looking things up and changing them: these wait for the disk, call them from a thread -------------------

    def all(self) -> list[Profile]:
        """Return everybody, by name."""
        with opened(self._home) as db:
            return sorted(map(_profile, db.execute(_ALL)), key=lambda person: person.name)

    def find(self, name: str) -> Profile | None:
        """Return a person by name."""
        with opened(self._home) as db:
            return _named(db, name)

    def add(self, person: Profile) -> Profile:
        """Add a person; their id and time are given here.

        Raises `Faulted`: invalid_request for a name that is taken, not_found without their account.
        """
        person = msgspec.structs.replace(person, id=row_id(), name=clean_name(person.name), created_ns=now_ns())
        with self._changing() as db:
            if _named(db, person.name) is not None:
                raise invalid(f"There is a `{person.name}` already.", "name")
            _write(db, person)
        return person

    def change(self, person_id: str, change: PersonChange) -> Profile | None:
        """Change a person; return what they are then, None when there is no such person. Raises `Faulted`."""
        wanted = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET}
        with self._changing() as db:
            person = _found(db, person_id)
            if person is None:
                return None
            person = msgspec.structs.replace(person, **wanted)
            _write(db, person)
            if "password" in wanted:
                _end(db, person_id)
                db.execute("DELETE FROM sign_in_failure WHERE subject = ?", (f"name:{person.name}",))
            return person

    def rehash(self, person_id: str, old: str, password: str) -> None:
        """Keep a stronger digest of the same password, unless it was changed meanwhile; sessions go on."""
        with self._changing() as db:
            person = _found(db, person_id)
            if person is not None and person.password == old:
                _write(db, msgspec.structs.replace(person, password=password))

    def meet(self, subject: str, name: str, role: Role, account_id: str) -> Profile:
        """Return the person a provider vouches for, with the role that follows from what it says of them now.

        Who is new gets the name, with a part of the subject if it is another's.
        """
        with self._changing() as db:
            row = db.execute(_ALL + " AND subject = ?", (subject,)).fetchone()
            if row is not None:
                person = msgspec.structs.replace(_profile(row), role=role, account_id=account_id)
            else:
                name = clean_name(name)
                if _named(db, name) is not None:
                    name = f"{name} ({row_id()[:8]})"
                person = Profile(
                    id=row_id(), name=name, role=role, account_id=account_id, created_ns=now_ns(), subject=subject
                )
            _write(db, person)
            return person

    def remove(self, person_id: str) -> bool:
        """Remove a person and end their sessions; return whether there was one."""
        with self._changing() as db:
            gone = db.execute(
                "UPDATE person SET deleted = TRUE, password = NULL, revision = ? WHERE id = ? AND NOT deleted"
                " RETURNING 1",
                (next_revision(db), person_id),
            ).fetchall()
            _end(db, person_id)
        return bool(gone)

    # -- sessions ------------------------------------------------------------------------------------------------

    def begin(self, known: Profile, session_hash: str, ends_ns: int) -> None:
        """Begin a session of a person, known as they were when they proved who they are.

        Raises `Faulted` (not_found) when they were removed or got another password meanwhile.
        """
        now = now_ns()
        with self._changing() as db:
            person = _found(db, known.id)
            if person is None or person.password != known.password:
                raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message="This person was changed meanwhile."))
            _write(db, msgspec.structs.replace(person, signed_in_ns=now))
            db.execute("DELETE FROM session WHERE ends_ns < ?", (now,))
            db.execute(
                "INSERT INTO session (hash, person_id, created_ns, seen_ns, ends_ns, revision)"
                " VALUES (?1, ?2, ?3, ?3, ?4, ?5)",
                (session_hash, known.id, now, ends_ns, next_revision(db)),
            )

    def see(self, session_hash: str) -> None:
        """Note that a session is used; one that has ended stays so."""
        with self._changing() as db:
            db.execute(
                "UPDATE session SET seen_ns = ?, revision = ? WHERE hash = ? AND NOT deleted",
                (now_ns(), next_revision(db), session_hash),
            )

    def end(self, session_hash: str) -> None:
        """End one session."""
        with self._changing() as db:
            db.execute(
                "UPDATE session SET deleted = TRUE, revision = ? WHERE hash = ? AND NOT deleted",
                (next_revision(db), session_hash),
            )

    def end_all(self, person_id: str | None = None) -> int:
        """End every session of a person, or of everybody; return how many there were."""
        with self._changing() as db:
            return _end(db, person_id)

    def open_sessions(self) -> dict[str, int]:
        """Return how many sessions each person has, by id."""
        with opened(self._home) as db:
            rows: list[Any] = db.execute(
                "SELECT person_id, count(*) FROM session WHERE NOT deleted AND ends_ns > ? GROUP BY 1", (now_ns(),)
            ).fetchall()
            return dict(rows)

    @contextmanager
    def _changing(self) -> Iterator[apsw.Connection]:
        with opened(self._home) as db, transaction(db):
            yield db
        self._versions.bump()


@contextmanager
def open_people(home: Path) -> Iterator[PeopleRoom]:
    """Open the people of a home beside whatever server runs there."""
    with opened(home):
        room = PeopleRoom(home)
    try:
        yield room
    finally:
        room.close()


def _profile(fields: Any) -> Profile:
    return Profile(**dict(zip(_PROFILE, fields, strict=True)))


def _named(db: apsw.Connection, name: str) -> Profile | None:
    row = db.execute(_ALL + " AND name = ?", (clean_name(name),)).fetchone()
    return None if row is None else _profile(row)


def _found(db: apsw.Connection, person_id: str) -> Profile | None:
    row = db.execute(_ALL + " AND id = ?", (person_id,)).fetchone()
    return None if row is None else _profile(row)


def _write(db: apsw.Connection, person: Profile) -> None:
    if person.role not in get_args(Role):
        raise invalid("A role is viewer, member or admin.", "role")
    demand_account(db, person.account_id)
    db.execute(_WRITE, (*(getattr(person, field) for field in _PROFILE), next_revision(db)))


def _end(db: apsw.Connection, person_id: str | None) -> int:
    ended = db.execute(
        "UPDATE session SET deleted = TRUE, revision = ? WHERE person_id = coalesce(?, person_id) AND NOT deleted"
        " RETURNING 1",
        (next_revision(db), person_id),
    ).fetchall()
    return len(ended)
