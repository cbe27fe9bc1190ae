"""The funnel: what takes endpoints out of a plan, one row each, in the order in which it is applied."""

from collections.abc import Callable, Collection, Sequence

import msgspec

from wideband.canon.faults import FaultKind
from wideband.catalog.rows import Endpoint, Rates
from wideband.dialects.searching import can_search
from wideband.routing.plans import Wish
from wideband.routing.preferences import names, tier_of

Endpoints = Sequence[Endpoint]
RatesOf = Callable[[Endpoint], Rates]

# Parameters that narrow the choice to the endpoints that take them, if there are any, without being required.
SOFT_NEEDS = ("tools", "tool_choice", "response_format", "structured_outputs", "verbosity")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `keep` returns what stays; the rest says what to tell a caller who is left with nothing.

    `message` follows "No endpoints found for <models>"; `excluded_by` and `code` are words of `error.availability`.
    `offers_plain` names the models themselves as a way out there.
    """

    step: str
    keep: Callable[[Wish, Endpoints, RatesOf], Endpoints]
    reason: Callable[[Wish], str]
    message: Callable[[Wish, Endpoints], str]
    excluded_by: str
    param: str | None = None
    code: str = "constraint_filtered"
    kind: FaultKind = FaultKind.NO_ENDPOINTS
    offers_plain: bool = False


def _dialects(wish: Wish, endpoints: Endpoints, _: RatesOf) -> Endpoints:
    known = wish.dialects
    if known is None:
        return endpoints
    return [e for e in endpoints if not known.isdisjoint(e.provider.dialects(e.model))]


def _free(wish: Wish, endpoints: Endpoints, _: RatesOf) -> Endpoints:
    return [e for e in endpoints if is_free(e)] if wish.preferences.free else endpoints


def is_free(endpoint: Endpoint) -> bool:
    """Say whether an endpoint costs nothing, whatever is asked and whenever."""
    price = endpoint.price
    return not any(msgspec.structs.astuple(price.base)) and not any(any(o.rates.values()) for o in price.overrides)


def _web(wish: Wish, endpoints: Endpoints, _: RatesOf) -> Endpoints:
    return [e for e in endpoints if searches(e, wish.dialects)] if wish.preferences.web else endpoints


def searches(endpoint: Endpoint, dialects: Collection[str] | None = None) -> bool:
    """Say whether an endpoint searches the web itself when it is asked in one of these dialects (None: any)."""
    spoken = endpoint.provider.dialects(endpoint.model)
    return any(
        can_search(endpoint.quirks_in(dialect), dialect)
        for dialect in spoken
        if dialects is None or dialect in dialects
    )


def _only(wish: Wish, endpoints: Endpoints, _: RatesOf) -> Endpoints:
    only, tiers = wish.preferences.only, wish.preferences.tiers
    return [e for e in endpoints if any(names(slug, e, tiers) for slug in only)] if only else endpoints


def _ignore(wish: Wish, endpoints: Endpoints, _: RatesOf) -> Endpoints:
    ignore, tiers = wish.preferences.ignore, wish.preferences.tiers
    return [e for e in endpoints if not any(names(slug, e, tiers) for slug in ignore)] if ignore else endpoints


def _tier(wish: Wish, endpoints: Endpoints, _: RatesOf) -> Endpoints:
    if not any("/" in e.tag and tier_of(e) for e in endpoints):
        return endpoints
    if wish.preferences.tier == "flex" and (cheap := [e for e in endpoints if tier_of(e) == "flex"]):
        # Who asks for the cheap service would rather wait than pay more.
        return cheap
    named = {slug.casefold() for slug in (*wish.preferences.only, *wish.preferences.order)}
    admitted = (None, *wish.preferences.tiers)
    return [e for e in endpoints if tier_of(e) in admitted or e.tag.casefold() in named]


def _context(wish: Wish, endpoints: Endpoints, _: RatesOf) -> Endpoints:
    if wish.task != "generate":
        # What is embedded or ranked is read one by one, and the length of all says nothing about the longest.
        return endpoints
    tokens = wish.prompt_tokens
    return [e for e in endpoints if e.context_length is None or tokens <= e.context_length]


def _modalities(wish: Wish, endpoints: Endpoints, _: RatesOf) -> Endpoints:
    asked = wish.modalities
    if not asked:
        return endpoints
    return [e for e in endpoints if e.input_modalities is None or asked.issubset(e.input_modalities)]


def _parameters(wish: Wish, endpoints: Endpoints, _: RatesOf) -> Endpoints:
    needs = wish.needs
    if needs and wish.preferences.require_parameters:
        endpoints = [e for e in endpoints if e.supported_parameters is None or needs <= e.supported_parameters]
    elif needs:
        for need in SOFT_NEEDS:
            if need in needs:
                able = [e for e in endpoints if e.supported_parameters is None or need in e.supported_parameters]
                endpoints = able or endpoints
    if wish.max_tokens is not None:
        # Soft as well: where every cap is lower than what was asked for, the dialect asks for the cap instead.
        endpoints = [e for e in endpoints if e.max_output is None or wish.max_tokens <= e.max_output] or endpoints
    return endpoints


def _data_policy(wish: Wish, endpoints: Endpoints, _: RatesOf) -> Endpoints:
    preferences = wish.preferences
    if preferences.data_collection == "deny":
        endpoints = [e for e in endpoints if e.provider.data_policy.trains is False and _keeps_nothing(e)]
    if preferences.zdr:
        endpoints = [e for e in endpoints if _keeps_nothing(e)]
    return endpoints


def _keeps_nothing(endpoint: Endpoint) -> bool:
    policy = endpoint.provider.data_policy
    return policy.retains is False and not policy.retention_days


def _quantization(wish: Wish, endpoints: Endpoints, _: RatesOf) -> Endpoints:
    asked = wish.preferences.quantizations
    return [e for e in endpoints if (e.quantization or "unknown").casefold() in asked] if asked else endpoints


def _max_price(wish: Wish, endpoints: Endpoints, rates_of: RatesOf) -> Endpoints:
    limits = wish.preferences.max_price
    if not limits:
        return endpoints
    return [e for e in endpoints if all(_price(rates_of(e), key) <= limit for key, limit in limits.items())]


def _price(rates: Rates, key: str) -> int:
    if key == "audio":
        return rates.prompt if rates.audio_prompt is None else rates.audio_prompt
    price: int = getattr(rates, key)
    return price


def _order(wish: Wish, endpoints: Endpoints, _: RatesOf) -> Endpoints:
    preferences = wish.preferences
    if preferences.allow_fallbacks or not preferences.order:
        return endpoints
    return [e for e in endpoints if any(names(slug, e) for slug in preferences.order)]


def _for_what(wish: Wish) -> str:
    """Say the task, or the one protocol in which alone this can be asked."""
    (first, *others) = sorted(wish.dialects or ("",))
    return f"to {wish.task}" if others or not first else f"to {wish.task} in {first}"


def _listed(words: Sequence[str] | frozenset[str]) -> str:
    return ", ".join(sorted(words) if isinstance(words, frozenset) else words)


def _served_by(endpoints: Endpoints) -> str:
    return _listed(tuple(dict.fromkeys(e.tag for e in endpoints)))


def _prices(wish: Wish) -> str:
    return _listed(tuple(f"{key} <= ${nano / 1e9:.9g}" for key, nano in wish.preferences.max_price.items()))


FILTERS: tuple[Filter, ...] = (
    Filter(
        step="Filter by Task",
        keep=_dialects,
        reason=lambda wish: f"not every provider can be asked {_for_what(wish)}",
        message=lambda wish, had: f"they are served by {_served_by(had)}, where nothing can be asked {_for_what(wish)}",
        excluded_by="task",
        code="wrong_endpoint",
    ),
    Filter(
        step="Filter by Free Variant",
        keep=_free,
        reason=lambda _: ":free permits only endpoints without a price",
        message=lambda _, had: f"nobody serves them for free; without `:free` they are served by {_served_by(had)}",
        excluded_by="free_variant",
        param="model",
        code="free_variant_ended",
        offers_plain=True,
    ),
    Filter(
        step="Filter by Web Search",
        keep=_web,
        reason=lambda _: "not every provider searches the web itself",
        message=lambda _, had: f"they are served by {_served_by(had)}, where nobody searches the web",
        excluded_by="web_search",
        param="model",
    ),
    Filter(
        step="Filter by Allowed Providers",
        keep=_only,
        reason=lambda wish: f"provider.only permits {_listed(wish.preferences.only)}",
        message=lambda wish, had: (
            f"they are served by {_served_by(had)}, but provider.only permits only {_listed(wish.preferences.only)}"
        ),
        excluded_by="allowed_providers",
        param="provider.only",
    ),
    Filter(
        step="Filter by Ignored Providers",
        keep=_ignore,
        reason=lambda wish: f"provider.ignore lists {_listed(wish.preferences.ignore)}",
        message=lambda _, had: f"provider.ignore rules out all who serve them: {_served_by(had)}",
        excluded_by="allowed_providers",
        param="provider.ignore",
    ),
    Filter(
        step="Filter by Service Tier",
        keep=_tier,
        reason=lambda wish: (
            "service_tier asks for flex, and falls back on nothing else"
            if wish.preferences.tier == "flex"
            else "service tiers are used only when they are named"
        ),
        message=lambda _, had: f"only service tiers serve them ({_served_by(had)}): name one in provider.only",
        excluded_by="allowed_providers",
    ),
    Filter(
        step="Filter by Context Length",
        keep=_context,
        reason=lambda wish: f"the prompt is about {wish.prompt_tokens} tokens",
        message=lambda wish, had: (
            f"the prompt is too long: about {wish.prompt_tokens} tokens, and the maximum context length is "
            f"{max(e.context_length or 0 for e in had)} tokens"
        ),
        excluded_by="context_length",
        kind=FaultKind.CONTEXT_LENGTH,
    ),
    Filter(
        step="Filter by Modalities",
        keep=_modalities,
        reason=lambda wish: f"the request holds {_listed(wish.modalities)} input",
        message=lambda wish, _: f"none takes {_listed(wish.modalities)} input",
        excluded_by="modalities",
    ),
    Filter(
        step="Filter by Parameters",
        keep=_parameters,
        reason=lambda wish: "not every endpoint takes " + (_listed(wish.needs) or "so large a max_tokens"),
        message=lambda wish, _: f"none can handle all the requested parameters: {_listed(wish.needs)}",
        excluded_by="require_parameters",
        param="provider.require_parameters",
    ),
    Filter(
        step="Filter by Data Policy",
        keep=_data_policy,
        reason=lambda wish: "zero data retention is asked for" if wish.preferences.zdr else "data collection is denied",
        message=lambda wish, _: (
            "none matches the data policy asked for: "
            + ("zero data retention" if wish.preferences.zdr else "no data collection")
        ),
        excluded_by="data_policy",
        code="privacy_restricted",
    ),
    Filter(
        step="Filter by Quantization",
        keep=_quantization,
        reason=lambda wish: f"provider.quantizations permits {_listed(wish.preferences.quantizations)}",
        message=lambda wish, _: f"none runs at {_listed(wish.preferences.quantizations)}",
        excluded_by="quantization",
        param="provider.quantizations",
    ),
    Filter(
        step="Filter by Max Price",
        keep=_max_price,
        reason=lambda wish: f"provider.max_price asks for {_prices(wish)}",
        message=lambda wish, _: f"none is as cheap as provider.max_price asks for: {_prices(wish)}",
        excluded_by="max_price",
        param="provider.max_price",
    ),
    Filter(
        step="Filter by Order",
        keep=_order,
        reason=lambda wish: f"provider.order names {_listed(wish.preferences.order)} and fallbacks are off",
        message=lambda wish, had: (
            f"they are served by {_served_by(had)}, but provider.order without fallbacks permits only "
            f"{_listed(wish.preferences.order)}"
        ),
        excluded_by="allowed_providers",
        param="provider.order",
    ),
)
