"""One visit of one page: who looks, at what, and how a page is written."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from wideband.accounts.people import ROLES, Role
from wideband.analytics.named import Reader
from wideband.analytics.periods import Period, period_of
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.clock import now_ns
from wideband.gateway.exchange import Exchange
from wideband.site.pulse import Pulse
from wideband.site.rendering import render
from wideband.site.turns import Turns


class Person(msgspec.Struct, frozen=True):
    """Who is signed in. `account_id` is whose keys and spend are theirs; `csrf` is what their forms must bring.

    `id` is empty for whoever is on this machine while nobody has to sign in.
    """

    name: str
    role: Role
    account_id: str
    csrf: str
    id: str = ""

    def may(self, role: Role) -> bool:
        """Say whether this person has a role or a higher one."""
        return ROLES.index(self.role) >= ROLES.index(role)


class House(msgspec.Struct, frozen=True):
    """What every page is made from: the exchange, whose ledger also answers questions, and facts of this server.

    `pulse` tells open pages of new records, and `turns` lets only so many pages be made at a time.
    """

    exchange: Exchange
    facts: Mapping[str, Any]
    pulse: Pulse = msgspec.field(default_factory=Pulse)
    turns: Turns = msgspec.field(default_factory=Turns)

    @property
    def reader(self) -> Reader:
        """Return who answers named queries."""
        return self.exchange.ledger


class Visit(msgspec.Struct, frozen=True):
    """A request for a page, by a person whose role was checked; None on pages that anybody may see.

    `form` is what a POST of one of our own pages brought.
    """

    request: Request
    house: House
    person: Person | None
    form: QueryParams = QueryParams()

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    @property
    def now_s(self) -> int:
        return now_ns() // 1_000_000_000

    @property
    def base(self) -> str:
        """The address of this server as its callers write it, without a slash at its end."""
        return str(self.house.facts.get("url") or self.request.base_url).rstrip("/")

    def period(self, default: str = "7d") -> Period:
        """Return the span that the filter bar asks for. Raises `Faulted` (invalid_request)."""
        return period_of(self.query, self.now_s, default)

    async def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Render a template, off the event loop; `visit` and what `rendering` offers are there too."""
        text = await asyncio.to_thread(render, template, visit=self, **values)
        return Response(text, status, media_type="text/html")


def account_of(visit: Visit) -> str | None:
    """Return whose keys and records a visitor may see: None is everybody's, for admins.

    Raises `Faulted` (authentication) where nobody is signed in: then there is no account, and never all of them.
    """
    if visit.person is None:
        raise Faulted(Fault(kind=FaultKind.AUTHENTICATION, message="Sign in to see this."))
    return None if visit.person.may("admin") else visit.person.account_id


View = Callable[[Visit], Awaitable[Response]]


class Page(msgspec.Struct, frozen=True):
    """A row of the site: where, who may, and what answers. `label` puts it into the navigation; None leaves it out.

    A POST is answered only when the form brought the visitor's token. `public` pages are for anybody where the settings
    say so (`[site] public_status`). A page that is `at_once` costs nothing and waits for no turn.
    """

    path: str
    view: View
    role: Role | None = "viewer"
    label: str | None = None
    methods: tuple[str, ...] = ("GET",)
    public: bool = False
    at_once: bool = False
