"""Directives in prompts."""

import pytest

from wideband.sandbox.directive import NOTHING, Directive, find


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"nothing here", NOTHING),
        (b'{"content":"hi [[sandbox tokens=120]] there"}', Directive(tokens=120)),
        (
            b"[[sandbox tokens=120 fault=hang@aurora seed=7]]",
            Directive(tokens=120, faults=(("hang", "aurora"),), seed=7),
        ),
        (b"[[sandbox fault=500@drift,429]]", Directive(faults=(("500", "drift"), ("429", "")))),
        (b"[[sandbox calls=0 tool=read ttft_ms=5 tps=9]]", Directive(calls=0, tool="read", ttft_ms=5, tps=9)),
        (b"[[sandbox tokens=1]] [[sandbox tokens=2]]", Directive(tokens=2)),
        (b"[[sandbox tokens=many colour=red]]", NOTHING),
        (b"[[sandbox tokens=5", NOTHING),
    ],
)
def test_the_last_directive_in_the_bytes_counts(text: bytes, expected: Directive) -> None:
    assert find(text) == expected


def test_a_fault_may_be_ordered_from_one_provider_only() -> None:
    directive = find(b"[[sandbox fault=hang@aurora]]")
    assert directive.fault_at("sim-aurora") == "hang"
    assert directive.fault_at("sim-harbor") == "none"


def test_without_an_order_the_rates_decide() -> None:
    assert NOTHING.fault_at("sim-aurora") is None
