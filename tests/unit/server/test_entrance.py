"""What the settings make of the door: where the server listens decides, then who can sign in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from wideband.accounts.people import OidcTerms, Profile, SiteTerms
from wideband.config import Settings
from wideband.server.entrance import door
from wideband.site.app import site
from wideband.site.visit import House
from wideband.store.database import opened
from wideband.store.people import PeopleRoom


@pytest.fixture
def people(tmp_path: Path) -> Iterator[PeopleRoom]:
    with opened(tmp_path):
        room = PeopleRoom(tmp_path)
    yield room
    room.close()


async def asked(home: Path, people: PeopleRoom, path: str = "/people", **settings: Any) -> httpx.Response:
    house = House(cast(Any, None), {})
    app = site(house, door(Settings(home=home, **settings), house, people), ())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8484") as browser:
        return await browser.get(path)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
async def test_on_this_machine_the_site_is_open_until_somebody_has_a_password(
    tmp_path: Path, people: PeopleRoom, host: str
) -> None:
    assert (await asked(tmp_path, people, host=host)).status_code == 200
    people.add(Profile(id="", name="a", role="admin", account_id="local", created_ns=0, password="scrypt$1"))
    assert (await asked(tmp_path, people, host=host)).status_code == 303


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "wideband.example", "127.0.0.1.example"])
async def test_elsewhere_it_is_closed_until_then(tmp_path: Path, people: PeopleRoom, host: str) -> None:
    assert (await asked(tmp_path, people, host=host)).status_code == 403
    people.add(Profile(id="", name="a", role="admin", account_id="local", created_ns=0, password="scrypt$1"))
    assert (await asked(tmp_path, people, host=host)).status_code == 303


async def test_a_provider_alone_asks_for_a_sign_in_too(tmp_path: Path, people: PeopleRoom) -> None:
    oidc = OidcTerms(issuer="https://id.example", client_id="w", default_role="viewer")
    terms = SiteTerms(url="https://w.example")
    assert (await asked(tmp_path, people, oidc=oidc, site=terms)).status_code == 303
    form = (await asked(tmp_path, people, "/sign-in", oidc=oidc, site=terms)).text
    assert ("/sign-in/provider?next=/" in form, 'type="password"' in form) == (True, False)


async def test_without_a_provider_there_is_no_way_back_from_one(tmp_path: Path, people: PeopleRoom) -> None:
    for path in ("/sign-in/provider", "/sign-in/provider/back"):
        assert (await asked(tmp_path, people, path)).status_code == 404
