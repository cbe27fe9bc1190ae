"""Who may sign in: the page on which admins add people, change what they may do, and remove them."""

import asyncio

import msgspec
from starlette.responses import RedirectResponse, Response

from wideband.accounts.passwords import SALT_BYTES, STRENGTH, Strength, check_password, hashed
from wideband.accounts.people import ROLES, Profile, Role, clean_name
from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.ids import random_bytes
from wideband.site.signin import Keepers
from wideband.site.visit import Page, Visit
from wideband.store.people import PersonChange

PEOPLE = "/people"


class PeoplePages:
    """The page, over the people of a home."""

    def __init__(self, keepers: Keepers, issuer: str = "", strength: Strength = STRENGTH) -> None:
        self._people, self._issuer, self._strength = keepers.people, issuer, strength
        self.pages = (Page(PEOPLE, self.people, "admin", methods=("GET", "POST")),)

    async def people(self, visit: Visit) -> Response:
        """Show everybody, or change somebody: `do` is add, change, end or remove."""
        if visit.request.method != "POST":
            return await self._shown(visit)
        try:
            await asyncio.to_thread(self._change, visit)
        except Faulted as error:
            return await self._shown(visit, error.fault)
        return RedirectResponse(PEOPLE, 303)

    async def _shown(self, visit: Visit, fault: Fault | None = None) -> Response:
        return await visit.page(
            "people.html",
            400 if fault is not None else 200,
            people=await asyncio.to_thread(self._people.all),
            sessions=await asyncio.to_thread(self._people.open_sessions),
            roles=ROLES,
            issuer=self._issuer,
            fault=fault,
            given=visit.form,
        )

    def _change(self, visit: Visit) -> None:
        what = visit.form.get("do", "")
        if what == "add":
            self._add(visit)
            return
        person = next((one for one in self._people.all() if one.id == visit.form.get("id")), None)
        if person is None:
            raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message="This person is not there any more."))
        if what == "end":
            self._people.end_all(person.id)
        elif what in ("change", "remove"):
            role = _role(visit) if what == "change" else None
            self._demand_admin_left(person, role)
            if role is None:
                self._people.remove(person.id)
            else:
                account_id = visit.form.get("account", "").strip()
                self._people.change(person.id, PersonChange(role=role, account_id=account_id or msgspec.UNSET))
        else:
            raise invalid("`do` must be add, change, end or remove.", "do")

    def _add(self, visit: Visit) -> None:
        form = visit.form
        password = check_password(form.get("password", ""))
        person = Profile(
            id="",
            name=clean_name(form.get("name", "")),
            role=_role(visit),
            account_id=form.get("account", "").strip() or "local",
            created_ns=0,
            password=hashed(password, random_bytes(SALT_BYTES), self._strength),
        )
        everybody = self._people.all()
        if not self._issuer and person.role != "admin" and not any(_rules(one) for one in everybody):
            raise invalid("The first person has to be an admin: from then on everybody signs in.", "role")
        self._people.add(person)

    def _demand_admin_left(self, person: Profile, role: Role | None) -> None:
        """See that somebody with a password can still do all. Raises `Faulted` (invalid_request)."""
        others = [one for one in self._people.all() if one.id != person.id]
        if _rules(person) and role != "admin" and not any(map(_rules, others)):
            message = (
                "This is the last admin with a password. `wideband admin remove` on the server's machine removes it."
            )
            raise invalid(message, "role")


def _rules(person: Profile) -> bool:
    return person.role == "admin" and person.password is not None


def _role(visit: Visit) -> Role:
    wanted = visit.form.get("role", "")
    for role in ROLES:
        if role == wanted:
            return role
    raise invalid("A role is viewer, member or admin.", "role")
