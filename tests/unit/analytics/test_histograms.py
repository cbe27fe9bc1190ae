"""Percentiles that can be added up are near those of the values themselves."""

import math
import random

import pytest
from tests.unit.analytics.filled import Filled

from wideband.analytics.histograms import gathered, merged, percentile, percentiles


def test_a_percentile_is_within_five_percent_of_the_value() -> None:
    chance = random.Random(3)
    values = sorted(chance.lognormvariate(5, 1) for _ in range(999))
    histogram = gathered((None, math.floor(math.log2(value) * 8), 1) for value in values)[None]
    for percent in (1, 50, 90, 99, 100):
        exact = values[math.ceil(len(values) * percent / 100) - 1]
        assert percentile(histogram, percent) == pytest.approx(exact, rel=0.05)


def test_parts_of_a_group_are_added_up() -> None:
    rows = [("a", 8, 1), ("b", 0, 2), ("a", 8, 3), ("a", 16, 1), ("b", None, None)]
    assert gathered(rows) == {"a": {8: 4, 16: 1}, "b": {0: 2}}
    assert merged([{8: 4, 16: 1}, {0: 2, 8: 1}]) == {0: 2, 8: 5, 16: 1}


def test_nothing_has_no_percentiles() -> None:
    assert percentile({}, 50) is None
    assert percentiles({}, (50, 99)) == (None, None)
    assert merged([]) == {}


def test_the_cubes_percentiles_are_those_of_the_records(filled: Filled) -> None:
    rows = filled.archive.read(
        "SELECT e.model, e.entry.key, sum(e.entry.value)::BIGINT"
        " FROM (SELECT model, unnest(map_entries(latency)) AS entry FROM usage_day) AS e GROUP BY ALL"
    ).rows
    histograms = gathered((model, bucket, count) for model, bucket, count in rows)
    for model, histogram in histograms.items():
        values = sorted(record.duration_ms for record in filled.records if record.model == model)
        assert sum(histogram.values()) == len(values)
        middle = values[math.ceil(len(values) / 2) - 1]
        assert percentile(histogram, 50) == pytest.approx(middle, rel=0.05)
