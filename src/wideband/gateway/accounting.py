"""What came of a request: its charge, what the caller is told of it, its record, and what it says of its endpoint."""

from functools import partial

import msgspec

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.usage import Usage
from wideband.clock import monotonic_ns, now_ns
from wideband.dialects.base import Closing
from wideband.gateway import metadata
from wideband.gateway.auto import tag_of
from wideband.gateway.choosing import rates_at
from wideband.gateway.trial import Trial
from wideband.gateway.turns import NOT_ITS_DOING
from wideband.gateway.work import Work
from wideband.metering.meter import Facts
from wideband.pricing import Charge, charge, fee
from wideband.routing.plans import Outcome, Verdict

NOTHING = Charge(0, 0, 0)
# Of the ranking a record keeps so many, best first.
WEIGHED_KEPT = 8
# Finishes that say why there are no words: such an answer is what was asked for.
_EXPLAINED = frozenset({"length", "content_filter"})


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What was used, what it costs at the endpoint's prices, and what the account is charged for it."""

    usage: Usage = Usage()
    price: Charge = NOTHING
    charged: Charge = NOTHING
    is_insured: bool = False
    is_byok: bool = False


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a request. `outcome` is for the health board; None when no try was committed."""

    closing: Closing
    facts: Facts
    outcome: Outcome | None = None


def ending_of(work: Work, trial: Trial | None, fault: Fault | None) -> Ending:
    """Work out what is charged and what is told of it."""
    if trial is None:
        bill = Bill()
        return Ending(closing=_closing(work, None, fault, bill), facts=_facts(work, None, fault, bill))
    usage = work.meter.usage(work.ask.prompt_chars)
    rates = rates_at(work, trial.endpoint, usage.prompt_tokens)
    price = charge(rates, usage, work.ask.images)
    insured = _is_insured(work, trial, usage)
    own = trial.endpoint.own_key is not None
    charged = NOTHING if insured else _fee(work, price) if own else price
    bill = Bill(usage=usage, price=price, charged=charged, is_insured=insured, is_byok=own)
    tools, structured = _verdicts(work, trial, fault)
    facts = msgspec.structs.replace(
        _facts(work, trial, fault, bill),
        rates=msgspec.structs.asdict(rates),
        service_tier=trial.envelope.service_tier,
        tool_verdict=tools,
        structured_verdict=structured,
    )
    outcome = msgspec.structs.replace(_outcome(work, trial, fault, bill), tool_calls=tools, structured=structured)
    return Ending(closing=_closing(work, trial, fault, bill), facts=facts, outcome=outcome)


def _verdicts(work: Work, trial: Trial, fault: Fault | None) -> tuple[Verdict | None, Verdict | None]:
    """Judge what the model wrote for programs in an answer that is whole: its calls, and text under a schema."""
    offered, ask = work.dialect.offered, work.ask
    if offered is None or fault is not None or trial.broke is not None:
        return None, None
    try:
        return work.meter.verdicts(partial(offered, ask))
    except Faulted:
        # The fast lane carries tools that nobody here can read: the provider could.
        return None, None


def _fee(work: Work, price: Charge) -> Charge:
    """Return what is charged where the account's own key was used and the provider charges it itself."""
    return Charge(fee(price.total_nano, work.exchange.terms.byok_fee_permille), 0, 0)


def _is_insured(work: Work, trial: Trial, usage: Usage) -> bool:
    """Say whether an answer is so empty that nobody is charged for it: no word of it reached the caller.

    It broke, or it ended without a token and without saying why. Who leaves early pays.
    """
    meter = work.meter
    if work.dialect.task != "generate" or not meter.is_silent:
        return False
    if trial.broke is not None:
        return trial.broke.kind is not FaultKind.CANCELLED
    return not usage.completion_tokens and meter.finish_reason not in _EXPLAINED


def blamed(work: Work, fault: Fault) -> str | None:
    """Return the name of the provider a fault came from."""
    provider = work.catalogue.providers.get(fault.provider or "")
    if provider is not None:
        return provider.name
    tried = work.meter.tries
    return tried[-1].provider_name if tried and fault.rule.blames_provider else None


def _closing(work: Work, trial: Trial | None, fault: Fault | None, bill: Bill) -> Closing:
    router = None
    if work.caller.metadata and work.plan is not None:
        served = trial.endpoint if trial is not None else None
        router = metadata.router_metadata(work.ask.model, work.plan, tuple(work.meter.tries), served, work.losses)
        if work.routed is not None:
            router["pipeline"] = [work.routed.stage]
    return Closing(
        usage=bill.usage,
        cost_nano=bill.charged.total_nano,
        # With an own key these two are what the provider charges, as `upstream_inference_…` says.
        prompt_cost_nano=(bill.price if bill.is_byok else bill.charged).prompt_nano,
        completion_cost_nano=(bill.price if bill.is_byok else bill.charged).completion_nano,
        upstream_nano=bill.price.total_nano if bill.is_byok else None,
        fault=None if fault is None else metadata.for_caller(fault, blamed(work, fault), router),
        metadata=router,
    )


def _outcome(work: Work, trial: Trial, fault: Fault | None, bill: Bill) -> Outcome:
    meter, usage, cancelled = work.meter, bill.usage, fault is not None and fault.kind in NOT_ITS_DOING
    return Outcome(
        endpoint_id=trial.endpoint.id,
        at_ns=now_ns(),
        fault=None if cancelled else trial.broke,
        ttft_ns=meter.ttft_ns,
        wait_told=trial.wait_told,
        generation_ns=meter.generation_ns,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        stalls=meter.stalls,
        charged_nano=bill.price.total_nano,
        cancelled=cancelled,
    )


def _facts(work: Work, trial: Trial | None, fault: Fault | None, bill: Bill) -> Facts:
    ask, caller, charged = work.ask, work.caller, bill.charged
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
        usage=bill.usage,
        served=trial.endpoint if trial is not None else None,
        fault=fault,
        cancelled=cancelled,
        cost_nano=charged.total_nano,
        prompt_cost_nano=charged.prompt_nano,
        completion_cost_nano=charged.completion_nano,
        cache_discount_nano=charged.cache_discount_nano,
        upstream_cost_nano=bill.price.total_nano,
        is_insured=bill.is_insured,
        is_byok=bill.is_byok,
        held_nano=work.held_nano,
        losses=tuple(sorted({loss.feature for loss in (*work.preset_losses, *work.losses)})),
        strategy=None if work.plan is None else work.plan.strategy,
        weighed=() if work.plan is None else work.plan.weighed_first(WEIGHED_KEPT),
        session_id=ask.session_id or caller.session_id,
        user=ask.user,
        app_url=caller.app_url,
        app_title=caller.app_title,
        user_agent=caller.user_agent,
        preset=work.preset.slug if work.preset is not None else None,
        task_tag=tag_of(work),
        is_warm=trial is not None and work.warm is not None and work.warm.endpoint_id == trial.endpoint.row_id,
    )
