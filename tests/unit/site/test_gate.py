"""Who may see the site, as attacks that have to fail and visits that have to work."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.site.doors import Built, sign_in, token_of

from wideband.accounts.people import Role, SiteTerms
from wideband.site.app import HEADERS
from wideband.site.gate import HSTS

Build = Callable[..., Built]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    made: list[Built] = []

    def one(terms: SiteTerms | None = None, *, on_loopback: bool = True) -> Built:
        made.append(Built(tmp_path, terms, on_loopback=on_loopback))
        return made[-1]

    yield one
    for built in made:
        built.close()


# -- nothing is set, and only this machine reaches the server ----------------------------------------------------------


async def test_whoever_is_on_this_machine_is_its_administrator_until_a_password_is_set(build: Build) -> None:
    built = build()
    async with built.browser() as browser:
        assert (await browser.get("/")).text == "local admin local"
        assert (await browser.get("/rule")).status_code == 200
        built.add()
        assert (await browser.get("/")).headers["location"] == "/sign-in"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:8484", "[::1]:8484", "127.8.9.1:1"])
async def test_this_machine_has_several_names(build: Build, host: str) -> None:
    async with build().browser(host=host) as browser:
        assert (await browser.get("/")).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8484", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.7", "", "["],
)
async def test_a_name_that_was_pointed_here_opens_nothing(build: Build, host: str) -> None:
    """DNS rebinding: the browser runs a stranger's page that takes this server for its own."""
    async with build().browser(host=host) as browser:
        for path in ("/", "/make", "/rule", "/status", "/nowhere", "/sign-in"):
            answer = await browser.get(path)
            assert answer.status_code == 403, path
            assert "local admin" not in answer.text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Forwarded-Host", "X-Real-IP", "Via"])
async def test_a_proxy_on_this_machine_does_not_let_the_world_in(build: Build, header: str) -> None:
    async with build().browser(**{header: "203.0.113.9"}) as browser:
        answer = await browser.get("/")
    assert answer.status_code == 403
    assert "wideband admin password" in answer.text


# -- forms: other sites' pages post to this machine --------------------------------------------------------------------


async def test_a_form_of_ours_is_taken(build: Build) -> None:
    built = build()
    async with built.browser(**{"sec-fetch-site": "same-origin"}) as browser:
        token = built.keepers.sessions.token("local") if (await browser.get("/")).text else ""
        answer = await browser.post("/make", data={"thing": "a key", "csrf": token})
    assert (answer.text, built.made.things) == ("made", ["a key"])


async def test_a_script_of_ours_brings_the_token_in_a_header(build: Build) -> None:
    built = build()
    async with built.browser() as browser:
        await browser.get("/")
        token = built.keepers.sessions.token("local")
        assert (await browser.post("/make", json={}, headers={"X-CSRF": token})).text == "made"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://127.0.0.1:8484.evil.example"},
    ],
)
async def test_another_sites_page_can_post_nothing_even_with_the_right_token(
    build: Build, headers: dict[str, str]
) -> None:
    built = build()
    async with built.browser() as browser:
        await browser.get("/")
        data = {"thing": "a key", "csrf": built.keepers.sessions.token("local")}
        answer = await browser.post("/make", data=data, headers=headers)
    assert (answer.status_code, built.made.things) == (403, [])


@pytest.mark.parametrize("csrf", [None, "", "0" * 64, "ü"])
async def test_without_the_visitors_token_nothing_is_done(build: Build, csrf: str | None) -> None:
    built = build()
    data = {"thing": "a key"} | ({} if csrf is None else {"csrf": csrf})
    async with built.browser() as browser:
        answer = await browser.post("/make", data=data)
        as_text = await browser.post("/make", content='{"thing": "a key"}', headers={"content-type": "text/plain"})
        in_query = await browser.post(f"/make?csrf={built.keepers.sessions.token('local')}", data=data)
    assert [one.status_code for one in (answer, as_text, in_query)] == [403, 403, 403]
    assert built.made.things == []


async def test_a_token_of_another_session_is_none(build: Build) -> None:
    built = build()
    built.add()
    built.add("eve", "member")
    async with built.signed_in("eve") as eve, built.signed_in() as ada:
        of_eve = token_of(await eve.get("/password"))
        assert of_eve != token_of(await ada.get("/password"))
        answer = await ada.post("/make", data={"thing": "a key", "csrf": of_eve})
    assert (answer.status_code, built.made.things) == (403, [])


async def test_a_form_can_only_be_so_large(build: Build) -> None:
    built = build()
    async with built.browser() as browser:
        large = await browser.post("/make", data={"thing": "x" * 1_100_000})
        many = await browser.post("/make", data={f"f{number}": "1" for number in range(1100)})
    assert (large.status_code, many.status_code, built.made.things) == (413, 400, [])


# -- nothing is set, and other machines reach the server ---------------------------------------------------------------


async def test_a_server_that_others_reach_shows_nothing_before_somebody_can_sign_in(build: Build) -> None:
    built = build(on_loopback=False)
    # The name and the address that a request claims count for nothing here.
    async with built.browser("http://127.0.0.1:8484") as browser:
        for path in ("/", "/rule", "/status", "/sign-in", "/nowhere"):
            answer = await browser.get(path)
            assert answer.status_code == 403, path
            assert "wideband admin password" in answer.text
        answer = await browser.post("/make", data={"csrf": "x"}, headers={"sec-fetch-site": "same-origin"})
        assert (answer.status_code, built.made.things) == (403, [])
        built.add()
        assert (await browser.get("/")).status_code == 303


async def test_only_the_status_page_can_be_for_everybody(build: Build) -> None:
    built = build(SiteTerms(public_status=True), on_loopback=False)
    async with built.browser("http://wideband.example") as browser:
        assert (await browser.get("/status")).text == "nobody"
        assert (await browser.get("/")).status_code == 403
        built.add()
        assert (await browser.get("/status")).text == "nobody"
        assert (await browser.get("/")).status_code == 303


async def test_the_status_page_is_for_people_unless_it_is_said_otherwise(build: Build) -> None:
    built = build()
    built.add()
    async with built.browser() as browser:
        assert (await browser.get("/status")).status_code == 303


# -- roles -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "statuses"), [("viewer", (200, 403, 403)), ("member", (200, 200, 403)), ("admin", (200, 200, 200))]
)
async def test_each_role_may_do_what_those_below_it_may(build: Build, role: Role, statuses: tuple[int, ...]) -> None:
    built = build()
    built.add("ada", role)
    async with built.signed_in() as browser:
        assert tuple([(await browser.get(path)).status_code for path in ("/", "/make", "/rule")]) == statuses


async def test_a_viewer_cannot_post_what_members_may(build: Build) -> None:
    built = build()
    built.add(role="viewer")
    async with built.signed_in() as browser:
        token = token_of(await browser.get("/password"))
        answer = await browser.post("/make", data={"thing": "a key", "csrf": token})
    assert (answer.status_code, built.made.things) == (403, [])


async def test_who_is_not_signed_in_comes_back_to_the_page_they_wanted(build: Build) -> None:
    built = build()
    built.add()
    async with built.browser() as browser:
        answer = await browser.get("/make?a=1&b=%2F")
        assert answer.headers["location"] == "/sign-in?next=%2Fmake%3Fa%3D1%26b%3D%252F"
        answer = await sign_in(browser, next="/make?a=1&b=%2F")
        assert answer.headers["location"] == "/make?a=1&b=%2F"


@pytest.mark.parametrize("headers", [{"accept": "text/event-stream"}, {"sec-fetch-dest": "empty"}, {"x-csrf": "1"}])
async def test_scripts_are_told_to_sign_in_and_led_nowhere(build: Build, headers: dict[str, str]) -> None:
    built = build()
    built.add()
    async with built.browser() as browser:
        assert (await browser.get("/", headers=headers)).status_code == 401


# -- headers -----------------------------------------------------------------------------------------------------------


async def test_every_answer_of_a_page_is_safe_to_show_and_kept_nowhere(build: Build) -> None:
    built = build()
    built.add()
    async with built.browser() as nobody, built.signed_in() as ada:
        answers = [await nobody.get(path) for path in ("/", "/sign-in", "/nowhere")]
        answers += [await ada.get(path) for path in ("/", "/nowhere")]
        answers += [await ada.post("/make"), await ada.delete("/make"), await nobody.post("/sign-in")]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert "strict-transport-security" not in answer.headers
    assert HEADERS["Cache-Control"] == "no-store"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


async def test_browsers_are_held_to_https_where_they_came_by_it(build: Build) -> None:
    built = build(SiteTerms(trusted_proxies=("127.0.0.0/8",)))
    built.add()
    async with built.browser(**{"x-forwarded-proto": "https"}) as browser:
        assert (await browser.get("/sign-in")).headers["strict-transport-security"] == HSTS
    async with built.browser(address="203.0.113.9", **{"x-forwarded-proto": "https"}) as browser:
        assert "strict-transport-security" not in (await browser.get("/sign-in")).headers
