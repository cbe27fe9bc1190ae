"""A site with a real door, people of a home of its own, and a few pages that only say what they were called with."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
from starlette.responses import PlainTextResponse, Response

from wideband.accounts.passwords import Strength, hashed
from wideband.accounts.people import OidcTerms, Profile, Role, SiteTerms
from wideband.gateway.exchange import Exchange
from wideband.site.app import site
from wideband.site.gate import Door, Rules
from wideband.site.oidc import Provider
from wideband.site.origins import Origins
from wideband.site.peoplepages import PeoplePages
from wideband.site.sessions import Sessions
from wideband.site.signin import Keepers, SignIn
from wideband.site.visit import House, Page, Visit
from wideband.store.attempts import Attempts
from wideband.store.database import opened
from wideband.store.people import PeopleRoom

QUICK = Strength(4, 1, 1)
HERE = "http://127.0.0.1:8484"
PASSWORD = "correct horse battery"


class Made:
    """What `/make` has done."""

    def __init__(self) -> None:
        self.things: list[str] = []

    async def make(self, visit: Visit) -> Response:
        self.things.append(visit.form.get("thing", "?"))
        return PlainTextResponse("made")


async def show(visit: Visit) -> Response:
    person = visit.person
    return PlainTextResponse("nobody" if person is None else f"{person.name} {person.role} {person.account_id}")


class Built:
    """A site; `browser()` opens a browser without cookies."""

    def __init__(
        self,
        home: Path,
        terms: SiteTerms | None = None,
        *,
        on_loopback: bool = True,
        exchange: Any = None,
        more: tuple[Page, ...] = (),
    ) -> None:
        terms = terms or SiteTerms()
        with opened(home) as db:
            db.execute(
                "INSERT OR IGNORE INTO account (id, name, created_ns, prepaid) VALUES ('acme', 'Acme', 0, FALSE)"
            )
        self.home, self.people, self.made = home, PeopleRoom(home), Made()
        origins = Origins(terms.url, terms.trusted_proxies)
        self.keepers = Keepers(self.people, Attempts(home), Sessions(self.people, terms, origins), origins)
        self.house = House(cast(Exchange, exchange), {})
        pages = (
            Page("/", show),
            Page("/make", self.made.make, "member", methods=("GET", "POST")),
            Page("/rule", show, "admin"),
            Page("/status", show, public=True),
            *more,
        )
        self.door = self.gate(Rules(terms, on_loopback, "local"))
        self._pages = pages
        self.app = site(self.house, self.door, pages)

    def gate(self, rules: Rules) -> Door:
        people = PeoplePages(self.keepers, rules.issuer, QUICK)
        return Door(self.house, self.keepers, SignIn(self.keepers, strength=QUICK), rules, people.pages)

    def ask_provider(self, oidc: OidcTerms, terms: SiteTerms, secret: str) -> None:
        """Let a provider sign people in as well."""
        provider = Provider(oidc, secret, self.keepers)
        signing = SignIn(self.keepers, has_provider=True, strength=QUICK)
        rules = Rules(terms, True, "local", oidc.issuer)
        self.app = site(self.house, Door(self.house, self.keepers, signing, rules, provider.pages), self._pages)

    def add(self, name: str = "ada", role: Role = "admin", password: str = PASSWORD, account: str = "local") -> Profile:
        digest = hashed(password, b"0" * 16, QUICK)
        return self.people.add(Profile(id="", name=name, role=role, account_id=account, created_ns=0, password=digest))

    def browser(self, base: str = HERE, *, address: str = "127.0.0.1", **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, client=(address, 50_000))
        return httpx.AsyncClient(transport=transport, base_url=base, headers=headers)

    @asynccontextmanager
    async def signed_in(self, name: str = "ada", base: str = HERE) -> AsyncIterator[httpx.AsyncClient]:
        async with self.browser(base) as browser:
            answer = await sign_in(browser, name)
            assert answer.status_code == 303, answer.text
            yield browser

    def close(self) -> None:
        self.people.close()


def token_of(answer: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', answer.text)
    assert found is not None, answer.text
    return found[1]


async def sign_in(
    browser: httpx.AsyncClient, name: str = "ada", password: str = PASSWORD, **fields: Any
) -> httpx.Response:
    """Fill the form in as a reader does."""
    token = token_of(await browser.get("/sign-in"))
    data = {"name": name, "password": password, "csrf": token, **fields}
    return await browser.post("/sign-in", data=data)
