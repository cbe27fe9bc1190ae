"""`wideband/auto` and `wideband/free` at work: from a request to the models that stand behind the router's name."""

from collections.abc import Callable
from typing import Any

import msgspec

from wideband.canon.availability import told
from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.catalog.rows import Endpoint, Rates
from wideband.clock import now_ns
from wideband.dialects.base import Ask
from wideband.gateway.lanes import SPEAKERS
from wideband.gateway.plugins import find_plugin
from wideband.gateway.work import Routed, Work
from wideband.ids import seed
from wideband.metering.meter import CHARS_A_TOKEN
from wideband.routing.auto import (
    MOST_GLOBS,
    ROUTERS,
    TIERS,
    Choice,
    Figures,
    Question,
    Restrictions,
    find_router,
    free_models,
    is_able,
    tier_at,
)
from wideband.routing.plans import Preferences, Wish
from wideband.routing.stickiness import conversation_key, place_key
from wideband.routing.tags import Features, task_tag
from wideband.routing.variants import LONGEST_NAME, VARIANTS, refined

PLUGINS = frozenset({"auto-router", "auto-beta-router"})
# How long a conversation keeps its model.
KEPT_S = 600
NO_MATCH = "No models match your request and model restrictions"


def features_of(ask: Ask) -> Features:
    """Return what of a request tells its kind of work."""
    return Features(
        opening=ask.opening,
        asking=ask.asking,
        needs=ask.needs,
        modalities=ask.modalities,
        tools=bytes(ask.fields.get("tools", b"")),
        prompt_tokens=ask.prompt_chars // CHARS_A_TOKEN,
        max_tokens=ask.max_tokens,
    )


def tag_of(work: Work) -> str | None:
    """Return the kind of work that a request asks for; None where nothing is generated."""
    if work.routed is not None and work.routed.tag is not None:
        return work.routed.tag
    return task_tag(features_of(work.ask)) if work.dialect.task == "generate" else None


def routed_models(work: Work, name: str, preferences: Preferences) -> list[tuple[str, Preferences]] | None:
    """Return the models that a router's name stands for in this request, best first; None for any other name.

    Raises `Faulted` (no_endpoints when the caller's restrictions leave none, invalid_request).
    """
    catalogue = work.exchange.catalogue
    found = find_router(name, catalogue)
    if found is None or work.dialect.task != "generate":
        return None
    router, variants = found
    if unknown := [word for word in variants if word not in VARIANTS]:
        raise invalid(f"`{router}` has no variant `:{unknown[0]}`.", "model")
    strategy = ROUTERS[router].strategy
    own = refined(preferences, (*variants, "free") if strategy == "free" else variants)
    features, market = features_of(work.ask), work.exchange.auto
    figures = market.figures(catalogue)
    fits = _fitting(work, own)
    tag: str | None = None
    if strategy == "auto":
        tag = task_tag(features)
        question = Question(tag=tag, features=features, own=market.shares(tag))
        restrictions = restrictions_of(work.ask, market.tier)
        choices = market.choose(question, figures, restrictions, fits)
    else:
        restrictions = Restrictions()
        choices = free_models(features, figures, seed(), fits)

    def is_candidate(held: Figures) -> bool:
        return restrictions.permit(held.model) and is_able(held, features) and fits(held.model)

    choices = _kept(work, router, choices, is_candidate)
    if not choices:
        raise Faulted(_no_match(router, strategy))
    work.routed = Routed(router=router, strategy=strategy, tag=tag, stage=_stage(strategy, tag, choices))
    return [(choice.model, own) for choice in choices]


def restrictions_of(ask: Ask, tier: str) -> Restrictions:
    """Return what the `auto-router` plugin permits. Raises `Faulted` (invalid_request)."""
    plugin = find_plugin(ask, PLUGINS)
    if plugin is None:
        return Restrictions(tier=tier)
    return Restrictions(
        allowed=_globs(plugin, "allowed_models"), excluded=_globs(plugin, "excluded_models"), tier=_tier(plugin, tier)
    )


def _globs(plugin: dict[str, Any], name: str) -> tuple[str, ...]:
    told = plugin.get(name)
    if told is None:
        return ()
    if not isinstance(told, list) or len(told) > MOST_GLOBS or not all(map(_is_glob, told)):
        raise invalid(
            f"`{name}` must be a list of at most {MOST_GLOBS} model ids, which may hold `*`.", f"plugins.{name}"
        )
    return tuple(told)


def _is_glob(told: object) -> bool:
    return isinstance(told, str) and len(told) <= LONGEST_NAME


def _tier(plugin: dict[str, Any], tier: str) -> str:
    told = plugin.get("cost_tier")
    if told is not None:
        if not isinstance(told, str) or told not in TIERS:
            raise invalid(f"`cost_tier` must be one of {', '.join(TIERS)}.", "plugins.cost_tier")
        return told
    tradeoff = plugin.get("cost_quality_tradeoff")
    if tradeoff is None:
        return tier
    if isinstance(tradeoff, bool) or not isinstance(tradeoff, int | float) or not 0 <= tradeoff <= 10:
        raise invalid("`cost_quality_tradeoff` must be a number from 0 to 10.", "plugins.cost_quality_tradeoff")
    # Ten is for cost alone, nought for quality alone.
    return list(TIERS)[min(int((10 - tradeoff) // 2), len(TIERS) - 1)]


def _fitting(work: Work, preferences: Preferences) -> Callable[[str], bool]:
    """Return a test whether an endpoint of a model passes the filters of a request."""
    ask, exchange = work.ask, work.exchange
    wish = Wish(
        models=(),
        prompt_tokens=ask.prompt_chars // CHARS_A_TOKEN,
        max_tokens=ask.max_tokens,
        needs=ask.needs,
        modalities=ask.modalities,
        dialects=frozenset({ask.dialect}) if ask.untranslatable else SPEAKERS["generate"],
        preferences=preferences,
    )

    def rates_of(endpoint: Endpoint) -> Rates:
        return exchange.rate_card.rates(endpoint.price, work.created_ns, wish.prompt_tokens)

    def fits(model: str) -> bool:
        endpoints = exchange.catalogue.endpoints.get(model, ())
        return bool(exchange.health.sieve.sift(wish, endpoints, rates_of).endpoints)

    return fits


def _kept(work: Work, router: str, choices: list[Choice], is_candidate: Callable[[Figures], bool]) -> list[Choice]:
    """Put the model that the conversation went to first, while it is a candidate in the tier that was found."""
    catalogue, known = work.exchange.catalogue, work.exchange.auto
    key = _key(work, router)
    place = work.exchange.sticky.find(key, work.created_ns) if key is not None and choices else None
    held = known.serving(place.endpoint_id, catalogue) if place is not None else None
    first = known.find(choices[0].model, catalogue) if held is not None else None
    if held is None or first is None or tier_at(held.percentile) != tier_at(first.percentile) or not is_candidate(held):
        return choices
    score = next((choice.score for choice in choices if choice.model == held.model), 0.0)
    kept = Choice(model=held.model, score=score, reason="the conversation's model")
    return [kept, *(choice for choice in choices if choice.model != held.model)]


def note_routed(work: Work, endpoint: Endpoint) -> None:
    """Keep in mind which model a router's conversation went to."""
    key = _key(work, work.routed.router) if work.routed is not None else None
    if key is not None:
        work.exchange.sticky.note(key, endpoint.id, work.ask.prompt_chars // CHARS_A_TOKEN, now_ns(), KEPT_S)


def _key(work: Work, router: str) -> int | None:
    ask = work.ask
    name = ask.session_id or work.caller.session_id or ask.cache_key or ask.opening
    return place_key(conversation_key(work.caller.key.account_id, name), router) if name else None


def _stage(strategy: str, tag: str | None, choices: list[Choice]) -> dict[str, Any]:
    """Return what `openrouter_metadata.pipeline` tells of a choice."""
    data: dict[str, Any] = {"task_type": tag} if tag is not None else {}
    data["resolved_to"] = choices[0].model
    data["fallback_models"] = [choice.model for choice in choices[1:]]
    data["candidates"] = [msgspec.structs.asdict(choice) for choice in choices]
    summary = f"{tag or 'free'} -> {choices[0].model}"
    return {"type": "plugin", "name": f"{strategy}-router", "summary": summary, "data": data}


def _no_match(router: str, strategy: str) -> Fault:
    message = NO_MATCH if strategy == "auto" else "No model can take your request for free"
    details = {"availability": told("constraint_filtered", [router])}
    return Fault(kind=FaultKind.NO_ENDPOINTS, message=message, param="model", details=details)
