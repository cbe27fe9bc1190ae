"""Counters, and their text as Prometheus reads it."""

from typing import Any

from wideband.metering.record import Generation, Try
from wideband.server.metrics import Metrics, render


def record(**facts: Any) -> Generation:
    """Return a record with zeros and blanks wherever a test says nothing."""
    blanks: dict[str, Any] = {
        "id": "gen-1",
        "created_ns": 0,
        "account_id": "local",
        "key_hash": "",
        "api_type": "completions",
        "dialect_in": "openai_chat",
        "dialect_out": None,
        "lane": "fast",
        "requested_model": "m",
        "model": "m",
        "provider": None,
        "provider_name": None,
        "endpoint_id": None,
        "upstream_id": None,
        "streamed": False,
        "cancelled": False,
        "status": 200,
        "fault": None,
        "fault_message": None,
        "finish_reason": None,
        "native_finish_reason": None,
        "tries": (),
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "cached_tokens": 0,
        "cache_write_tokens": 0,
        "cache_write_1h_tokens": 0,
        "reasoning_tokens": 0,
        "usage_source": "provider",
        "tool_calls": 0,
        "cost_nano": 0,
        "prompt_cost_nano": 0,
        "completion_cost_nano": 0,
        "cache_discount_nano": 0,
        "rates": {},
        "held_nano": 0,
        "latency_ms": None,
        "ttft_ms": None,
        "generation_ms": None,
        "duration_ms": 0.0,
    }
    return Generation(**{**blanks, **facts})


def lines(*metrics: Metrics) -> list[str]:
    return render([each.snapshot(0) for each in metrics]).splitlines()


def test_requests_are_counted_by_dialect_and_status() -> None:
    metrics = Metrics()
    metrics.finished(record())
    metrics.finished(record(status=404, fault="no_endpoints"))
    text = lines(metrics)
    assert 'wideband_requests_total{dialect="openai_chat",status="200"} 1' in text
    assert 'wideband_requests_total{dialect="openai_chat",status="404"} 1' in text
    assert 'wideband_faults_total{kind="no_endpoints"} 1' in text


def test_money_and_tokens_add_up_over_workers() -> None:
    one, two = Metrics(), Metrics()
    one.finished(record(cost_nano=5, prompt_tokens=10))
    two.finished(record(cost_nano=7, completion_tokens=3))
    text = lines(one, two)
    assert "wideband_cost_nano_dollars_total 12" in text
    assert 'wideband_tokens_total{kind="prompt"} 10' in text
    assert 'wideband_tokens_total{kind="completion"} 3' in text


def a_try(slug: str, fault: str | None = None, *, hedge: bool = False, wasted_nano: int = 0) -> Try:
    return Try(
        endpoint_id=slug,
        provider=slug,
        provider_name=slug,
        model="m",
        status=200,
        fault=fault,
        hedge=hedge,
        wasted_nano=wasted_nano,
    )


def test_tries_beside_others_are_counted_by_what_became_of_them_and_are_no_failovers() -> None:
    metrics = Metrics()
    lost, hedge = a_try("a", "cancelled", wasted_nano=7), a_try("b", hedge=True)
    metrics.finished(record(endpoint_id="b", tries=(lost, hedge)))
    late = a_try("b", "cancelled", hedge=True, wasted_nano=5)
    metrics.finished(record(endpoint_id="a", tries=(late, a_try("a"))))
    metrics.finished(record(status=499, tries=(a_try("a", "cancelled"), late)))
    broken = a_try("b", "provider_overloaded", hedge=True)
    metrics.finished(record(endpoint_id="c", tries=(broken, a_try("a", "provider_timeout"), a_try("c"))))
    text = render([metrics.snapshot(0, 3)]).splitlines()
    for became in ("won", "lost", "cancelled", "failed"):
        assert f'wideband_hedges_total{{became="{became}"}} 1' in text
    assert "wideband_wasted_nano_dollars_total 17" in text
    assert "wideband_failovers_total 1" in text
    assert "wideband_hedges_withheld_total 3" in text


def test_a_histogram_is_cumulative_and_ends_in_infinity() -> None:
    metrics = Metrics()
    for duration_ms in (4.0, 20.0, 1e9):
        metrics.finished(record(duration_ms=duration_ms))
    text = lines(metrics)
    assert 'wideband_request_seconds_bucket{le="0.005"} 1' in text
    assert 'wideband_request_seconds_bucket{le="0.025"} 2' in text
    assert 'wideband_request_seconds_bucket{le="300.0"} 2' in text
    assert 'wideband_request_seconds_bucket{le="+Inf"} 3' in text
    assert "wideband_request_seconds_count 3" in text


def test_every_metric_says_what_it_is() -> None:
    text = lines(Metrics())
    named = {line.split()[2] for line in text if line.startswith("# HELP")}
    typed = {line.split()[2] for line in text if line.startswith("# TYPE")}
    assert named == typed != set()
