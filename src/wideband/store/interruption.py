"""What becomes of a request whose server or worker died: a settlement that charges nothing, and its record."""

from wideband.accounts.rows import Hold, Settlement
from wideband.metering.record import Generation
from wideband.wire import jsons

FAULT = "interrupted"


def interrupted(hold: Hold, at_ns: int, why: str) -> Settlement:
    """Settle a hold that nobody else will. The caller was told nothing, so `status` is 0."""
    record = Generation(
        id=hold.id,
        created_ns=hold.created_ns,
        account_id=hold.account_id,
        key_hash=hold.key_hash,
        api_type="completions",
        dialect_in="",
        dialect_out=None,
        lane="none",
        requested_model=hold.model,
        model=hold.model,
        provider=None,
        provider_name=None,
        endpoint_id=None,
        upstream_id=None,
        streamed=False,
        cancelled=False,
        status=0,
        fault=FAULT,
        fault_message=why,
        finish_reason=None,
        native_finish_reason=None,
        tries=(),
        prompt_tokens=0,
        completion_tokens=0,
        cached_tokens=0,
        cache_write_tokens=0,
        cache_write_1h_tokens=0,
        reasoning_tokens=0,
        usage_source="none",
        tool_calls=0,
        cost_nano=0,
        prompt_cost_nano=0,
        completion_cost_nano=0,
        cache_discount_nano=0,
        rates={},
        held_nano=hold.amount_nano,
        latency_ms=None,
        ttft_ms=None,
        generation_ms=None,
        duration_ms=max(at_ns - hold.created_ns, 0) / 1_000_000,
    )
    return Settlement(
        id=hold.id,
        account_id=hold.account_id,
        key_hash=hold.key_hash,
        charge_nano=0,
        at_ns=at_ns,
        record=jsons.encode(record),
    )
