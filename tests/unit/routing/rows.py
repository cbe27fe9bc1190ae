"""Endpoints and wishes in few words, for the routing tests."""

from typing import Any

from wideband.canon.faults import Fault, FaultKind
from wideband.catalog.rows import Catalogue, DataPolicy, Endpoint, Price, Provider, Rates
from wideband.routing.plans import Outcome, Plan, Preferences, Wish
from wideband.routing.preferences import decode_preferences

SECOND_NS = 1_000_000_000
NOW_NS = 1_000_000 * SECOND_NS


def endpoint(name: str, *, model: str = "m", usd: float = 1, policy: DataPolicy | None = None, **over: Any) -> Endpoint:
    """Make an endpoint tagged `name`, whose provider is what stands before the slash; `usd` is per million tokens."""
    slug = name.partition("/")[0]
    provider = Provider(
        slug=slug,
        name=slug.title(),
        dialect="openai_chat",
        base_url=f"http://{slug}",
        data_policy=policy or DataPolicy(),
    )
    nano = int(usd * 1e9)
    row: dict[str, Any] = {
        "id": f"{model}@{name}",
        "provider": provider,
        "model": model,
        "upstream_model": model,
        "tag": name,
        "price": Price(base=Rates(prompt=nano, completion=nano)),
    }
    return Endpoint(**row | over)


def catalogue(*endpoints: Endpoint) -> Catalogue:
    models = {e.model for e in endpoints}
    return Catalogue(
        providers={}, models={}, endpoints={m: tuple(e for e in endpoints if e.model == m) for m in models}
    )


def wish(preferences: dict[str, Any] | None = None, **over: Any) -> Wish:
    checked = decode_preferences(preferences) if preferences else Preferences()
    fields: dict[str, Any] = {"models": ("m",), "prompt_tokens": 1000, "preferences": checked}
    return Wish(**fields | over)


def tags(plan: Plan) -> list[str]:
    return [e.tag for e in plan.endpoints]


def fault(kind: FaultKind = FaultKind.PROVIDER_ERROR, **over: Any) -> Fault:
    return Fault(kind=kind, message="It broke.", **over)


def down(name: str, at_ns: int = NOW_NS, kind: FaultKind = FaultKind.PROVIDER_ERROR, **over: Any) -> Outcome:
    return Outcome(endpoint_id=f"m@{name}", at_ns=at_ns, fault=fault(kind, **over))


def success(name: str, at_ns: int = NOW_NS, ttft_ms: float = 100, tokens: int = 10, took_ms: float = 900) -> Outcome:
    return Outcome(
        endpoint_id=f"m@{name}",
        at_ns=at_ns,
        ttft_ns=int(ttft_ms * 1e6),
        generation_ns=int(took_ms * 1e6),
        completion_tokens=tokens,
    )
