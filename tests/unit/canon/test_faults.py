"""The one table of faults is complete, and a fault knows its row."""

import pytest

from wideband.canon.faults import RULES, Fault, Faulted, FaultKind, garbled, invalid


def test_every_kind_has_a_rule() -> None:
    assert set(RULES) == set(FaultKind)


@pytest.mark.parametrize("kind", FaultKind)
def test_rules_are_consistent(kind: FaultKind) -> None:
    rule = RULES[kind]
    assert 400 <= rule.status <= 599
    assert rule.blames_provider or not rule.counts_as_down, "only a provider's fault counts as down"
    if kind.startswith("provider_") and kind is not FaultKind.PROVIDER_REJECTED:
        assert rule.retryable


def test_a_fault_knows_its_status() -> None:
    fault = Fault(kind=FaultKind.PROVIDER_TIMEOUT, message="too slow")
    assert (fault.status, fault.rule.error_type) == (504, "timeout")


def test_a_faulted_carries_its_fault() -> None:
    refused, unread = invalid("no", "model"), garbled("what?")
    assert isinstance(refused, Faulted)
    assert (refused.fault.kind, refused.fault.param, str(refused)) == (FaultKind.INVALID_REQUEST, "model", "no")
    assert unread.fault.kind is FaultKind.PROVIDER_GARBLED
