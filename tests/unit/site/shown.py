"""The whole site over a filled archive, at the archive's own present, for whoever `OpenGate` lets in."""

from typing import Any, cast

import httpx
import msgspec
import pytest
from tests.unit.analytics.filled import NOW_S, Filled
from tests.unit.gateway.stage import catalogue, endpoint

from wideband.catalog.rows import Endpoint
from wideband.gateway.exchange import Exchange
from wideband.routing.health import Health
from wideband.server.metrics import Metrics
from wideband.site import visit
from wideband.site.app import site
from wideband.site.gate import OpenGate
from wideband.site.visit import House
from wideband.store.base import Ledger, Spend, Table
from wideband.upstream.scripted import ScriptedUpstream


class Books:
    """What pages ask of a ledger: the archive, and money of one account."""

    def __init__(self, filled: Filled, granted_nano: int = 0, charged_nano: int = 0) -> None:
        self._filled, self._granted_nano, self._charged_nano = filled, granted_nano, charged_nano

    async def read(self, sql: str, parameters: tuple[Any, ...] = ()) -> Table:
        return self._filled.archive.read(sql, parameters)

    async def spend(self, **_of: str) -> Spend:
        return Spend(total_nano=self._charged_nano, daily_nano=self._charged_nano, monthly_nano=self._charged_nano)

    async def credits(self, _account_id: str) -> tuple[int, int]:
        return self._granted_nano, self._charged_nano


class Shown:
    """A site; `get` asks for a page as a browser on this machine does."""

    def __init__(self, books: Books, *rows: Endpoint) -> None:
        self.exchange = Exchange(
            catalogue=catalogue(*(rows or (endpoint("openai"),))),
            provider_keys={},
            ledger=cast(Ledger, books),
            upstream=ScriptedUpstream({}),
            health=Health(),
            observer=Metrics(),
        )
        self.house = House(self.exchange, {"home": "/home/me/.wideband"})
        self.app = site(self.house, OpenGate("local"))

    def without_endpoints(self) -> None:
        self.exchange.catalogue = msgspec.structs.replace(self.exchange.catalogue, endpoints={})

    async def get(self, path: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8484") as browser:
            return await browser.get(path)

    async def text(self, path: str) -> str:
        """Return what a reader sees of a page, its white space made single."""
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return " ".join(_without_tags(answer.text).split())


def _without_tags(html: str) -> str:
    import html as entities
    import re

    body = html[html.index("<main") : html.index("</main>")]
    return entities.unescape(re.sub(r"<[^>]+>", " ", body))


def at_present(monkeypatch: pytest.MonkeyPatch, now_s: int = NOW_S) -> None:
    """Let pages be asked for at the present of the filled archive."""
    monkeypatch.setattr(visit, "now_ns", lambda: now_s * 1_000_000_000)
