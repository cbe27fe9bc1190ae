"""The `provider` object: what is read from it, what is refused and how its slugs name endpoints."""

from typing import Any

import pytest
from tests.unit.routing.rows import endpoint

from wideband.canon.faults import Faulted, FaultKind
from wideband.routing.plans import Preferences
from wideband.routing.preferences import decode_preferences, names


def test_nothing_asked_for_is_the_default() -> None:
    assert decode_preferences({}) == Preferences()
    assert decode_preferences({"order": None, "sort": None, "from_the_future": {"x": 1}}) == Preferences()


def test_every_field_is_read() -> None:
    found = decode_preferences(
        {
            "order": ["a", "b/fp8"],
            "only": "a",
            "ignore": [" c ", ""],
            "allow_fallbacks": False,
            "require_parameters": True,
            "data_collection": "deny",
            "zdr": True,
            "hedge": False,
            "enforce_distillable_text": True,
            "quantizations": ["FP8", "unknown"],
            "sort": {"by": "latency", "partition": "none"},
            "max_price": {"prompt": 0.3, "completion": "1.25", "request": 0, "future": []},
            "preferred_min_throughput": 50,
            "preferred_max_latency": {"p90": 2.5, "p99": None, "p12": "x"},
            "options": {"a": {"k": 1}},
        }
    )
    assert found == Preferences(
        order=("a", "b/fp8"),
        only=("a",),
        ignore=("c",),
        allow_fallbacks=False,
        require_parameters=True,
        data_collection="deny",
        zdr=True,
        hedge=False,
        enforce_distillable_text=True,
        quantizations=("fp8", "unknown"),
        sort="latency",
        sort_partition="none",
        max_price={"prompt": 300_000_000, "completion": 1_250_000_000, "request": 0},
        min_throughput={"p50": 50.0},
        max_latency_s={"p90": 2.5},
        options={"a": {"k": 1}},
    )


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        ({"order": 1}, "provider.order"),
        ({"only": ["a", 2]}, "provider.only"),
        ({"ignore": {"a": 1}}, "provider.ignore"),
        ({"allow_fallbacks": "no"}, "provider.allow_fallbacks"),
        ({"require_parameters": 1}, "provider.require_parameters"),
        ({"data_collection": "maybe"}, "provider.data_collection"),
        ({"zdr": "true"}, "provider.zdr"),
        ({"hedge": 1}, "provider.hedge"),
        ({"quantizations": [8]}, "provider.quantizations"),
        ({"sort": "cheap"}, "provider.sort"),
        ({"sort": ["price"]}, "provider.sort"),
        ({"sort": {"by": "cheap"}}, "provider.sort.by"),
        ({"sort": {"by": {}}}, "provider.sort.by"),
        ({"sort": {"partition": "all"}}, "provider.sort.partition"),
        ({"max_price": 3}, "provider.max_price"),
        ({"preferred_max_latency": {"p50": "fast"}}, "provider.preferred_max_latency.p50"),
        ({"preferred_max_latency": 10**400}, "provider.preferred_max_latency.p50"),
        ({"preferred_min_throughput": {"p90": float("inf")}}, "provider.preferred_min_throughput.p90"),
        ({"order": ["a"] * 1001}, "provider.order"),
        ({"ignore": ["a" * 129]}, "provider.ignore"),
        ({"preferred_min_throughput": True}, "provider.preferred_min_throughput"),
        ({"options": []}, "provider.options"),
        ({"max_price": {"prompt": -1}}, "provider.max_price.prompt"),
        ({"max_price": {"prompt": "x"}}, "provider.max_price.prompt"),
        ({"max_price": {"prompt": ""}}, "provider.max_price.prompt"),
        ({"max_price": {"prompt": True}}, "provider.max_price.prompt"),
        ({"max_price": {"request": []}}, "provider.max_price.request"),
        ({"max_price": {"image": "NaN"}}, "provider.max_price.image"),
        ({"max_price": {"audio": "inf"}}, "provider.max_price.audio"),
        ({"max_price": {"prompt": "1" * 100}}, "provider.max_price.prompt"),
    ],
    ids=str,
)
def test_wrong_types_name_the_field(raw: dict[str, Any], param: str) -> None:
    with pytest.raises(Faulted) as caught:
        decode_preferences(raw)
    assert (caught.value.fault.kind, caught.value.fault.param) == (FaultKind.INVALID_REQUEST, param)


@pytest.mark.parametrize(
    ("usd", "nano"),
    [
        (0.1 + 0.2, 300_000_000),
        ("0.000000001", 1),
        ("0.0000000019", 1),
        ("1e-30", 0),
        ("1e999999", 10**18),
        ("1e-999999", 0),
        (3, 3_000_000_000),
        ("0.123456789999999999999999999999999999999999999", 123_456_789),
    ],
)
def test_prices_are_exact_and_round_down(usd: float | str, nano: int) -> None:
    assert decode_preferences({"max_price": {"prompt": usd}}).max_price == {"prompt": nano}


@pytest.mark.parametrize(
    ("slug", "tag", "named"),
    [
        ("vertex", "vertex", True),
        ("vertex", "vertex/us-east5", True),
        ("Vertex", "vertex/us-east5", True),
        ("VERTEX/US-EAST5", "vertex/us-east5", True),
        ("vertex/us-east5", "vertex/eu", False),
        ("vertex/us-east5", "vertex", False),
        ("vert", "vertex", False),
        ("vertex", "vertex/flex", False),
        ("vertex", "vertex/priority", False),
        ("vertex/flex", "vertex/flex", True),
    ],
)
def test_a_base_slug_names_all_but_tiers_and_a_suffix_only_itself(slug: str, tag: str, named: bool) -> None:
    assert names(slug, endpoint(tag)) is named


def test_the_display_name_is_as_good_as_the_slug() -> None:
    assert names("together", endpoint("together/fp8"))
    assert names("Together", endpoint("together/fp8"))
