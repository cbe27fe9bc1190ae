"""The routes that are not inference: catalogue, records, keys, health and metrics, on Starlette."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wideband.accounts.keys import hash_secret, label
from wideband.accounts.rows import Key
from wideband.canon.availability import AVAILABILITY
from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.clock import now_ns
from wideband.dialects.registry import DIALECTS
from wideband.gateway import metadata
from wideband.gateway.exchange import Exchange
from wideband.gateway.explaining import Market, Question, explained, explanation_object
from wideband.gateway.keyforms import KeyForm, changes, new_key
from wideband.gateway.session import INTERNAL
from wideband.ids import key_secret, seed
from wideband.metering.record import Generation
from wideband.routing.auto import ROUTERS
from wideband.server import listing, modellists, shapes
from wideband.server.app import PREFIXES
from wideband.server.auth import authenticate
from wideband.server.body import ClientLeftError, read_form
from wideband.server.byok import ByokRoutes
from wideband.server.contents import ContentRoutes
from wideband.server.datasets import DataRoutes
from wideband.server.presets import SOURCES, PresetRoutes
from wideband.server.shares import classifications
from wideband.store.presets import PresetRoom
from wideband.wire import jsons

log = logging.getLogger("wideband.server")

_FIELDS = "the fields of a key"
ROUTER_MODELS = tuple(router.model for router in ROUTERS.values())

Endpoint = Callable[[Request], Awaitable[Response]]


class Management:
    """Handlers over one exchange; `metrics_text` comes from the process that serves."""

    def __init__(self, exchange: Exchange, metrics_text: Callable[[], str], presets: PresetRoom) -> None:
        self._exchange, self._metrics_text = exchange, metrics_text
        self._presets = PresetRoutes(presets)
        self._byok = ByokRoutes(exchange)

    def app(self) -> Starlette:
        """Return the routes under each prefix, and those for machines that watch."""
        versioned: list[tuple[str, str, Endpoint]] = [
            ("GET", "/models", self.models),
            ("GET", "/models/count", self.models_count),
            ("GET", "/models/user", self.models),
            ("GET", "/embeddings/models", self.embedding_models),
            ("GET", "/models/{model:path}/endpoints", self.endpoints),
            ("GET", "/models/{model:path}", self.model),
            ("GET", "/model/{model:path}", self.openrouter_model),
            ("GET", "/providers", self.providers),
            ("POST", "/explain", self.explain),
            ("GET", "/availability", self.availability),
            ("GET", "/availability/{code}", self.availability),
            ("GET", "/generation", self.generation),
            ("GET", "/generation/content", self._preset(ContentRoutes(self._exchange).one)),
            ("GET", "/key", self.own_key),
            ("GET", "/credits", self.credits),
            ("GET", "/keys", self.keys),
            ("POST", "/keys", self.create_key),
            ("GET", "/keys/{hash}", self.key),
            ("PATCH", "/keys/{hash}", self.change_key),
            ("DELETE", "/keys/{hash}", self.delete_key),
            ("GET", "/classifications/task", self.classifications),
            *DataRoutes(self._exchange).routes(self._key),
            ("GET", "/presets", self._preset(self._presets.all)),
            ("GET", "/presets/{slug}", self._preset(self._presets.one)),
            ("GET", "/presets/{slug}/versions", self._preset(self._presets.versions)),
            ("GET", "/presets/{slug}/versions/{version}", self._preset(self._presets.version)),
            *(("POST", f"/presets/{{slug}}/{path}", self._made_of(path)) for path in SOURCES),
            ("DELETE", "/presets/{slug}", self._preset(self._presets.remove)),
            ("GET", "/byok", self._managing(self._byok.all)),
            ("POST", "/byok", self._managing(self._byok.add, 201)),
            ("GET", "/byok/{id}", self._managing(self._byok.one)),
            ("PATCH", "/byok/{id}", self._managing(self._byok.change)),
            ("DELETE", "/byok/{id}", self._managing(self._byok.remove)),
        ]
        routes = [
            Route(prefix + path, _guarded(handler), methods=[method])
            for prefix in PREFIXES
            for method, path, handler in versioned
        ]
        routes += [
            Route("/healthz", self.healthz, methods=["GET"]),
            Route("/readyz", self.readyz, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]
        missing = {404: _not_found, 405: _not_allowed}
        return Starlette(routes=routes, exception_handlers=missing)

    def _key(self, request: Request, *, management: bool | None = None) -> Key:
        headers, query = dict(request.scope["headers"]), request.query_params
        return authenticate(headers, self._exchange.ledger, query, management=management)

    def _preset(self, handler: Callable[[Request, Key], Awaitable[Any]]) -> Endpoint:
        """Answer with what a handler of presets returns, to whoever has a key."""

        async def answer(request: Request) -> Response:
            return _json(await handler(request, self._key(request)))

        return answer

    def _managing(self, handler: Callable[[Request, Key], Awaitable[Any]], status: int = 200) -> Endpoint:
        """Answer with what a handler returns, to whoever has a management key."""

        async def answer(request: Request) -> Response:
            return _json(await handler(request, self._key(request, management=True)), status)

        return answer

    def _made_of(self, path: str) -> Endpoint:
        return self._preset(lambda request, key: self._presets.make(request, key, SOURCES[path]))

    # -- catalogue -----------------------------------------------------------------------------------------------

    async def models(self, request: Request) -> Response:
        query = dict(request.query_params)
        asks_in = modellists.asks_in(request)
        if asks_in == "gemini_generate":
            # Of every model Google's list says by which methods it is asked.
            query.setdefault("output_modalities", "all")
        latest = asks_in == "openai_chat"
        rows = listing.models(self._exchange.catalogue, query, now_ns(), ROUTER_MODELS, latest=latest)
        return _json(modellists.shown_models(rows, self._exchange.catalogue, request))

    async def embedding_models(self, request: Request) -> Response:
        query = {**request.query_params, "output_modalities": "embeddings"}
        rows = listing.models(self._exchange.catalogue, query, now_ns())
        return _json(modellists.openai_models(rows, request.url.path, request.query_params))

    async def models_count(self, request: Request) -> Response:
        query = request.query_params
        rows = listing.models(self._exchange.catalogue, query, now_ns(), ROUTER_MODELS, latest=True)
        return _json({"data": {"count": len(rows)}})

    async def model(self, request: Request) -> Response:
        row = listing.model(self._exchange.catalogue, request.path_params["model"], now_ns())
        gemini = modellists.asks_in(request) == "gemini_generate"
        return _json(modellists.gemini_model(row) if gemini else row)

    async def openrouter_model(self, request: Request) -> Response:
        return _json({"data": listing.model(self._exchange.catalogue, request.path_params["model"], now_ns())})

    async def endpoints(self, request: Request) -> Response:
        catalogue, health = self._exchange.catalogue, self._exchange.health
        return _json({"data": listing.endpoints(catalogue, health, request.path_params["model"], now_ns())})

    async def providers(self, request: Request) -> Response:  # noqa: ARG002  a route's signature
        return _json({"data": listing.providers(self._exchange.catalogue)})

    async def explain(self, request: Request) -> Response:
        self._key(request)
        question = await read_form(request, Question, "POST /explain")
        market = Market(self._exchange.catalogue, self._exchange.health, self._exchange.policy)
        return _json({"data": explanation_object(explained(question, market, now_ns(), seed()))})

    async def availability(self, request: Request) -> Response:
        rows = [{"code": code, **msgspec.structs.asdict(row)} for code, row in AVAILABILITY.items()]
        code = request.path_params.get("code")
        if code is None:
            return _json({"data": rows})
        if code not in AVAILABILITY:
            message = f"`{code}` is no code of `error.availability`. They are {', '.join(AVAILABILITY)}."
            raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message=message))
        return _json({"data": next(row for row in rows if row["code"] == code)})

    async def classifications(self, request: Request) -> Response:
        self._key(request)
        shares = await asyncio.to_thread(self._exchange.auto.task_shares)
        return _json(classifications(shares, request.query_params))

    # -- records and money ---------------------------------------------------------------------------------------

    async def generation(self, request: Request) -> Response:
        key = self._key(request)
        name = request.query_params.get("id")
        if not name:
            raise invalid("Say which generation: `?id=gen-…`, as in the X-Generation-Id header of the answer.", "id")
        found = await self._exchange.ledger.generation(name)
        record = None if found is None else jsons.decode_as(found, Generation)
        if record is None or record.account_id != key.account_id:
            raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message=f"No generation `{name}` of this account is known."))
        return _json({"data": shapes.generation_object(record)})

    async def own_key(self, request: Request) -> Response:
        key = self._key(request)
        spend = await self._exchange.ledger.spend(key_hash=key.hash)
        return _json({"data": shapes.own_key_object(key, spend)})

    async def credits(self, request: Request) -> Response:
        key = self._key(request)
        granted, charged = await self._exchange.ledger.credits(key.account_id)
        return _json({"data": {"total_credits": jsons.dollars(granted), "total_usage": jsons.dollars(charged)}})

    # -- keys ----------------------------------------------------------------------------------------------------

    async def keys(self, request: Request) -> Response:
        manager = self._key(request, management=True)
        offset = listing.whole_number(request.query_params, "offset", 0, 0)
        rows = await self._exchange.ledger.keys(manager.account_id)
        if request.query_params.get("include_disabled", "true").lower() == "false":
            rows = [key for key in rows if not key.disabled]
        return _json({"data": [await self._shown(key) for key in rows[offset : offset + 100]]})

    async def create_key(self, request: Request) -> Response:
        manager = self._key(request, management=True)
        secret = key_secret()
        form = await read_form(request, KeyForm, _FIELDS)
        key = new_key(form, hash_secret(secret), label(secret), manager.account_id, now_ns())
        await self._exchange.ledger.create_key(key)
        return _json({"data": await self._shown(key), "key": secret}, 201)

    async def key(self, request: Request) -> Response:
        return _json({"data": await self._shown(await self._managed(request))})

    async def change_key(self, request: Request) -> Response:
        key = await self._managed(request)
        changed = await self._exchange.ledger.change_key(key.hash, changes(await read_form(request, KeyForm, _FIELDS)))
        if changed is None:
            raise _no_key(key.hash)
        return _json({"data": await self._shown(changed)})

    async def delete_key(self, request: Request) -> Response:
        key = await self._managed(request)
        if not await self._exchange.ledger.delete_key(key.hash):
            raise _no_key(key.hash)
        return _json({"deleted": True})

    async def _managed(self, request: Request) -> Key:
        manager = self._key(request, management=True)
        wanted = request.path_params["hash"]
        for key in await self._exchange.ledger.keys(manager.account_id):
            if key.hash == wanted:
                return key
        raise _no_key(wanted)

    async def _shown(self, key: Key) -> dict[str, Any]:
        return shapes.key_object(key, await self._exchange.ledger.spend(key_hash=key.hash))

    # -- for machines that watch ---------------------------------------------------------------------------------

    async def healthz(self, request: Request) -> Response:  # noqa: ARG002  a route's signature
        return _json({"status": "ok"})

    async def readyz(self, request: Request) -> Response:  # noqa: ARG002  a route's signature
        reason = await self._exchange.ledger.failure()
        return _json({"status": "ready"}) if reason is None else _json({"status": "not ready", "reason": reason}, 503)

    async def metrics(self, request: Request) -> Response:  # noqa: ARG002  a route's signature
        return Response(self._metrics_text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _guarded(handler: Endpoint) -> Endpoint:
    """Answer faults in the shape of the API, defects of ours too."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Faulted as error:
            return _fault(request, error.fault)
        except ClientLeftError:
            return Response(status_code=499)  # which nobody reads
        except Exception:
            log.exception("%s %s failed on a defect of ours", request.method, request.url.path)
            return _fault(request, INTERNAL)

    return answer


def _fault(request: Request, fault: Fault) -> Response:
    dialect = DIALECTS[modellists.asks_in(request)]
    status = metadata.status(fault, dialect)
    headers = metadata.fault_headers(fault, status, None)
    return Response(dialect.encode_fault(fault, None), status_code=status, headers=headers)


async def _not_found(request: Request, error: Exception) -> Response:  # noqa: ARG001  Starlette's signature
    message = f"There is no {request.method} {request.url.path} here. The API is under /api/v1, /v1 and /v1beta."
    return _fault(request, Fault(kind=FaultKind.NOT_FOUND, message=message))


async def _not_allowed(request: Request, error: Exception) -> Response:  # noqa: ARG001  Starlette's signature
    message = f"{request.url.path} does not take {request.method}."
    return _fault(request, Fault(kind=FaultKind.METHOD_NOT_ALLOWED, message=message))


def _no_key(name: str) -> Faulted:
    return Faulted(Fault(kind=FaultKind.NOT_FOUND, message=f"No key with the hash `{name}` exists in this account."))


def _json(value: Any, status: int = 200) -> Response:
    return Response(jsons.encode(value), status_code=status, media_type="application/json")
