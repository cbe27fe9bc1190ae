"""The ASGI application: inference straight to its coroutine, everything else to the management routes."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import msgspec
from starlette.types import ASGIApp

from wideband.dialects.base import Called, Dialect
from wideband.dialects.registry import COUNTERS, DIALECTS
from wideband.server.inference import Inference, refuse_method
from wideband.server.respond import Receive, Scope, Send

PREFIXES = ("/api/v1", "/v1", "/api/v1beta", "/v1beta")
# What the management routes answer, also where they have nothing; everything else is the site's.
_API = tuple(prefix + "/" for prefix in PREFIXES)
_WATCHED = {"/healthz", "/readyz", "/metrics", *PREFIXES}
_SLASHES = re.compile(r"/{2,}")
_MODEL = "{model}"

Method = Callable[[Dialect, Called, Scope, Receive, Send], Awaitable[None]]


class _Row(msgspec.Struct, frozen=True):
    """What answers a POST: the path as its dialect writes it, and who."""

    path: str
    dialect: Dialect
    method: Method


class App:
    """Routes a request by its path; the tables are made once.

    A path that holds a model is found by what stands before and behind it: a model's name may hold slashes and colons.
    """

    def __init__(self, inference: Inference, management: ASGIApp, site: ASGIApp | None = None) -> None:
        self._management, self._site = management, site
        self._rows: dict[str, _Row] = {}
        self._around: dict[tuple[str, str], _Row] = {}
        for dialect in DIALECTS.values():
            self._add(dialect.paths, dialect, inference.chat)
        for name, counter in COUNTERS.items():
            self._add(counter.paths, DIALECTS[name], inference.count)
        # The longest first: what begins like another may be a name to that.
        self._heads = tuple(sorted({head for head, _ in self._around}, key=len, reverse=True))

    def _add(self, paths: tuple[str, ...], dialect: Dialect, method: Method) -> None:
        for path in paths:
            row = _Row(path, dialect, method)
            for prefix in PREFIXES:
                head, model, tail = (prefix + path).partition(_MODEL)
                if model:
                    self._around[head, tail] = row
                else:
                    self._rows[head] = row

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"this application does not serve {scope['type']}")
        found = self._find(scope)
        if found is None:
            path: str = scope["path"]
            is_api = self._site is None or path in _WATCHED or path.startswith(_API)
            await (self._management if is_api or self._site is None else self._site)(scope, receive, send)
            return
        row, called = found
        if scope["method"] == "POST":
            await row.method(row.dialect, called, scope, receive, send)
        else:
            await refuse_method(row.dialect, scope, send)

    def _find(self, scope: Scope) -> tuple[_Row, Called] | None:
        path: str = scope["path"]
        row = self._rows.get(path)
        if row is None and scope["method"] == "POST":
            # A base URL that ends in a slash gives a double one.
            path = _SLASHES.sub("/", path).rstrip("/")
            row = self._rows.get(path)
        if row is not None:
            return row, Called(path=row.path)
        if not path.startswith(self._heads):
            return None
        name, colon, verb = path.rpartition(":")
        for head in self._heads:
            row = self._around.get((head, colon + verb)) if path.startswith(head) else None
            if row is not None:
                query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
                return row, Called(path=row.path, model=name[len(head) :], query=query)
        return None
