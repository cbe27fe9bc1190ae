"""Signing in and staying so, as attacks that have to fail and visits that have to work."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.unit.site.doors import PASSWORD, QUICK, Built, sign_in, token_of

from wideband.accounts.passwords import Strength, hashed, is_weak, matches
from wideband.accounts.people import SiteTerms
from wideband.site import sessions as sessions_module, signin as signin_module
from wideband.site.gate import Rules
from wideband.site.signin import local_path
from wideband.store import attempts as attempts_module, people as people_module
from wideband.store.attempts import ADDRESS, NAME
from wideband.store.database import opened
from wideband.store.people import PersonChange

Build = Callable[..., Built]
DAY_NS = 86_400_000_000_000


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now_ns = 1_800_000_000_000_000_000

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (sessions_module, attempts_module, people_module):
        monkeypatch.setattr(module, "now_ns", made)
    return made


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    made: list[Built] = []

    def one(terms: SiteTerms | None = None) -> Built:
        made.append(Built(tmp_path, terms))
        return made[-1]

    yield one
    for built in made:
        built.close()


@pytest.fixture
def built(build: Build) -> Built:
    built = build()
    built.add()
    return built


async def who(browser: httpx.AsyncClient) -> str:
    answer = await browser.get("/")
    return answer.text if answer.status_code == 200 else "nobody"


# -- passwords ---------------------------------------------------------------------------------------------------------


async def test_a_name_and_its_password_sign_in_whatever_the_case_of_the_name(built: Built) -> None:
    async with built.browser() as browser:
        answer = await sign_in(browser, " ADA ")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert await who(browser) == "ada admin local"


@pytest.mark.parametrize(
    ("name", "password"), [("ada", "wrong"), ("bob", PASSWORD), ("", ""), ("ada", ""), ("\0", "x")]
)
async def test_anything_else_does_not_and_is_told_the_same(built: Built, name: str, password: str) -> None:
    async with built.browser() as browser:
        answer = await sign_in(browser, name, password)
        assert answer.status_code == 401
        assert "There is nobody with this name and password." in answer.text
        assert await who(browser) == "nobody"


async def test_a_name_that_nobody_has_costs_as_much_as_one_that_somebody_has(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def look(_password: str, kept: str) -> bool:
        checked.append("$".join(kept.split("$")[:4]))
        return True  # even then nobody is signed in

    monkeypatch.setattr(signin_module, "matches", look)
    built.people.meet("https://id.example\n7", "carol", "admin", "local")
    async with built.browser() as browser:
        for name in ("bob", "carol"):
            assert (await sign_in(browser, name)).status_code == 401
        assert (await sign_in(browser, "ada")).status_code == 303
    assert checked == [f"scrypt${QUICK.log2_n}${QUICK.r}${QUICK.p}"] * 3


async def test_what_is_kept_of_a_password_is_made_stronger_when_it_comes_by(build: Build) -> None:
    built = build()
    ada = built.add()
    built.people.change(ada.id, PersonChange(password=hashed(PASSWORD, b"1" * 16, Strength(3, 1, 1))))
    async with built.signed_in() as browser:
        kept = built.people.all()[0].password
        assert kept is not None
        assert not is_weak(kept, QUICK)
        assert await who(browser) == "ada admin local"
    async with built.signed_in():
        assert built.people.all()[0].password == kept


def test_nothing_in_the_home_is_a_password_or_a_cookie(built: Built) -> None:
    async def cookie() -> str:
        async with built.signed_in() as browser:
            return browser.cookies["wb_session"]

    secrets = [PASSWORD, asyncio.run(cookie())]
    for path in built.home.iterdir():
        if path.is_file():
            assert not any(secret.encode() in path.read_bytes() for secret in secrets), path


# -- sign-in forms of others -------------------------------------------------------------------------------------------


async def test_another_site_cannot_sign_a_browser_in(built: Built) -> None:
    """Login CSRF: the reader would work in the attacker's account without knowing."""
    async with built.browser() as attacker, built.browser() as reader:
        token = token_of(await attacker.get("/sign-in"))
        data = {"name": "ada", "password": PASSWORD, "csrf": token}
        for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {}):
            assert (await reader.post("/sign-in", data=data, headers=headers)).status_code == 403
        # A browser that was never shown the form has no token, and nothing is none.
        assert (await reader.post("/sign-in", data=data | {"csrf": ""})).status_code == 403
        await reader.get("/sign-in")
        assert (await reader.post("/sign-in", data=data)).status_code == 403
        assert await who(reader) == "nobody"


@pytest.mark.parametrize(
    "going",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "///evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        " //evil.example",
        "/sign-out",
        "/x\r\nSet-Cookie: a=b",
        "http:/evil.example",
    ],
)
async def test_nobody_is_led_to_another_site(built: Built, going: str) -> None:
    """Open redirects: a link to this site's own form that ends elsewhere."""
    async with built.browser() as browser:
        assert (await sign_in(browser, next=going)).headers["location"] == "/"
        # Who is signed in already is led on at once.
        assert (await browser.get("/sign-in", params={"next": going})).headers["location"] == "/"


def test_paths_of_this_site_are_kept() -> None:
    for path in ("/", "/models/a/b:free?x=1#y", "/log?from=2026-01-01&to=2026-02-01"):
        assert local_path(path) == path


# -- sessions ----------------------------------------------------------------------------------------------------------


async def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(built: Built) -> None:
    async with built.browser() as browser:
        answer = await sign_in(browser)
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("wb_session="))
    value, *attributes = cookie.split("; ")
    assert len(value.partition("=")[2]) == 64
    assert {each.lower() for each in attributes} == {"httponly", "samesite=lax", "path=/", f"max-age={30 * 86_400}"}


@pytest.mark.parametrize(
    ("terms", "headers"),
    [
        (SiteTerms(url="https://wideband.example"), {}),
        (SiteTerms(trusted_proxies=("127.0.0.1",)), {"x-forwarded-proto": "https"}),
    ],
)
async def test_by_https_no_neighbour_can_plant_or_see_the_cookie(
    build: Build, terms: SiteTerms, headers: dict[str, str]
) -> None:
    built = build(terms)
    built.add()
    async with built.browser("https://wideband.example", **headers) as browser:
        answer = await sign_in(browser)
        cookie = next(value for value in answer.headers.get_list("set-cookie") if "wb_session=" in value)
        assert cookie.startswith("__Host-wb_session=")
        assert "; Secure" in cookie
        assert await who(browser) == "ada admin local"
        # The name that a neighbour could plant counts for nothing.
        token = browser.cookies["__Host-wb_session"]
    async with built.browser("https://wideband.example", cookie=f"wb_session={token}", **headers) as planted:
        assert await who(planted) == "nobody"


async def test_only_a_trusted_proxy_can_say_https(build: Build) -> None:
    built = build(SiteTerms(trusted_proxies=("10.0.0.0/8",)))
    built.add()
    async with built.browser(**{"x-forwarded-proto": "https"}) as browser:
        answer = await sign_in(browser)
    assert "Secure" not in "".join(answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize("cookie", ["0" * 64, "", "x", "../../etc/passwd", "0" * 100_000, "é" * 64])
async def test_a_made_up_cookie_is_nobodys(built: Built, cookie: str) -> None:
    async with built.browser() as browser:
        answer = await browser.get("/", headers={b"cookie": f"wb_session={cookie}".encode()})
    assert answer.status_code == 303


async def test_a_cookie_from_before_signing_in_is_none_after(built: Built) -> None:
    """Session fixation: the attacker knows the cookie that the reader had."""
    planted = "a" * 64
    async with built.browser() as reader, built.browser() as attacker:
        for name in ("wb_session", "wb_visitor"):
            reader.cookies.set(name, planted, domain="127.0.0.1")
        assert (await sign_in(reader)).status_code == 303
        assert planted != reader.cookies["wb_session"]
        attacker.cookies.set("wb_session", planted)
        assert await who(attacker) == "nobody"


async def test_a_new_password_gives_the_browser_a_new_session_and_ends_the_old_one(built: Built) -> None:
    async with built.signed_in() as browser:
        old = browser.cookies["wb_session"]
        built.people.change(built.people.all()[0].id, PersonChange(role="member"))
        token = token_of(await browser.get("/password"))
        data = {"csrf": token, "password": PASSWORD, "new": "another password", "again": "another password"}
        assert (await browser.post("/password", data=data)).status_code == 303
        assert await who(browser) == "ada member local"
    async with built.browser(cookie=f"wb_session={old}") as stale:
        assert await who(stale) == "nobody"


async def test_signing_out_ends_the_session_itself_not_only_its_cookie(built: Built) -> None:
    async with built.signed_in() as browser:
        copied = browser.cookies["wb_session"]
        token = token_of(await browser.get("/password"))
        assert (await browser.get("/sign-out")).status_code == 404  # no link can sign anybody out
        assert (await browser.post("/sign-out")).status_code == 403
        assert await who(browser) == "ada admin local"
        answer = await browser.post("/sign-out", data={"csrf": token})
        assert answer.headers["location"] == "/sign-in"
        assert "wb_session" not in browser.cookies
    async with built.browser(cookie=f"wb_session={copied}") as thief:
        assert await who(thief) == "nobody"


async def test_sessions_end_when_they_lie_idle_and_after_a_month_in_any_case(built: Built, clock: Clock) -> None:
    async with built.signed_in() as browser:
        for _ in range(6):
            clock.now_ns += 5 * DAY_NS - 1
            if _ < 5:
                assert await who(browser) == "ada admin local"
        assert await who(browser) == "ada admin local"
        clock.now_ns += 6
        assert await who(browser) == "nobody"
    async with built.signed_in() as browser:
        clock.now_ns += 7 * DAY_NS
        assert await who(browser) == "nobody"


async def test_looking_costs_no_writing_but_once_an_hour(built: Built, clock: Clock) -> None:
    async with built.signed_in() as browser:
        with opened(built.home) as db:

            def revision() -> int:
                found: int = db.execute("SELECT value FROM meta WHERE name = 'revision'").get
                return found

            before = revision()
            for _ in range(5):
                clock.now_ns += DAY_NS // 24 // 5
                await who(browser)
            assert revision() == before
            clock.now_ns += 1
            await who(browser)
            await who(browser)
            assert revision() == before + 1


@pytest.mark.parametrize("change", ["password", "remove", "end"])
async def test_what_is_changed_elsewhere_counts_at_the_next_request_in_every_process(
    build: Build, built: Built, change: str
) -> None:
    other = build()  # another worker of the same home
    ada = built.people.all()[0]
    async with built.signed_in() as browser:
        cookie = browser.cookies["wb_session"]
        async with other.browser(cookie=f"wb_session={cookie}") as elsewhere:
            assert await who(elsewhere) == "ada admin local"
            other.people.change(ada.id, PersonChange(role="viewer"))
            assert await who(browser) == "ada viewer local"
            if change == "password":
                other.people.change(ada.id, PersonChange(password=hashed("something else", b"2" * 16, QUICK)))
            elif change == "end":
                assert other.people.end_all() == 1
            else:
                other.add("bob")
                other.people.remove(ada.id)
                other.add("ada")  # one who comes later under the name has other sessions
            assert await who(browser) == "nobody"
            assert await who(elsewhere) == "nobody"


async def test_a_password_changed_while_the_old_one_is_checked_gives_no_session(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = built.people.all()[0]

    def slow(password: str, kept: str) -> bool:
        right = matches(password, kept)
        built.people.change(ada.id, PersonChange(password=hashed("something else", b"2" * 16, QUICK)))
        return right

    monkeypatch.setattr(signin_module, "matches", slow)
    async with built.browser() as browser:
        assert (await sign_in(browser)).status_code == 404
        assert await who(browser) == "nobody"
    assert built.people.open_sessions() == {}


async def test_whom_a_provider_vouched_for_is_nobody_once_it_is_not_asked_any_more(built: Built) -> None:
    carol = built.people.meet("https://id.example\n7", "carol@example.com", "admin", "local")
    built.people.begin(carol, people_hash("c" * 64), 2**62)
    async with built.browser(cookie=f"wb_session={'c' * 64}") as browser:
        assert await who(browser) == "nobody"
        for issuer, said in (("https://id.example", "carol@example.com admin local"), ("https://id", "nobody")):
            built.door._rules = Rules(SiteTerms(), True, "local", issuer)
            assert await who(browser) == said


def people_hash(token: str) -> str:
    return sessions_module._hash(token)


# -- guessing ----------------------------------------------------------------------------------------------------------


async def test_guessing_at_a_name_takes_longer_and_longer(built: Built, clock: Clock) -> None:
    async with built.browser() as browser:
        for _ in range(NAME.free + 1):
            assert (await sign_in(browser, password="wrong")).status_code == 401
        answer = await sign_in(browser)  # the right one does not get in either
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "5"
        assert "Try again in 5 seconds." in answer.text
        clock.now_ns += 5_000_000_000
        assert (await sign_in(browser, password="wrong")).status_code == 401
        assert (await sign_in(browser)).headers["retry-after"] == "10"
        clock.now_ns += 10_000_000_000
        assert (await sign_in(browser)).status_code == 303


async def test_waits_hold_in_every_process_from_every_address_and_after_a_restart(build: Build, built: Built) -> None:
    for number in range(NAME.free + 1):
        async with built.browser(address=f"203.0.113.{number}") as browser:
            assert (await sign_in(browser, password="wrong")).status_code == 401
    async with build().browser(address="198.51.100.1") as browser:
        assert (await sign_in(browser)).status_code == 429


async def test_many_guesses_at_once_are_no_better_than_one_after_the_other(built: Built) -> None:
    async with built.browser() as browser:
        token = token_of(await browser.get("/sign-in"))
        data = {"name": "ada", "password": "wrong", "csrf": token}
        answers = await asyncio.gather(*(browser.post("/sign-in", data=data) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [401] * (NAME.free + 1) + [429] * (11 - NAME.free)


async def test_an_address_that_tries_many_names_has_to_wait_too(built: Built) -> None:
    async with built.browser(address="2001:db8:1:2::5") as browser:
        for number in range(ADDRESS.free + 1):
            assert (await sign_in(browser, f"name{number}")).status_code == 401
        assert (await sign_in(browser, "ada")).status_code == 429
    # A household has a whole network of addresses.
    async with built.browser(address="2001:db8:1:2:ffff::9") as browser:
        assert (await sign_in(browser, "ada")).status_code == 429
    async with built.browser(address="2001:db8:1:3::5") as browser:
        assert (await sign_in(browser, "ada")).status_code == 303


async def test_a_password_of_ones_own_buys_no_tries_at_others(built: Built) -> None:
    built.add("eve", "viewer")
    async with built.browser() as browser:
        for number in range(ADDRESS.free + 1):
            assert (await sign_in(browser, f"name{number}")).status_code == 401
            browser.cookies.clear()
            if number < ADDRESS.free:
                assert (await sign_in(browser, "eve")).status_code == 303
                browser.cookies.clear()
        assert (await sign_in(browser, "ada")).status_code == 429


async def test_a_header_does_not_make_another_address(built: Built) -> None:
    for number in range(ADDRESS.free + 1):
        async with built.browser(**{"x-forwarded-for": f"203.0.113.{number}"}) as browser:
            assert (await sign_in(browser, f"name{number}")).status_code == 401
    async with built.browser(**{"x-forwarded-for": "198.51.100.1"}) as browser:
        assert (await sign_in(browser)).status_code == 429


async def test_behind_a_trusted_proxy_each_reader_has_an_address(build: Build) -> None:
    built = build(SiteTerms(trusted_proxies=("127.0.0.1", "10.0.0.0/8")))
    built.add()
    for number in range(ADDRESS.free + 1):
        # What the reader claims itself stands first and is not believed.
        claimed = f"1.2.3.{number}, 203.0.113.9, 10.1.1.1"
        async with built.browser(**{"x-forwarded-for": claimed}) as browser:
            assert (await sign_in(browser, f"name{number}")).status_code == 401
    async with built.browser(**{"x-forwarded-for": "203.0.113.9, 10.1.1.2"}) as browser:
        assert (await sign_in(browser)).status_code == 429
    async with built.browser(**{"x-forwarded-for": "203.0.113.10"}) as browser:
        assert (await sign_in(browser)).status_code == 303


async def test_setting_a_password_on_the_machine_ends_the_waits_of_its_name(built: Built) -> None:
    async with built.browser() as browser:
        for _ in range(NAME.free + 1):
            await sign_in(browser, password="wrong")
        built.people.change(built.people.all()[0].id, PersonChange(password=hashed("a new password", b"3" * 16, QUICK)))
        assert (await sign_in(browser, password="a new password")).status_code == 303


async def test_checking_passwords_is_bounded_however_many_ask(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, lock = [0], threading.Lock()

    def slow(_password: str, _kept: str) -> bool:
        with lock:
            at_once.append(at_once[-1] + 1)
        time.sleep(0.02)
        with lock:
            at_once.append(at_once[-1] - 1)
        return False

    monkeypatch.setattr(signin_module, "matches", slow)
    monkeypatch.setattr(signin_module, "CHECKS_WAITING", 4)
    answers = await asyncio.gather(*(one_try(built, number) for number in range(16)))
    assert max(at_once) == signin_module.CHECKS_AT_ONCE
    assert set(answers) == {401, 429}


async def one_try(built: Built, number: int) -> int:
    async with built.browser(address=f"203.0.113.{number}") as browser:
        return (await sign_in(browser, f"name{number}", "wrong")).status_code
