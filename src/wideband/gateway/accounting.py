"""What came of a request: its charge, what the caller is told of it, its record, and what it says of its endpoint."""

import msgspec

from wideband.canon.faults import Fault, FaultKind
from wideband.canon.usage import Usage
from wideband.clock import monotonic_ns, now_ns
from wideband.dialects.base import Closing
from wideband.gateway import metadata
from wideband.gateway.choosing import rates_at
from wideband.gateway.trial import Trial
from wideband.gateway.turns import NOT_ITS_DOING
from wideband.gateway.work import Work
from wideband.metering.meter import Facts
from wideband.pricing import Charge, charge
from wideband.routing.plans import Outcome

NOTHING = Charge(0, 0, 0)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a request. `outcome` is for the health board; None when no try was committed."""

    closing: Closing
    facts: Facts
    outcome: Outcome | None = None


def account_for(work: Work, trial: Trial | None, fault: Fault | None) -> Account:
    """Work out what is charged and what is told of it."""
    usage = work.meter.usage(work.ask.prompt_chars) if trial is not None else Usage()
    rates = rates_at(work, trial.endpoint, usage.prompt_tokens) if trial is not None else None
    charged = charge(rates, usage, work.ask.images) if rates is not None else NOTHING
    facts = _facts(work, trial, fault, usage, charged)
    if rates is not None:
        facts = msgspec.structs.replace(facts, rates=msgspec.structs.asdict(rates))
    return Account(
        closing=_closing(work, trial, fault, usage, charged),
        facts=facts,
        outcome=None if trial is None else _outcome(work, trial, fault, usage, charged),
    )


def blamed(work: Work, fault: Fault) -> str | None:
    """Return the name of the provider a fault came from."""
    provider = work.exchange.catalogue.providers.get(fault.provider or "")
    if provider is not None:
        return provider.name
    tried = work.meter.tries
    return tried[-1].provider_name if tried and fault.rule.blames_provider else None


def _closing(work: Work, trial: Trial | None, fault: Fault | None, usage: Usage, charged: Charge) -> Closing:
    router = None
    if work.caller.metadata and work.plan is not None:
        served = trial.endpoint if trial is not None else None
        router = metadata.router_metadata(work.ask.model, work.plan, tuple(work.meter.tries), served, work.losses)
    return Closing(
        usage=usage,
        cost_nano=charged.total_nano,
        prompt_cost_nano=charged.prompt_nano,
        completion_cost_nano=charged.completion_nano,
        fault=None if fault is None else metadata.for_caller(fault, blamed(work, fault), router),
        metadata=router,
    )


def _outcome(work: Work, trial: Trial, fault: Fault | None, usage: Usage, charged: Charge) -> Outcome:
    meter, cancelled = work.meter, fault is not None and fault.kind in NOT_ITS_DOING
    return Outcome(
        endpoint_id=trial.endpoint.id,
        at_ns=now_ns(),
        fault=None if cancelled else trial.broke,
        ttft_ns=meter.ttft_ns,
        generation_ns=meter.generation_ns,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        charged_nano=charged.total_nano,
        cancelled=cancelled,
    )


def _facts(work: Work, trial: Trial | None, fault: Fault | None, usage: Usage, charged: Charge) -> Facts:
    ask, caller = work.ask, work.caller
    cancelled = fault is not None and fault.kind is FaultKind.CANCELLED
    return Facts(
        id=work.id,
        created_ns=work.created_ns,
        at_ns=monotonic_ns(),
        account_id=caller.key.account_id,
        key_hash=caller.key.hash,
        api_type=work.dialect.api_type,
        dialect_in=work.dialect.name,
        dialect_out=trial.dialect.name if trial is not None else None,
        lane=trial.lane.name if trial is not None else "none",
        requested_model=ask.model,
        streamed=ask.stream,
        status=499 if cancelled else 200 if trial is not None or fault is None else fault.status,
        usage=usage,
        served=trial.endpoint if trial is not None else None,
        fault=fault,
        cancelled=cancelled,
        cost_nano=charged.total_nano,
        prompt_cost_nano=charged.prompt_nano,
        completion_cost_nano=charged.completion_nano,
        cache_discount_nano=charged.cache_discount_nano,
        held_nano=work.held_nano,
        losses=tuple(sorted({loss.feature for loss in work.losses})),
        session_id=ask.session_id or caller.session_id,
        user=ask.user,
        app_url=caller.app_url,
        app_title=caller.app_title,
        user_agent=caller.user_agent,
        is_warm=trial is not None and work.warm is not None and work.warm.endpoint_id == trial.endpoint.id,
    )
