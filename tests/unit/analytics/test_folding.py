"""What the views say is what the records say."""

from collections import Counter
from typing import Any

import pytest
from tests.unit.analytics.filled import Filled

from wideband.metering.record import Generation
from wideband.store.cubes import CUBES


def saved(record: Generation) -> bool:
    failed = any(one.fault not in (None, "cancelled") for one in record.tries)
    return record.fault is None and not record.cancelled and failed


@pytest.mark.parametrize("cube", CUBES, ids=lambda cube: cube.name)
def test_every_width_of_a_cube_counts_everything(filled: Filled, cube: Any) -> None:
    count = "requests" if cube.source == "generation" else "tries"
    expected = len(filled.records) if count == "requests" else sum(len(record.tries) for record in filled.records)
    for width in cube.keep_s:
        assert filled.archive.read(f"SELECT sum({count})::BIGINT FROM {cube.name}_{width}").rows == [(expected,)]


def test_measures_of_usage_are_those_of_the_records(filled: Filled) -> None:
    table = filled.archive.read(
        "SELECT model, provider, sum(requests)::BIGINT, sum(saved)::BIGINT, sum(cost_nano)::BIGINT,"
        " sum(tools_valid)::BIGINT FROM usage_hour GROUP BY ALL ORDER BY ALL"
    )
    expected: dict[tuple[str, str], Counter[str]] = {}
    for record in filled.records:
        counts = expected.setdefault((record.model, record.provider or ""), Counter())
        counts.update(requests=1, saved=saved(record), cost=record.cost_nano, valid=record.tool_verdict == "valid")
    assert table.rows == [
        (*key, counts["requests"], counts["saved"], counts["cost"], counts["valid"])
        for key, counts in sorted(expected.items())
    ]
