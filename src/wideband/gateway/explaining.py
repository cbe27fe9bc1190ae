"""A routing decision that nobody is waiting for: what would be done with a request of these properties, and why."""

from typing import Annotated, Any

import msgspec

from wideband.canon.faults import invalid
from wideband.canon.request import Task
from wideband.catalog.money import usd_from_nano, usd_per_token
from wideband.catalog.rows import Catalogue, Endpoint, Rates
from wideband.dialects.bodies import Positive
from wideband.gateway.choosing import MOST_NAMES, named_model
from wideband.gateway.lanes import SPEAKERS
from wideband.pricing import resolve
from wideband.routing.auto import find_router
from wideband.routing.explain import Candidate, Explanation, explain
from wideband.routing.health import Health
from wideband.routing.plans import Wish
from wideband.routing.policy import Policy
from wideband.routing.preferences import decode_preferences


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A request as far as routing looks at it. `parameters` are those of `supported_parameters` that it uses."""

    model: str | None = None
    models: tuple[str, ...] = ()
    provider: dict[str, Any] = {}
    prompt_tokens: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] = 1000
    max_tokens: Positive = None
    parameters: frozenset[str] = frozenset()
    input_modalities: frozenset[str] = frozenset()
    task: Task = "generate"


class Market(msgspec.Struct, frozen=True):
    """What decides: rows, health and the house's rules."""

    catalogue: Catalogue
    health: Health
    policy: Policy


def explained(question: Question, market: Market, at_ns: int, seed: int) -> Explanation:
    """Explain a question. Raises `Faulted` for a model or preference that there is not."""
    names = (*((question.model,) if question.model else ()), *question.models)
    if not names:
        raise invalid("`model` is missing. Send the id of a model.", "model")
    if len(names) > MOST_NAMES:
        raise invalid(f"{len(names)} models are named. Name at most {MOST_NAMES}.", "models")
    for name in names:
        if find_router(name, market.catalogue) is not None:
            message = f"`{name}` chooses a model by what a request says. Ask it, and have the generation explained."
            raise invalid(message, "model")
    preferences = decode_preferences(question.provider)
    chosen = [named_model(name, preferences, market.catalogue, question.task) for name in dict.fromkeys(names)]
    own = tuple(one for _, one in chosen)
    wish = Wish(
        models=tuple(model for model, _ in chosen),
        prompt_tokens=question.prompt_tokens,
        max_tokens=question.max_tokens,
        needs=question.parameters,
        modalities=question.input_modalities - {"text"},
        task=question.task,
        dialects=SPEAKERS[question.task],
        preferences=own[0],
        apart=own if any(one is not own[0] for one in own) else (),
        policy=market.policy,
    )

    def rates_of(endpoint: Endpoint) -> Rates:
        return resolve(endpoint.price, at_ns, question.prompt_tokens)

    return explain(wish, market.catalogue, market.health, at_ns, seed, rates_of)


def explanation_object(found: Explanation) -> dict[str, Any]:
    """Show an explanation; money is in decimal strings of USD, prices are per token."""
    fault = found.fault
    return {
        "models": list(found.wish.models),
        "strategy": found.strategy,
        "expected": {"prompt_tokens": found.wish.prompt_tokens, "output_tokens": round(found.output_tokens)},
        "routing_funnel": [step.shown for step in found.funnel],
        "candidates": [_candidate_object(candidate) for candidate in found.candidates],
        "error": None if fault is None else {"message": fault.message, **_availability(fault.details)},
    }


def _availability(details: dict[str, Any]) -> dict[str, Any]:
    return {"availability": details["availability"]} if "availability" in details else {}


def _candidate_object(candidate: Candidate) -> dict[str, Any]:
    endpoint, outlook, row = candidate.endpoint, candidate.outlook, candidate.weighed
    rates = candidate.rates
    cache_read = rates.prompt if rates.cache_read is None else rates.cache_read
    return {
        "model": endpoint.model,
        "provider": endpoint.provider.name,
        "tag": endpoint.tag,
        "simulated": endpoint.simulated,
        "rank": candidate.rank,
        "why": candidate.why,
        "removed_by": candidate.removed_by,
        "note": row.note if row else None,
        "share": row.share if row else None,
        "expected_cost": usd_from_nano(row.cost_nano) if row else None,
        "expected_wait_ms": round(row.wait_ms, 1) if row else None,
        "expected_total_ms": round(row.total_ms, 1) if row else None,
        "penalty": round(row.penalty, 4) if row else None,
        "pricing": {
            "prompt": usd_per_token(rates.prompt),
            "completion": usd_per_token(rates.completion),
            "input_cache_read": usd_per_token(cache_read),
        },
        "varies_by_time_or_length": bool(endpoint.price.overrides),
        "standing": candidate.standing,
        "uptime": candidate.uptime,
        "failing": None if candidate.failing is None else round(candidate.failing, 5),
        "expected": {
            "tries": round(outlook.tries, 1),
            "error_rate": round(outlook.errors, 5),
            "rate_limited": round(outlook.limits, 5),
            "tool_error_rate": round(outlook.tool_errors, 5),
            "cache_hit_rate": round(outlook.cached, 5),
            "tokens_per_s": round(1 / outlook.token_s, 1) if outlook.token_s else None,
            "quality": outlook.quality,
        },
    }
