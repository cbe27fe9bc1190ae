"""Endpoints and wishes in few words, for the routing tests."""

from collections.abc import Mapping, Sequence
from typing import Any

from wideband.canon.faults import Fault, FaultKind
from wideband.catalog.rows import Catalogue, DataPolicy, Endpoint, Price, Provider, Rates
from wideband.routing.health import Health
from wideband.routing.outlook import Outlook
from wideband.routing.plans import Outcome, Plan, Preferences, Wish
from wideband.routing.policy import Policy
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


class Board(Health):
    """A board that expects of the endpoints of "m", by tag, what it is told, and of others what it would of anybody."""

    def __init__(self, **expected: Outlook) -> None:
        super().__init__()
        self.expected = {f"m@{name}": outlook for name, outlook in expected.items()}

    def outlooks(self, endpoints: Sequence[Endpoint], now_ns: int) -> Mapping[str, Outlook]:
        return {e.id: self.expected.get(e.id, Outlook()) for e in endpoints}

    def is_full(self, endpoint_id: str, now_ns: int) -> bool:
        return self.expected.get(endpoint_id, Outlook()).is_full


def catalogue(*endpoints: Endpoint) -> Catalogue:
    models = {e.model for e in endpoints}
    return Catalogue(
        providers={}, models={}, endpoints={m: tuple(e for e in endpoints if e.model == m) for m in models}
    )


def wish(preferences: dict[str, Any] | None = None, **over: Any) -> Wish:
    """Make a wish; unless `policy` says otherwise the cheapest endpoint comes first, so that nothing is drawn."""
    checked = decode_preferences(preferences) if preferences else Preferences()
    fields: dict[str, Any] = {
        "models": ("m",),
        "prompt_tokens": 1000,
        "preferences": checked,
        "policy": Policy(ranker="price"),
    }
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
