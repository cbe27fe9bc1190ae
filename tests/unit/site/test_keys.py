"""Keys on the site: whose one sees, what they spent, and what may be done to them by whom."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest
from tests.unit.analytics import filled
from tests.unit.site.doors import HERE, Built, token_of

from wideband.accounts.keys import hash_secret
from wideband.accounts.rows import Key, Settlement
from wideband.clock import now_ns
from wideband.metering.record import Generation
from wideband.site.figures import tokens, usd, whole
from wideband.site.views.keys import PAGES, _short
from wideband.store.hub import Hub
from wideband.store.ledger import LocalLedger
from wideband.wire import jsons

MINUTE_NS, DAY_NS = 60_000_000_000, 86_400_000_000_000
# The first and the last are of the account "local", the other one of "acme".
ACCOUNTS = dict(zip(filled.KEYS, ("local", "acme", "local"), strict=True))
NAMES = dict(zip(filled.KEYS, ("laptop", "acme's", "robot"), strict=True))


def records() -> list[Generation]:
    """Return the records of the archive's tests as if they had come up to now, each under its key's account.

    Each came a tenth of a second before a minute was over, which is a time of that minute.
    """
    shift = now_ns() - filled.NOW_S * 1_000_000_000
    return [
        msgspec.structs.replace(
            record,
            created_ns=(record.created_ns + shift) // MINUTE_NS * MINUTE_NS - 100_000_000,
            account_id=ACCOUNTS[record.key_hash],
            id=f"gen-{number}",
        )
        for number, record in enumerate(filled.records(120))
    ]


class Desk:
    """A site over a real ledger: `records` is all that was asked, `sum` what a few of them cost."""

    def __init__(self, built: Built, ledger: LocalLedger, known: list[Generation]) -> None:
        self.built, self.ledger, self.records = built, ledger, known

    def sum(self, key: str, since_ns: int = 0) -> int:
        return sum(one.cost_nano for one in self.records if one.key_hash == key and one.created_ns >= since_ns)

    async def post(self, browser: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
        token = token_of(await browser.get("/keys"))
        return await browser.post(path, data={"csrf": token, **fields})

    async def found(self, name: str) -> Key | None:
        return next((key for key in await self.ledger.keys() if key.name == name), None)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    filled.begun(tmp_path)
    ledger = LocalLedger(tmp_path)
    catalogue = SimpleNamespace(models={"anthropic/claude-sonnet-4.5": None})
    built = Built(tmp_path, exchange=SimpleNamespace(ledger=ledger, catalogue=catalogue), more=PAGES)
    for key, account_id in ACCOUNTS.items():
        limit = 10_000_000_000 if key == filled.KEYS[0] else None
        await ledger.create_key(
            Key(hash=key, account_id=account_id, name=NAMES[key], label=f"sk-{key[:3]}", created_ns=5, limit_nano=limit)
        )
    known = records()
    await asyncio.gather(
        *(
            ledger.settle(
                Settlement(
                    id=one.id,
                    account_id=one.account_id,
                    key_hash=one.key_hash,
                    charge_nano=one.cost_nano,
                    at_ns=one.created_ns,
                    record=jsons.encode(one),
                )
            )
            for one in known
        )
    )
    Hub(ledger).ship()
    built.add("root", "admin")
    built.add("ada", "member")
    built.add("bob", "member", account="acme")
    built.add("eve", "viewer")
    yield Desk(built, ledger, known)
    built.close()
    await ledger.close()


def cells(text: str, name: str) -> list[str]:
    """Return the row of a table that a name begins, as a reader sees it."""
    for row in re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL):
        seen = [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.split(r"</t[hd]>", row)]
        if seen[0].startswith(name):
            return seen
    raise AssertionError(f"{name} is in no table of: {text}")


# -- whose keys --------------------------------------------------------------------------------------------------------


async def test_members_see_the_keys_of_their_account_and_admins_all(desk: Desk) -> None:
    seen = {}
    for name in ("root", "ada", "bob"):
        async with desk.built.signed_in(name) as browser:
            text = (await browser.get("/keys")).text
            seen[name] = {NAMES[key] for key in filled.KEYS if f'href="/keys/{key}"' in text}
    assert seen == {"root": {"laptop", "acme's", "robot"}, "ada": {"laptop", "robot"}, "bob": {"acme's"}}


async def test_viewers_see_none(desk: Desk) -> None:
    async with desk.built.signed_in("eve") as browser:
        for path in ("/keys", f"/keys/{filled.KEYS[0]}", f"/keys/{filled.KEYS[0]}/delete"):
            assert (await browser.get(path)).status_code == 403


async def test_a_key_of_another_account_is_as_if_it_were_not_there(desk: Desk) -> None:
    other, none = f"/keys/{filled.KEYS[1]}", f"/keys/{'f' * 64}"
    async with desk.built.signed_in("ada") as browser:
        for path in (other, none):
            answers = [await browser.get(path), await browser.get(path + "/delete")]
            answers += [await desk.post(browser, path, do=do, name="mine") for do in ("change", "disable", "enable")]
            answers += [await desk.post(browser, path + "/delete")]
            assert [(one.status_code, "There is no such key." in one.text) for one in answers] == [(404, True)] * 6
    key = await desk.found("acme's")
    assert key is not None
    assert not key.disabled


# -- what they spent ---------------------------------------------------------------------------------------------------


async def test_the_list_says_what_each_key_spent_and_when(desk: Desk) -> None:
    now = datetime.fromtimestamp(now_ns() // 1_000_000_000, UTC)
    today = now.replace(hour=0, minute=0, second=0)
    async with desk.built.signed_in("root") as browser:
        text = (await browser.get("/keys")).text
    for key in filled.KEYS:
        row = cells(text, NAMES[key].replace("'", "&#39;"))
        spans = (today, today.replace(day=1), datetime.fromtimestamp(0, UTC))
        assert row[4:7] == [_short(desk.sum(key, int(at.timestamp()) * 10**9)) for at in spans]
        last = max(one.created_ns for one in desk.records if one.key_hash == key)
        assert row[7] == datetime.fromtimestamp(last // 10**9, UTC).strftime("%Y-%m-%d %H:%M")
    of_local = sum(desk.sum(key) for key, account in ACCOUNTS.items() if account == "local")
    assert f'<span class="value">{_short(of_local)}</span>' in text


async def test_credits_of_the_account_are_above_the_keys(desk: Desk) -> None:
    await desk.ledger.grant("acme", 50_000_000_000)
    async with desk.built.signed_in("bob") as browser:
        text = (await browser.get("/keys")).text
    assert '<span class="value">$50.00</span>' in text
    assert f'<span class="value">{usd(50_000_000_000 - desk.sum(filled.KEYS[1]))}</span>' in text


async def test_a_limit_shows_how_much_of_it_is_used(desk: Desk) -> None:
    used = desk.sum(filled.KEYS[0])
    assert 0 < used < 10_000_000_000
    async with desk.built.signed_in("ada") as browser:
        text = (await browser.get("/keys")).text
        one = (await browser.get(f"/keys/{filled.KEYS[0]}")).text
    assert f"{_short(used)} of $10.00" in cells(text, "laptop")[2 + 0]
    assert f'value="{used / 10_000_000_000}"' in text
    assert f'<span class="value">{_short(10_000_000_000 - used)}</span>' in one


async def test_a_key_says_what_it_spent_by_model(desk: Desk) -> None:
    key = filled.KEYS[2]
    since = (now_ns() // DAY_NS - 29) * DAY_NS
    wanted = [one for one in desk.records if one.key_hash == key and one.created_ns >= since]
    assert len({one.model for one in wanted}) > 2
    async with desk.built.signed_in("ada") as browser:
        answer = await browser.get(f"/keys/{key}?period=30d")
        assert answer.status_code == 200, answer.text
        models = answer.text[answer.text.index('id="models"') :]
    for model, count in Counter(one.model for one in wanted).items():
        mine = [one for one in wanted if one.model == model]
        row = cells(models, model)
        assert row[1:5] == [
            whole(count),
            tokens(sum(one.prompt_tokens for one in mine)),
            tokens(sum(one.completion_tokens for one in mine)),
            _short(sum(one.cost_nano for one in mine)),
        ]


async def test_a_key_that_was_never_used_says_so(desk: Desk) -> None:
    async with desk.built.signed_in("ada") as browser:
        await desk.post(browser, "/keys", name="new")
        key = await desk.found("new")
        assert key is not None
        assert cells((await browser.get("/keys")).text, "new")[6] == "never"
        assert "No requests with this key in this period." in (await browser.get(f"/keys/{key.hash}")).text


# -- making ------------------------------------------------------------------------------------------------------------


async def test_a_new_key_is_shown_once_and_then_nowhere(desk: Desk) -> None:
    at = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    async with desk.built.signed_in("ada") as browser:
        answer = await desk.post(browser, "/keys", name=" ci ", limit="$1,000.50", limit_reset="weekly", expires_at=at)
        assert answer.status_code == 201
        secret = re.findall(r"sk-wb-v1-[0-9a-f]{64}", answer.text)[0]
        assert f"base_url=&#34;{HERE}/api/v1&#34;,\n    api_key=&#34;{secret}&#34;" in answer.text
        key = desk.ledger.key_for(hash_secret(secret))
        assert key is not None
        assert (key.name, key.limit_nano, key.limit_reset) == ("ci", 1_000_500_000_000, "weekly")
        assert (key.account_id, key.management) == ("local", False)
        assert key.expires_ns == int(datetime.fromisoformat(at + "Z").timestamp()) * 10**9
        for path in ("/keys", f"/keys/{key.hash}"):
            assert secret not in (await browser.get(path)).text


REFUSED: tuple[tuple[dict[str, str], str], ...] = (
    ({"name": " "}, "needs a `name`"),
    ({"name": "x", "limit": "much"}, "`much` is no amount of dollars"),
    ({"name": "x", "limit": "-1"}, "zero or more"),
    ({"name": "x", "limit": "NaN"}, "zero or more"),
    ({"name": "x", "limit": "1e99"}, "zero or more"),
    ({"name": "x", "limit_reset": "daily"}, "needs an amount"),
    ({"name": "x", "limit": "1", "limit_reset": "hourly"}, "daily, weekly, monthly or never"),
    ({"name": "x", "expires_at": "soon"}, "`soon` is no time"),
    ({"name": "x", "expires_at": "2001-01-01T00:00"}, "has to lie ahead"),
    ({"name": "x", "expires_at": "9999-01-01T00:00"}, "expires before 2262"),
    ({"name": "x", "management": "on"}, "Only an admin"),
    ({"name": "x", "account": "acme"}, "Only an admin"),
)


async def test_what_a_key_cannot_be_is_said_above_the_form_and_what_was_written_stays(desk: Desk) -> None:
    before = await desk.ledger.keys()
    async with desk.built.signed_in("ada") as browser:
        for fields, said in REFUSED:
            answer = await desk.post(browser, "/keys", **fields)
            assert answer.status_code == 400, fields
            assert said in answer.text
            assert f'value="{fields["name"]}"' in answer.text
    assert await desk.ledger.keys() == before


async def test_an_admin_makes_keys_for_others_and_for_the_management_api(desk: Desk) -> None:
    async with desk.built.signed_in("root") as browser:
        assert (await desk.post(browser, "/keys", name="m", account="acme", management="on")).status_code == 201
        assert "wideband credits open nobody" in (await desk.post(browser, "/keys", name="n", account="nobody")).text
    key = await desk.found("m")
    assert key is not None
    assert (key.account_id, key.management) == ("acme", True)


async def test_no_other_site_and_no_link_can_make_a_key(desk: Desk) -> None:
    before = await desk.ledger.keys()
    async with desk.built.signed_in("root") as browser:
        token = token_of(await browser.get("/keys"))
        evil = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
        assert (await browser.post("/keys", data={"name": "x"})).status_code == 403
        assert (await browser.post("/keys", data={"name": "x", "csrf": token}, headers=evil)).status_code == 403
        await browser.get("/keys", params={"name": "x", "csrf": token})
    assert await desk.ledger.keys() == before


async def test_a_name_is_text_wherever_it_is_shown(desk: Desk) -> None:
    name = '"><script>alert(1)</script>'
    async with desk.built.signed_in("ada") as browser:
        made = await desk.post(browser, "/keys", name=name)
        key = await desk.found(name)
        assert key is not None
        pages = [
            made,
            *[await browser.get(path) for path in ("/keys", f"/keys/{key.hash}", f"/keys/{key.hash}/delete")],
        ]
    for page in pages:
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text


# -- changing ----------------------------------------------------------------------------------------------------------


async def test_a_key_is_renamed_limited_switched_off_and_on(desk: Desk) -> None:
    path = f"/keys/{filled.KEYS[2]}"
    async with desk.built.signed_in("ada") as browser:

        async def after(**fields: str) -> dict[str, Any]:
            answer = await desk.post(browser, path, **fields)
            # The browser is led on, so that loading the page again does nothing twice.
            assert (answer.status_code, answer.headers["location"]) == (303, path)
            key = desk.ledger.key_for(filled.KEYS[2])
            assert key is not None
            return {"name": key.name, "limit": key.limit_nano, "reset": key.limit_reset, "off": key.disabled}

        changed = {"name": "arm", "limit": 2_500_000_000, "reset": "daily", "off": False}
        assert await after(do="change", name="arm", limit="2.5", limit_reset="daily") == changed
        assert await after(do="disable") == changed | {"off": True}
        assert cells((await browser.get("/keys")).text, "arm")[1] == "off"
        assert await after(do="enable") == changed
        unlimited = {"name": "arm", "limit": None, "reset": None, "off": False}
        assert await after(do="change", name="arm", limit="", limit_reset="") == unlimited
        answer = await desk.post(browser, path, do="change", name="", limit="")
        assert (answer.status_code, "cannot be empty" in answer.text) == (400, True)
        assert (await desk.post(browser, path, do="burn")).status_code == 400


async def test_deleting_asks_first(desk: Desk) -> None:
    path = f"/keys/{filled.KEYS[2]}/delete"
    async with desk.built.signed_in("ada") as browser:
        assert "Delete robot?" in (await browser.get(path)).text
        assert desk.ledger.key_for(filled.KEYS[2]) is not None
        assert (await desk.post(browser, path)).headers["location"] == "/keys"
        assert desk.ledger.key_for(filled.KEYS[2]) is None
        assert "robot" not in (await browser.get("/keys")).text


async def test_members_cannot_change_keys_that_make_keys(desk: Desk) -> None:
    key = Key(hash="9" * 64, account_id="local", name="m", label="sk-9", created_ns=6, management=True)
    await desk.ledger.create_key(key)
    async with desk.built.signed_in("ada") as browser:
        page = await browser.get(f"/keys/{key.hash}")
        assert (page.status_code, "Switch off" in page.text) == (200, False)
        for path in (f"/keys/{key.hash}", f"/keys/{key.hash}/delete"):
            said = (await desk.post(browser, path, do="disable")).text
            assert "Only an admin may change a management key." in said
    assert desk.ledger.key_for(key.hash) == key
