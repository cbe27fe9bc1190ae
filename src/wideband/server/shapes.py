"""Keys and records as OpenRouter's API shows them; every field its strict SDKs ask for is there, null when unknown."""

from datetime import UTC, datetime
from typing import Any

from wideband.accounts.rows import Key
from wideband.metering.record import Generation
from wideband.store.base import Spend
from wideband.wire.jsons import dollars


def iso(at_ns: int) -> str:
    """Return an instant in RFC 3339, to the millisecond."""
    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def key_object(key: Key, spend: Spend) -> dict[str, Any]:
    """Show a key to its manager; its secret is not known here."""
    return {
        "hash": key.hash,
        "name": key.name,
        "label": key.label,
        "disabled": key.disabled,
        **_limits(key, spend),
        **_spend("usage", spend),
        **_spend("byok_usage", Spend()),
        "include_byok_in_limit": False,
        "created_at": iso(key.created_ns),
        "updated_at": None if key.updated_ns is None else iso(key.updated_ns),
        "last_used_at": None,
        "expires_at": None if key.expires_ns is None else iso(key.expires_ns),
        "creator_user_id": None,
        "external_user": None,
        "workspace_id": key.account_id,
        "is_management_key": key.management,
    }


def own_key_object(key: Key, spend: Spend) -> dict[str, Any]:
    """Show a key to its holder."""
    budget = _budget(key, spend)
    return {
        "label": key.label,
        **_limits(key, spend),
        **_spend("usage", spend),
        **_spend("byok_usage", Spend()),
        "include_byok_in_limit": False,
        "is_free_tier": False,
        "is_management_key": key.management,
        "is_provisioning_key": key.management,
        "creator_user_id": None,
        "organization_id": None,
        "workspace_id": key.account_id,
        "expires_at": None if key.expires_ns is None else iso(key.expires_ns),
        "allowed_data_regions": ["global"],
        "budgets": [budget] if budget else [],
        "effective_budget": budget,
        "free_model_daily_requests": {"limit": 0, "used": 0, "remaining": 0},
        "rate_limit": {"requests": -1, "interval": "10s", "note": "Deprecated: requests are not rate limited by key."},
    }


def _current_nano(key: Key, spend: Spend) -> int:
    by_window = {"daily": spend.daily_nano, "weekly": spend.weekly_nano, "monthly": spend.monthly_nano}
    return by_window.get(key.limit_reset or "", spend.total_nano)


def _limits(key: Key, spend: Spend) -> dict[str, Any]:
    if key.limit_nano is None:
        return {"limit": None, "limit_remaining": None, "limit_reset": key.limit_reset}
    left = key.limit_nano - _current_nano(key, spend)
    return {"limit": dollars(key.limit_nano), "limit_remaining": dollars(left), "limit_reset": key.limit_reset}


def _budget(key: Key, spend: Spend) -> dict[str, Any] | None:
    if key.limit_nano is None:
        return None
    spent = _current_nano(key, spend)
    return {
        "scope": "key_limit",
        "limit_usd": dollars(key.limit_nano),
        "spend_usd": dollars(spent),
        "remaining_usd": dollars(key.limit_nano - spent),
        "reset_interval": key.limit_reset,
        "resets_at": None,
        "include_byok": False,
        "guardrail_id": None,
        "budget_id": None,
    }


def _spend(name: str, spend: Spend) -> dict[str, Any]:
    return {
        name: dollars(spend.total_nano),
        f"{name}_daily": dollars(spend.daily_nano),
        f"{name}_weekly": dollars(spend.weekly_nano),
        f"{name}_monthly": dollars(spend.monthly_nano),
    }


def generation_object(record: Generation) -> dict[str, Any]:
    """Show a record: OpenRouter's fields, then ours."""
    return {
        "id": record.id,
        "request_id": record.id,
        "upstream_id": None if record.is_replayed else record.upstream_id,
        "created_at": iso(record.created_ns),
        "api_type": record.api_type,
        "model": record.model,
        "router": record.requested_model if record.strategy in ("auto", "free") else None,
        "provider_name": record.provider_name,
        "provider_responses": _provider_responses(record),
        "service_tier": record.service_tier,
        "data_region": "global",
        "origin": record.app_url or "",
        "http_referer": record.app_url,
        "user_agent": record.user_agent,
        "app_id": None,
        "external_user": record.user,
        "session_id": record.session_id,
        "preset_id": record.preset,
        "workspace_id": record.account_id,
        "streamed": record.streamed,
        "cancelled": record.cancelled,
        "is_byok": record.is_byok,
        "finish_reason": record.finish_reason,
        "native_finish_reason": record.native_finish_reason,
        "latency": record.ttft_ms if record.ttft_ms is not None else record.latency_ms,
        "moderation_latency": None,
        "generation_time": record.generation_ms,
        "tokens_prompt": record.prompt_tokens,
        "tokens_completion": record.completion_tokens,
        "native_tokens_prompt": record.prompt_tokens,
        "native_tokens_completion": record.completion_tokens,
        "native_tokens_completion_images": 0,
        "native_tokens_reasoning": record.reasoning_tokens,
        "native_tokens_cached": record.cached_tokens,
        "num_media_prompt": None,
        "num_input_audio_prompt": None,
        "num_media_completion": None,
        "num_search_results": None,
        "num_fetches": None,
        "web_search_engine": None,
        "total_cost": dollars(record.cost_nano),
        "usage": dollars(record.cost_nano),
        "upstream_inference_cost": dollars(record.upstream_cost_nano) if record.is_byok else None,
        "cache_discount": dollars(record.cache_discount_nano) if record.cache_discount_nano else None,
        "response_cache_source_id": record.upstream_id if record.is_replayed else None,
        "status": record.status,
        "error": None if record.fault is None else {"type": record.fault, "message": record.fault_message},
        "usage_source": record.usage_source,
        "lane": record.lane,
        "losses": list(record.losses),
        "routing": _routing(record),
        "tool_call_verdict": record.tool_verdict,
        "structured_output_verdict": record.structured_verdict,
        "stalls": record.stalls,
        "simulated": record.simulated,
    }


def _routing(record: Generation) -> dict[str, Any]:
    """Show how the endpoints of a request were ranked, those at the head of the plan."""
    return {
        "strategy": record.strategy,
        "is_warm": record.is_warm,
        "weighed": [
            {
                "tag": row.tag,
                "share": round(row.share, 6),
                "expected_cost": dollars(row.cost_nano),
                "expected_wait_ms": round(row.wait_ms, 1),
                "expected_total_ms": round(row.total_ms, 1),
                "penalty": round(row.penalty, 4),
                "note": row.note,
            }
            for row in record.weighed
        ],
    }


def _provider_responses(record: Generation) -> list[dict[str, Any]]:
    return [
        {
            "endpoint_id": one.endpoint_id,
            "id": one.upstream_id,
            "provider_name": one.provider_name,
            "model_permaslug": one.model,
            "status": one.status or None,
            "latency": one.ttft_ms if one.ttft_ms is not None else one.duration_ms,
            "is_byok": one.is_byok,
            "fault": one.fault,
            "message": one.message,
            "duration": one.duration_ms,
            "is_hedge": one.hedge,
        }
        for one in record.tries
    ]
