"""The page that says who may sign in: only for admins, and it never leaves nobody."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.unit.site.doors import HERE, PASSWORD, Built, sign_in, token_of


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Built]:
    built = Built(tmp_path)
    yield built
    built.close()


async def post(browser: httpx.AsyncClient, **fields: str) -> httpx.Response:
    token = token_of(await browser.get("/people"))
    return await browser.post("/people", data={"csrf": token, **fields})


async def test_the_first_person_is_an_admin_and_from_then_on_everybody_signs_in(built: Built) -> None:
    async with built.browser() as browser:
        new = {"do": "add", "name": "Ada", "password": PASSWORD, "account": "acme"}
        answer = await post(browser, **new, role="viewer")
        assert (answer.status_code, "has to be an admin" in answer.text) == (400, True)
        assert (await post(browser, **new, role="admin")).status_code == 303
        assert (await browser.get("/people")).headers["location"].startswith("/sign-in")
        assert (await sign_in(browser)).status_code == 303
        assert (await browser.get("/")).text == "ada admin acme"


@pytest.mark.parametrize("role", ["viewer", "member"])
async def test_only_admins_see_and_change_people(built: Built, role: str) -> None:
    built.add("root")
    eve = built.add("eve", "member" if role == "member" else "viewer")
    async with built.signed_in("eve") as browser:
        assert (await browser.get("/people")).status_code == 403
        token = token_of(await browser.get("/password"))
        fields = {"csrf": token, "do": "change", "id": eve.id, "role": "admin", "account": "local"}
        assert (await browser.post("/people", data=fields)).status_code == 403
        assert (await browser.get("/")).text == f"eve {role} local"


async def test_roles_and_accounts_change_at_once_and_sessions_end(built: Built) -> None:
    built.add("root")
    eve = built.add("eve", "viewer")
    async with built.signed_in("root") as root, built.signed_in("eve") as browser:
        await post(root, do="change", id=eve.id, role="member", account="acme")
        assert (await browser.get("/")).text == "eve member acme"
        await post(root, do="end", id=eve.id)
        assert (await browser.get("/")).status_code == 303
        await sign_in(browser, "eve")
        await post(root, do="remove", id=eve.id)
        assert (await browser.get("/")).status_code == 303
        assert (await sign_in(browser, "eve")).status_code == 401
        assert (await post(root, do="remove", id=eve.id)).status_code == 400


async def test_the_last_admin_stays(built: Built) -> None:
    """An admin of a provider may not come back, so only those with a password count."""
    ada = built.add()
    built.people.meet(f"{HERE}\n1", "carol", "admin", "local")
    async with built.signed_in() as browser:
        for fields in ({"do": "remove"}, {"do": "change", "role": "viewer", "account": "local"}):
            answer = await post(browser, id=ada.id, **fields)
            assert (answer.status_code, "last admin" in answer.text) == (400, True)
        await post(browser, do="add", name="bob", password=PASSWORD, role="admin", account="local")
        assert (await post(browser, do="remove", id=ada.id)).status_code == 303
        assert (await browser.get("/")).status_code == 303


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "ADA"}, "There is a `ada` already."),
        ({"name": ""}, "A name is one line"),
        ({"name": "a\nb"}, "A name is one line"),
        ({"password": "short"}, "12 to 1024 characters"),
        ({"password": "aaaaaaaaaaaaaaaa"}, "anybody would guess"),
        ({"role": "root"}, "A role is viewer, member or admin."),
        ({"account": "nobody"}, "There is no account `nobody`"),
    ],
)
async def test_what_a_person_cannot_be_is_said(built: Built, fields: dict[str, str], said: str) -> None:
    built.add()
    async with built.signed_in() as browser:
        new = {"do": "add", "name": "bob", "password": PASSWORD, "role": "viewer", "account": "local", **fields}
        answer = await post(browser, **new)
        assert (answer.status_code, said in answer.text) == (400, True)
        assert f'value="{new["password"]}"' not in answer.text
    assert len(built.people.all()) == 1


async def test_one_changes_ones_own_password_by_the_old_one(built: Built) -> None:
    built.add(role="viewer")
    async with built.signed_in() as browser, built.signed_in() as other:
        token = token_of(await browser.get("/password"))

        async def change(old: str, new: str, again: str) -> int:
            fields = {"csrf": token, "password": old, "new": new, "again": again}
            return (await browser.post("/password", data=fields)).status_code

        assert await change("wrong", "another password", "another password") == 400
        assert await change(PASSWORD, "another password", "a third password") == 400
        assert await change(PASSWORD, "short", "short") == 400
        assert (await other.get("/")).status_code == 200
        assert await change(PASSWORD, "another password", "another password") == 303
        assert (await browser.get("/")).status_code == 200
        assert (await other.get("/")).status_code == 303
        assert (await sign_in(other, password=PASSWORD)).status_code == 401
        assert (await sign_in(other, password="another password")).status_code == 303
