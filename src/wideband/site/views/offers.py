"""Endpoints as pages list them: price and speed now, what the router makes of them, and how they did in a period."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from wideband.analytics.reliability import Uptime
from wideband.analytics.use import Speeds, Use
from wideband.canon.faults import Faulted
from wideband.catalog.rows import Catalogue, DataPolicy, Endpoint, Rates
from wideband.gateway.exchange import Exchange
from wideband.gateway.explaining import Market, Question, explained
from wideband.pricing import resolve
from wideband.routing.explain import Candidate
from wideband.routing.health import Health
from wideband.routing.minutes import Speeds as LiveSpeeds
from wideband.site.views.prices import Change, Level, level, next_change

_WINDOW, _DAY = 30, 24 * 60
# Of the tries of the last five minutes: an endpoint that fails more often is shown as degraded.
_DEGRADED = 0.05


class Status(msgspec.Struct, frozen=True):
    """How an endpoint is now: a word, the state that colours it, and the reason."""

    word: str
    kind: str
    why: str


class Offer(msgspec.Struct, frozen=True):
    """One endpoint. `share` is of its model's traffic as the router would send it now, None when it is not asked."""

    endpoint: Endpoint
    rates: Rates
    level: Level | None
    change: Change | None
    changes_at: str
    status: Status
    share: float | None
    why: str
    live: LiveSpeeds
    uptime_day: float | None
    use: Use
    speeds: Speeds
    uptime: Uptime | None

    @property
    def policy(self) -> list[tuple[str, str]]:
        return policy_words(self.endpoint.provider.data_policy)


class Past(msgspec.Struct, frozen=True):
    """What a period says of endpoints, by their ids."""

    uses: Mapping[str, Use] = {}
    speeds: Mapping[str, Speeds] = {}
    uptimes: Mapping[str, Uptime] = {}


UNREACHABLE = Status("not connected", "muted", "This server has no key for this provider.")


def book(exchange: Exchange) -> Catalogue:
    """Return every row there is, also those that this server has no key for."""
    return exchange.catalogue if exchange.known is None else exchange.known


def offers(exchange: Exchange, endpoints: Sequence[Endpoint], past: Past, at_ns: int) -> list[Offer]:
    """Return the offers of endpoints, the largest share of the traffic first, then by price."""
    asked = {each.model for each in endpoints}
    reached = {each.id for model in asked for each in exchange.catalogue.endpoints.get(model, ())}
    routed = {model: candidates(exchange, model, at_ns) for model in asked}
    found = []
    for each in endpoints:
        state = status(exchange, each.id, at_ns) if each.id in reached else UNREACHABLE
        found.append(_offer(exchange.health, (each, routed[each.model].get(each.id), state), past, at_ns))
    return sorted(found, key=lambda one: (-(one.share or 0), one.status.word == UNREACHABLE.word, _price(one)))


def candidates(exchange: Exchange, model: str, at_ns: int) -> dict[str, Candidate]:
    """Return what the router would make of each endpoint for a request without wishes, by id."""
    row = exchange.catalogue.models.get(model)
    if row is None or not exchange.catalogue.endpoints.get(model):
        return {}
    market = Market(exchange.catalogue, exchange.health, exchange.policy)
    try:
        found = explained(Question(model=model, task=row.task), market, at_ns, 0)
    except Faulted:
        return {}
    return {one.endpoint.id: one for one in found.candidates}


def status(exchange: Exchange, endpoint_id: str, at_ns: int) -> Status:
    """Return how an endpoint is now."""
    standing = exchange.health.standing(endpoint_id, at_ns)
    lately = exchange.health.total(endpoint_id, 5, at_ns)
    if standing == "resting":
        return Status("resting", "bad", "It rests after failures or a rate limit and is asked last.")
    if standing == "half_open":
        return Status("recovering", "warn", "One request at a time finds out whether it has recovered.")
    if lately.tries and lately.downs > _DEGRADED * lately.tries:
        return Status("degraded", "warn", f"{lately.downs} of the last {lately.tries} tries failed.")
    if lately.tries:
        return Status("up", "ok", f"{lately.tries} tries in five minutes.")
    return Status("up", "ok", "Nothing is held against it; it was not asked in the last five minutes.")


def policy_words(policy: DataPolicy) -> list[tuple[str, str]]:
    """Return what a provider does with prompts, in words with the state that colours each."""
    if policy.trains is None and policy.retains is None:
        return [("not known", "muted")]
    trains = {None: ("training unknown", "warn"), True: ("trains on prompts", "bad"), False: ("no training", "ok")}
    if policy.retains is None:
        kept = ("retention unknown", "warn")
    elif not policy.retains:
        kept = ("zero retention", "ok")
    elif policy.retention_days is None:
        kept = ("keeps prompts", "warn")
    else:
        kept = (f"keeps {policy.retention_days} days", "warn")
    return [trains[policy.trains], kept]


def variables(endpoints: Iterable[Endpoint], usable: Catalogue) -> list[str]:
    """Return which variables of the environment would connect who cannot be asked yet."""
    asked = {each.provider.slug for rows in usable.endpoints.values() for each in rows}
    found = {
        each.provider.key_env[0] for each in endpoints if each.provider.slug not in asked and each.provider.key_env
    }
    return sorted(found)


def worst(statuses: Iterable[Status]) -> Status | None:
    """Return the status that a group is in: the worst only when all are in it."""
    held = list(statuses)
    if not held:
        return None
    down = [one for one in held if one.kind == "bad"]
    if len(down) == len(held):
        return Status("down", "bad", "Every endpoint rests.")
    trouble = [one for one in held if one.kind in ("bad", "warn")]
    if trouble:
        return Status("degraded", "warn", f"{len(trouble)} of {len(held)} endpoints are not well.")
    return held[0] if all(one.word == held[0].word for one in held) else Status("up", "ok", "")


def _offer(health: Health, seen: tuple[Endpoint, Candidate | None, Status], past: Past, at_ns: int) -> Offer:
    each, routed, state = seen
    change = next_change(each.price, at_ns)
    weighed = None if routed is None else routed.weighed
    return Offer(
        endpoint=each,
        rates=resolve(each.price, at_ns, 0),
        level=level(each.price, at_ns),
        change=change,
        changes_at="" if change is None else _when(change.at_s, at_ns),
        status=state,
        share=None if weighed is None else weighed.share,
        why=UNREACHABLE.why if routed is None else routed.why,
        live=health.percentiles(each.id, _WINDOW, at_ns),
        uptime_day=health.uptime(each.id, _DAY, at_ns),
        use=past.uses.get(each.id, Use()),
        speeds=past.speeds.get(each.id, Speeds()),
        uptime=past.uptimes.get(each.id),
    )


def _when(at_s: int, now_ns: int) -> str:
    """Write an hour, with the weekday where that is not today."""
    at, today = (datetime.fromtimestamp(second, UTC) for second in (at_s, now_ns // 1_000_000_000))
    return at.strftime("%H:%M" if at.date() == today.date() else "%a %H:%M")


def _price(offer: Offer) -> int:
    return offer.rates.prompt * 3 + offer.rates.completion + offer.rates.request
