"""Figures are written short, and never say more or less than they are."""

import pytest

from wideband.site import figures
from wideband.site.figures import FORMATS


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("tokens", 0, "0"),
        ("tokens", 0.5, "0.5"),
        ("tokens", 950, "950"),
        ("tokens", 999.4, "999"),
        ("tokens", 999.5, "1K"),
        ("tokens", 12_345, "12.3K"),
        ("tokens", 999_499, "999K"),
        ("tokens", 999_500, "1M"),
        ("tokens", 4_560_000, "4.56M"),
        ("tokens", 1_200_000_000, "1.2B"),
        ("tokens", 3.4e12, "3.4T"),
        ("tokens", 1.5e15, "1,500T"),
        ("tokens", -12_345, "-12.3K"),
        ("usd", 0, "$0"),
        ("usd", 4_000, "$0.000004"),
        ("usd", 688_038, "$0.000688"),
        ("usd", 0.35, "$0.00000000035"),
        ("usd", 12_300_000, "$0.0123"),
        ("usd", 500_000_000, "$0.50"),
        ("usd", 999_600_000, "$1.00"),
        ("usd", 12_340_000_000, "$12.34"),
        ("usd", 999_996_000_000, "$1,000"),
        ("usd", -1_234_000_000_000, "-$1,234"),
        ("ms", 0, "0 ms"),
        ("ms", 87.4, "87.4 ms"),
        ("ms", 999.6, "1 s"),
        ("ms", 1_240, "1.24 s"),
        ("ms", 210_000, "3.5 min"),
        ("percent", 0, "0%"),
        ("percent", 1, "100%"),
        ("percent", 0.99999, "99.99%"),
        ("percent", 0.9995, "99.95%"),
        ("percent", 0.123, "12.3%"),
        ("percent", 0.004, "0.4%"),
        ("speed", 84.25, "84.2 tok/s"),
        ("whole", 1_234_567, "1,234,567"),
        ("instant", 1_792_368_061, "2026-10-19 00:01:01"),
        ("minute", 1_792_368_061, "2026-10-19 00:01"),
        ("date", 1_792_368_061, "2026-10-19"),
        ("iso", 1_792_368_061, "2026-10-19T00:01:01Z"),
        ("duration", 42.4, "42 s"),
        ("duration", 185, "3 min 5 s"),
        ("duration", 7_800, "2 h 10 min"),
        ("duration", 3_600, "1 h"),
        ("duration", 367_200, "4 d 6 h"),
        ("change", 0.123, "+12.3%"),
        ("change", -0.04, "-4%"),
        ("change", 0.0004, "0%"),
        ("change", 11.999, "+1,200%"),
    ],
)
def test_a_figure_is_written_as_people_say_it(unit: str, value: float, text: str) -> None:
    assert FORMATS[unit](value) == text


@pytest.mark.parametrize("unit", FORMATS)
def test_what_is_not_known_is_a_dash(unit: str) -> None:
    assert FORMATS[unit](None) == figures.NOTHING


@pytest.mark.parametrize("unit", ["tokens", "usd", "ms", "whole", "duration"])
def test_a_larger_figure_never_reads_as_a_smaller_one(unit: str) -> None:
    """Walks over every place where a letter or the number of digits changes."""
    sizes = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86_400}
    last = 0.0
    value = 1.0
    while value < 1e13:
        value *= 1.017
        words = FORMATS[unit](value).replace("$", "").replace(",", "")
        for letter in "KMBT":
            words = words.replace(letter, f" {letter}")
        parts = words.split()
        read = sum(
            float(number) * sizes.get(size, 1) for number, size in zip(parts[::2], [*parts[1::2], ""], strict=False)
        )
        assert read >= last * (1 - 1e-9), f"{value} is written {FORMATS[unit](value)}"
        last = read
