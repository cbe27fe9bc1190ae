"""The simulated providers' front desk: from one HTTP request to the play that answers it.

It keeps what the providers remember (requests counted, prompts cached) and takes the time from its caller.
"""

from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.sandbox.asked import Asked, unknown_model
from wideband.sandbox.behaviour import check_length, draw_for, fault_for, pace_for, reply_for
from wideband.sandbox.breaking import FAULTS, Scene, sound
from wideband.sandbox.directive import find
from wideband.sandbox.plays import Play, complete
from wideband.sandbox.prefix_cache import PrefixCache
from wideband.sandbox.rows import CREATED_S, MODEL_BY_ID, MODELS, PROVIDERS, SANDBOX_KEY, Serving, SimModel, SimProvider
from wideband.sandbox.wires import WIRES
from wideband.sandbox.wires.anthropic import read_prompt
from wideband.wire import jsons


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
        self._caches = {row.slug: PrefixCache() for row in PROVIDERS}
        self._counts: Counter[str] = Counter()

    def play(self, incoming: Incoming) -> Play:
        """Answer a request, whatever it is."""
        slug, _, path = incoming.path.partition("?")[0].removeprefix("/").partition("/")
        provider = self._providers.get(slug)
        if provider is None:
            return _front_page() if not slug else _refusal(None, _not_found(incoming.path))
        try:
            _check_key(incoming.headers)
            return self._routed(incoming, provider, "/" + path)
        except Faulted as faulted:
            return _refusal(provider, faulted.fault)

    def _routed(self, incoming: Incoming, provider: SimProvider, path: str) -> Play:
        wire = WIRES[provider.dialect]
        routes: dict[tuple[str, str], Callable[[Incoming, SimProvider], Play]] = {
            ("POST", f"/v1{wire.path}"): self._answer,
            ("GET", "/v1/models"): _models,
        }
        if provider.dialect == "anthropic_messages":
            routes["POST", f"/v1{wire.path}/count_tokens"] = _count_tokens
        route = routes.get((incoming.method, path))
        if route is None:
            raise Faulted(_not_found(incoming.path))
        return route(incoming, provider)

    def _answer(self, incoming: Incoming, provider: SimProvider) -> Play:
        wire = WIRES[provider.dialect]
        asked = wire.read(incoming.body)
        model, serving = _served(asked, provider)
        check_length(asked, model)
        directive = find(incoming.body)
        self._counts[provider.slug] += 1
        chance = draw_for(self._seed, provider.slug, self._counts[provider.slug])
        fault = fault_for(provider.slug, serving, directive, chance)
        if fault is not None and fault not in FAULTS:
            raise invalid(f"The sandbox knows no fault {fault!r}; it knows {', '.join(FAULTS)}")
        cached = 0 if asked.caching == "off" else self._caches[provider.slug].read(asked.text)
        words = draw_for(self._seed + directive.seed, provider.slug, incoming.body)
        reply = reply_for(asked, model, directive, cached, words)
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


def _check_key(headers: Mapping[str, str]) -> None:
    """Serve whoever brings no key, but nobody who brings another: a real key has no business here."""
    key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
    if key not in {"", SANDBOX_KEY}:
        message = f"Incorrect API key; the sandbox takes {SANDBOX_KEY!r}"
        raise Faulted(Fault(kind=FaultKind.AUTHENTICATION, message=message))


def _served(asked: Asked, provider: SimProvider) -> tuple[SimModel, Serving]:
    model, serving = MODEL_BY_ID.get(asked.model), _SERVINGS.get((provider.slug, asked.model))
    if model is None or serving is None:
        raise unknown_model(asked.model)
    return model, serving


def _models(_incoming: Incoming, provider: SimProvider) -> Play:
    ids = [model.id for model in MODELS if (provider.slug, model.id) in _SERVINGS]
    rows = [{"id": name, "object": "model", "created": CREATED_S, "owned_by": "simulated"} for name in ids]
    return complete(200, jsons.encode({"object": "list", "data": rows}))


def _count_tokens(incoming: Incoming, provider: SimProvider) -> Play:
    asked = read_prompt(incoming.body)
    _served(asked, provider)
    return complete(200, jsons.encode({"input_tokens": asked.prompt_tokens}))


def _front_page() -> Play:
    rows = [{"slug": row.slug, "name": row.name, "dialect": row.dialect} for row in PROVIDERS]
    return complete(200, jsons.encode({"simulated": True, "providers": rows}))


def _not_found(path: str) -> Fault:
    return Fault(kind=FaultKind.NOT_FOUND, message=f"Nothing is served at {path[:200]}")


def _refusal(provider: SimProvider | None, fault: Fault) -> Play:
    wire = WIRES[provider.dialect if provider else "openai_chat"]
    return complete(fault.status, wire.error(fault.status, fault.message, fault))
