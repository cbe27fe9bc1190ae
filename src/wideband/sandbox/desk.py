"""The simulated providers' front desk: from one HTTP request to the play that answers it.

It keeps what the providers remember (requests counted, prompts cached) and takes the time from its caller.
"""

from collections import Counter, deque
from collections.abc import Mapping

import msgspec

from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.sandbox.asked import Asked, unknown_model
from wideband.sandbox.behaviour import check_length, draw_for, fault_for, pace_for, reply_for
from wideband.sandbox.breaking import FAULTS, Scene, sound
from wideband.sandbox.directive import find
from wideband.sandbox.outages import Outages
from wideband.sandbox.plays import Play, complete
from wideband.sandbox.prefix_cache import PrefixCache
from wideband.sandbox.rows import CREATED_S, MODEL_BY_ID, MODELS, PROVIDERS, SANDBOX_KEY, Serving, SimModel, SimProvider
from wideband.sandbox.sealing import check_seals, sealed
from wideband.sandbox.wires import WIRES
from wideband.sandbox.wires.base import Method, Wire
from wideband.wire import jsons

VERSIONS = frozenset({"v1", "v1beta"})
# Of requests that ask to be kept: so many, and none longer.
KEPT_REQUESTS = 256
KEPT_BYTES = 256 * 1024
# How long a provider keeps prompts that does not say so, in simulated seconds.
CACHE_TTL_S = 900


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request; header names are lower case. `at_s` is the simulated time in unix seconds."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at_s: float


_SERVINGS: dict[tuple[str, str], Serving] = {
    (serving.provider, model.id): serving for model in MODELS for serving in model.servings
}


class Desk:
    """All simulated providers of one sandbox. `grain_s` is the least simulated time between two writes of a stream."""

    def __init__(self, seed: int, grain_s: float) -> None:
        self._seed = seed
        self._grain_s = grain_s
        self._providers = {row.slug: row for row in PROVIDERS}
        self._caches = {row.slug: PrefixCache(ttl_s=row.cache_ttl_s or CACHE_TTL_S) for row in PROVIDERS}
        self._counts: Counter[str] = Counter()
        self._kept = _Kept()
        self._outages = Outages()

    def play(self, incoming: Incoming) -> Play:
        """Answer a request, whatever it is."""
        slug, _, path = incoming.path.removeprefix("/").partition("/")
        if slug == "kept":
            return self._kept.show(path)
        if slug == "outages":
            return self._outages.play(incoming.method, path, incoming.body)
        provider = self._providers.get(slug)
        if provider is None:
            return _front_page() if not slug else _refusal(None, _not_found(incoming.path))
        try:
            _check_key(incoming)
            return self._routed(incoming, provider, path)
        except Faulted as faulted:
            return _refusal(provider, faulted.fault)

    def _routed(self, incoming: Incoming, provider: SimProvider, path: str) -> Play:
        """Find what is asked at a path, which begins with the version."""
        version, _, path = path.partition("/")
        path = f"/{path}"
        if version not in VERSIONS:
            raise Faulted(_not_found(incoming.path))
        if incoming.method == "GET" and path == "/models":
            return _models(provider)
        for wire in (WIRES[name] for name in (provider.dialect, *provider.also)):
            method = wire.method(path) if incoming.method == "POST" else None
            if method is not None and method.count is not None:
                return _count_tokens(incoming, provider, method)
            if method is not None:
                return self._answer(incoming, provider, wire, method)
        raise Faulted(_not_found(incoming.path))

    def _answer(self, incoming: Incoming, provider: SimProvider, wire: Wire, method: Method) -> Play:
        directive = find(incoming.body)
        self._kept.take(directive.keep, incoming)
        asked = method.read(incoming.body)
        asked = msgspec.structs.replace(asked, call_ids=bool(directive.ids))
        model, serving = _served(asked, provider)
        if model.task != wire.task:
            raise invalid(f"The model {model.id!r} cannot be asked here", "model")
        check_length(asked, model)
        maker = _check_sealed(asked, wire, model, provider)
        self._counts[provider.slug] += 1
        chance = draw_for(self._seed, provider.slug, self._counts[provider.slug])
        fault = self._outages.broken.get(provider.slug) or fault_for(provider.slug, serving, directive, chance)
        if fault is not None and fault not in FAULTS:
            raise invalid(f"The sandbox knows no fault {fault!r}; it knows {', '.join(FAULTS)}")
        cached = 0 if asked.caching == "off" else self._caches[provider.slug].read(asked.text, incoming.at_s)
        words = draw_for(self._seed + directive.seed, provider.slug, incoming.body)
        reply = reply_for(asked, model, directive, cached, words)
        if wire.sealing is not None:
            reply = sealed(reply, wire.sealing, maker)
        hour = int(incoming.at_s // 3600 % 24)
        scene = Scene(
            wire=wire,
            asked=asked,
            reply=msgspec.structs.replace(reply, id=f"sim-{chance.getrandbits(96):024x}", created_s=int(incoming.at_s)),
            pace=pace_for(model, provider, hour, asked.prompt_tokens - cached, directive, chance),
            grain_s=self._grain_s,
            draw=chance,
        )
        return sound(scene) if fault is None else FAULTS[fault](scene)


class _Kept:
    """The last requests that asked to be kept, under the names they gave."""

    def __init__(self) -> None:
        self._rows: deque[tuple[str, dict[str, str]]] = deque(maxlen=KEPT_REQUESTS)

    def take(self, name: str | None, incoming: Incoming) -> None:
        if name is not None and len(incoming.body) <= KEPT_BYTES:
            body = incoming.body.decode("utf-8", "replace")
            self._rows.append((name, {"method": incoming.method, "path": incoming.path, "body": body}))

    def show(self, name: str) -> Play:
        return complete(200, jsons.encode([row for kept, row in self._rows if kept == name]))


def _check_key(incoming: Incoming) -> None:
    """Serve whoever brings no key, but nobody who brings another: a real key has no business here."""
    headers = incoming.headers
    key = headers.get("x-api-key") or headers.get("x-goog-api-key")
    key = key or headers.get("authorization", "").removeprefix("Bearer ")
    if key not in {"", SANDBOX_KEY}:
        message = f"Incorrect API key; the sandbox takes {SANDBOX_KEY!r}"
        raise Faulted(Fault(kind=FaultKind.AUTHENTICATION, message=message))


def _served(asked: Asked, provider: SimProvider) -> tuple[SimModel, Serving]:
    model, serving = MODEL_BY_ID.get(asked.model), _SERVINGS.get((provider.slug, asked.model))
    if model is None or serving is None:
        raise unknown_model(asked.model)
    return model, serving


def _check_sealed(asked: Asked, wire: Wire, model: SimModel, provider: SimProvider) -> str:
    """Check what seals a request brings back and lacks; return in whose name new ones are made. Raises `Faulted`."""
    if wire.sealing is None:
        return ""
    maker = provider.dialect if wire.sealing.portable else provider.slug
    check_seals(asked.seals, wire.sealing, maker)
    if asked.unsealed is not None and model.thinks:
        raise invalid(f"{asked.unsealed} is missing a thought_signature", asked.unsealed)
    return maker


def _models(provider: SimProvider) -> Play:
    ids = [model.id for model in MODELS if (provider.slug, model.id) in _SERVINGS]
    rows = [{"id": name, "object": "model", "created": CREATED_S, "owned_by": "simulated"} for name in ids]
    return complete(200, jsons.encode({"object": "list", "data": rows}))


def _count_tokens(incoming: Incoming, provider: SimProvider, method: Method) -> Play:
    assert method.count is not None
    asked = method.read(incoming.body)
    _served(asked, provider)
    return complete(200, method.count(asked.prompt_tokens))


def _front_page() -> Play:
    rows = [{"slug": row.slug, "name": row.name, "dialect": row.dialect} for row in PROVIDERS]
    return complete(200, jsons.encode({"simulated": True, "providers": rows}))


def _not_found(path: str) -> Fault:
    return Fault(kind=FaultKind.NOT_FOUND, message=f"Nothing is served at {path[:200]}")


def _refusal(provider: SimProvider | None, fault: Fault) -> Play:
    wire = WIRES[provider.dialect if provider else "openai_chat"]
    return complete(fault.status, wire.error(fault.status, fault.message, fault))
