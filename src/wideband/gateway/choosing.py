"""From a request to its plan: which models its names stand for, what is wished of them, who is asked in which order."""

import msgspec

from wideband.canon.faults import Faulted, FaultKind, invalid
from wideband.canon.request import Task
from wideband.catalog.rows import Catalogue, Endpoint, Rates
from wideband.dialects.seals import last_provider
from wideband.gateway import metadata
from wideband.gateway.auto import routed_models
from wideband.gateway.byok import take_own_keys, uncut, with_own_keys
from wideband.gateway.lanes import SPEAKERS
from wideband.gateway.plugins import wants_search
from wideband.gateway.warmth import find_warm
from wideband.gateway.work import Work
from wideband.ids import seed
from wideband.metering.meter import CHARS_A_TOKEN
from wideband.pricing import fee, hold_amount
from wideband.routing.auto import find_router
from wideband.routing.plan import plan
from wideband.routing.plans import Plan, Preferences, Wish
from wideband.routing.preferences import decode_preferences, in_service_tier
from wideband.routing.variants import LONGEST_NAME, find_model, refined

# So many models a request may name.
MOST_NAMES = 64


def make_plan(work: Work) -> Plan:
    """Decide who is asked. Raises `Faulted` for a model or preference that there is not."""
    if keys := take_own_keys(work):
        wish = make_wish(work)
        return with_own_keys(_ranked(work, uncut(wish)), keys, work, wish)
    return _ranked(work, make_wish(work))


def _ranked(work: Work, wish: Wish) -> Plan:
    exchange = work.exchange
    work.warm = wish.warm
    work.may_hedge = wish.policy.hedge if wish.preferences.hedge is None else wish.preferences.hedge

    def rates_of(endpoint: Endpoint) -> Rates:
        return rates_at(work, endpoint, wish.prompt_tokens)

    found = plan(wish, work.catalogue, exchange.health, work.created_ns, seed(), rates_of)
    return found if work.routed is None else msgspec.structs.replace(found, strategy=work.routed.strategy)


def make_wish(work: Work) -> Wish:
    """Tell routing what it has to know of a request. Raises `Faulted` (invalid_request, model_not_found)."""
    ask, task = work.ask, work.dialect.task
    chosen = _models(work)
    own = tuple(one for _, one in chosen)
    work.searching = frozenset([model for model, one in chosen if one.web])
    models, prompt_tokens = tuple(model for model, _ in chosen), ask.prompt_chars // CHARS_A_TOKEN
    return Wish(
        models=models,
        prompt_tokens=prompt_tokens,
        max_tokens=ask.max_tokens,
        needs=ask.needs,
        modalities=ask.modalities,
        task=task,
        dialects=frozenset({ask.dialect}) if ask.untranslatable else SPEAKERS[task],
        sealed_by=last_provider(work.body),
        preferences=own[0],
        apart=own if any(one is not own[0] for one in own) else (),
        warm=None if own[0].order else find_warm(work, models, prompt_tokens),
        policy=work.exchange.policy,
    )


def _models(work: Work) -> list[tuple[str, Preferences]]:
    """Return the models that are asked for, each with the preferences that hold for it."""
    ask, catalogue = work.ask, work.catalogue
    preferences = in_service_tier(decode_preferences(ask.preferences), ask.service_tier)
    if wants_search(ask):
        preferences = msgspec.structs.replace(preferences, web=True)
    asked = ask.models or (ask.model,)
    if len(asked) > MOST_NAMES:
        raise invalid(f"`models` names {len(asked)} models. Name at most {MOST_NAMES}.", "models")
    chosen: list[tuple[str, Preferences]] = []
    unmatched: Faulted | None = None
    for name in asked:
        try:
            routed = routed_models(work, check_name(name), preferences)
        except Faulted as error:
            if error.fault.kind is not FaultKind.NO_ENDPOINTS:
                raise
            # A router that finds no model for this request leaves it to the names behind it.
            unmatched = unmatched or error
            continue
        if routed is None:
            routed = [named_model(name, preferences, catalogue, work.dialect.task)]
        chosen += [choice for choice in routed if choice not in chosen]
    if unmatched is not None and not chosen:
        raise unmatched
    return chosen


def check_name(name: str) -> str:
    """Return a name that may be looked for. Raises `Faulted` for one that is longer than any."""
    if len(name) > LONGEST_NAME:
        raise invalid(f"`{name[:40]}...` is not a valid model ID: it has {len(name)} letters.", "model")
    return name


def named_model(name: str, preferences: Preferences, catalogue: Catalogue, task: Task) -> tuple[str, Preferences]:
    """Return the model of a name, and the preferences with what the name adds to them. Raises `Faulted`."""
    if find_router(check_name(name), catalogue) is not None:
        message = f"`{name}` chooses by the request itself, and only for those that generate. Name a model."
        raise invalid(message, "model")
    named = find_model(name, catalogue)
    if named is None:
        raise Faulted(metadata.unknown_model(name, catalogue))
    row = catalogue.models.get(named.model)
    if row is not None and row.task != task:
        raise Faulted(metadata.wrong_task(row))
    return named.model, refined(preferences, named.variants)


def most_cost(work: Work, chosen: Plan) -> int:
    """Return what the dearest endpoint of a plan could charge at most, in nano-dollars."""
    ask, terms, dearest = work.ask, work.exchange.terms, 0
    prompt_tokens = ask.prompt_chars // CHARS_A_TOKEN
    asked = ask.max_tokens or terms.default_output_tokens
    documents = ask.inputs if work.dialect.task == "rerank" else 0
    for endpoint in chosen.endpoints:
        cap = endpoint.max_output
        output_tokens = (asked if cap is None or asked < cap else cap) * ask.n
        rates = rates_at(work, endpoint, prompt_tokens)
        most = hold_amount(rates, prompt_tokens, output_tokens, ask.images, documents)
        if endpoint.own_key is not None:
            most = fee(most, terms.byok_fee_permille)
        if most > dearest:
            dearest = most
    return dearest


def rates_at(work: Work, endpoint: Endpoint, prompt_tokens: int) -> Rates:
    """Return the rates of an endpoint for a prompt of this length at the request's arrival."""
    return work.exchange.rate_card.rates(endpoint.price, work.created_ns, prompt_tokens)
