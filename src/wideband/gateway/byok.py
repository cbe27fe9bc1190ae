"""Accounts' own provider keys in a plan: which endpoints they open, and where they stand beside the exchange's own."""

from collections.abc import Iterable, Sequence

import msgspec

from wideband.accounts.ownkeys import OwnKey
from wideband.catalog.rows import Catalogue, Endpoint
from wideband.gateway.work import Work
from wideband.routing.health import Health
from wideband.routing.plans import Plan, Preferences, Wish


def take_own_keys(work: Work) -> tuple[OwnKey, ...]:
    """Return the keys that the caller's account brings, and open to the request what can be asked with them."""
    held = work.exchange.own_keys
    keys = held.of(work.caller.key.account_id) if held is not None else ()
    if not keys or held is None:
        return ()
    work.secrets = {key.id: secret for key in keys if (secret := held.secret(key.id)) is not None}
    keys = tuple(key for key in keys if key.id in work.secrets)
    work.catalogue = work.exchange.catalogue_with(frozenset(key.provider for key in keys))
    return keys


def uncut(wish: Wish) -> Wish:
    """Return a wish whose plan names every endpoint: which one is first shows only with the account's keys in it."""
    return msgspec.structs.replace(
        wish, preferences=_uncut(wish.preferences), apart=tuple(_uncut(own) for own in wish.apart)
    )


def _uncut(preferences: Preferences) -> Preferences:
    return msgspec.structs.replace(preferences, allow_fallbacks=True) if _is_cut(preferences) else preferences


def _is_cut(preferences: Preferences) -> bool:
    return not preferences.allow_fallbacks and not preferences.order


def with_own_keys(plan: Plan, keys: Sequence[OwnKey], work: Work, wish: Wish) -> Plan:
    """Return the plan of an `uncut` wish with the account's keys in it.

    Of each model first what is asked with prioritized keys, then the exchange's own endpoints, then fallback keys, each
    in the plan's order; last what an own key has failed at of late. `order` counts only within each of these.
    """
    shared, health = work.exchange.catalogue, work.exchange.health
    together = wish.preferences.sort_partition == "none"
    endpoints: list[Endpoint] = []
    for pool in _pools(plan.endpoints, together=together):
        found = _placed(pool, keys, shared, health, work.created_ns)
        endpoints += found[:1] if _is_cut(wish.preferences) else found
    if any(endpoint.own_key is not None for endpoint in endpoints):
        # A second try beside an own key's would be the exchange's, for money.
        work.may_hedge = False
    return msgspec.structs.replace(plan, endpoints=tuple(endpoints))


def own_only(plan: Plan) -> Plan | None:
    """Return the part of a plan that is asked with the account's own keys; None when there is none."""
    own = tuple(endpoint for endpoint in plan.endpoints if endpoint.own_key is not None)
    return msgspec.structs.replace(plan, endpoints=own) if own else None


def _pools(endpoints: Iterable[Endpoint], *, together: bool) -> Iterable[list[Endpoint]]:
    """Return the endpoints of each model, the models in the order in which they come; or all of them as one."""
    pools: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        pools.setdefault("" if together else endpoint.model, []).append(endpoint)
    return pools.values()


def _placed(
    pool: list[Endpoint], keys: Sequence[OwnKey], shared: Catalogue, health: Health, now_ns: int
) -> list[Endpoint]:
    first: list[Endpoint] = []
    own: list[Endpoint] = []
    fallback: list[Endpoint] = []
    resting: list[Endpoint] = []
    only_own = {key.provider for key in keys if key.always}
    for endpoint in pool:
        slug = endpoint.provider.slug
        for key in keys:
            if key.provider == slug:
                opened = _asked_with(endpoint, key)
                place = fallback if key.fallback else first
                (place if _may_be_asked(health, opened.id, now_ns) else resting).append(opened)
        if slug in shared.providers and slug not in only_own:
            own.append(endpoint)
    return [*first, *own, *fallback, *resting]


def _asked_with(endpoint: Endpoint, key: OwnKey) -> Endpoint:
    """Return an endpoint as asked with an own key: how it does is then that key's affair, and nobody else's."""
    return msgspec.structs.replace(endpoint, id=f"{endpoint.id}:{key.id}", own_key=key.id)


def _may_be_asked(health: Health, endpoint_id: str, now_ns: int) -> bool:
    standing = health.standing(endpoint_id, now_ns)
    return standing == "healthy" or (standing == "half_open" and health.claim_probe(endpoint_id, now_ns))
