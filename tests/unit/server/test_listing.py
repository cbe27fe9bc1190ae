"""Lists of models as queries ask for them."""

import msgspec
import pytest
from tests.unit.gateway.stage import catalogue, endpoint

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.catalog.latest import latest_names
from wideband.catalog.rows import Price, Rates
from wideband.routing.auto import ROUTERS
from wideband.routing.health import Health
from wideband.routing.plans import Outcome
from wideband.server import listing

ROWS = catalogue(endpoint("a", "acme/cheap"), endpoint("a", "acme/dear", dearer=9_000_000_000), endpoint("b", "zen/m"))


def ids(**query: str) -> list[str]:
    return [row["id"] for row in listing.models(ROWS, query, 0)]


def test_without_a_query_all_models_are_listed() -> None:
    assert ids() == ["acme/cheap", "acme/dear", "zen/m"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "ZEN"}, ["zen/m"]),
        ({"model_authors": "acme"}, ["acme/cheap", "acme/dear"]),
        ({"max_price": "5"}, ["acme/cheap", "zen/m"]),
        ({"min_price": "5"}, ["acme/dear"]),
        ({"context": "200000"}, []),
        ({"output_modalities": "image"}, []),
        ({"output_modalities": "all", "q": "dear"}, ["acme/dear"]),
        ({"sort": "pricing-high-to-low", "q": "acme"}, ["acme/dear", "acme/cheap"]),
    ],
)
def test_queries_filter_and_sort(query: dict[str, str], expected: list[str]) -> None:
    assert ids(**query) == expected


def test_names_of_the_newest_are_listed_with_what_they_stand_for() -> None:
    rows = catalogue(*(endpoint("a", f"acme/{name}") for name in ("big-1.5", "big-2", "small-1", "big-2-mini")))
    known = msgspec.structs.replace(rows, latest=latest_names(rows.models.values()))
    listed = {row["id"]: row for row in listing.models(known, {}, 0, latest=True)}
    assert listed.keys() == {*rows.models, "~acme/big-latest"}, "what is alone in its family needs no other name"
    alias, target = listed["~acme/big-latest"], listed["acme/big-2"]
    assert alias["alias_target"] == {"name": "acme/big-2", "slug": "acme/big-2"}
    assert (alias["pricing"], alias["context_length"]) == (target["pricing"], target["context_length"])
    assert (alias["name"], alias["links"]["details"]) == (
        "acme/big-2 (latest)",
        "/api/v1/models/~acme/big-latest/endpoints",
    )
    assert "alias_target" not in target
    assert len(listing.models(known, {"model_authors": "acme"}, 0, latest=True)) == 5
    assert len(listing.models(known, {}, 0)) == 4


def test_models_that_answer_with_something_else_are_listed_when_asked_for() -> None:
    plain = catalogue(endpoint("a", "acme/text"), endpoint("a", "acme/embed"))
    embed = msgspec.structs.replace(plain.models["acme/embed"], output_modalities=("embeddings",))
    rows = msgspec.structs.replace(plain, models=plain.models | {"acme/embed": embed})

    def listed(**query: str) -> list[str]:
        return [row["id"] for row in listing.models(rows, query, 0)]

    assert listed() == ["acme/text"]
    assert listed(output_modalities="embeddings") == ["acme/embed"]
    assert listed(output_modalities="all") == ["acme/text", "acme/embed"]


@pytest.mark.parametrize("query", [{"sort": "prettiest"}, {"max_price": "cheap"}, {"context": "long"}])
def test_a_value_that_cannot_be_read_is_named(query: dict[str, str]) -> None:
    with pytest.raises(Faulted) as caught:
        ids(**query)
    assert caught.value.fault.param in query


def test_pages_link_to_the_next_one() -> None:
    rows = listing.models(ROWS, {}, 0)
    first, links = listing.page(rows, "/api/v1/models", {"limit": "2"})
    assert (len(first), links) == (2, {"next": "/api/v1/models?offset=2&limit=2"})
    last, links = listing.page(rows, "/api/v1/models", {"limit": "2", "offset": "2"})
    assert (len(last), links) == (1, {"next": None})
    assert listing.page(rows, "/api/v1/models", {}) == (rows, {"next": None})


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "", "9" * 5000])
def test_a_page_that_is_no_number_is_named(text: str) -> None:
    with pytest.raises(Faulted) as caught:
        listing.page([], "/api/v1/models", {"offset": text})
    assert caught.value.fault.param == "offset"
    assert len(caught.value.fault.message) < 200


def test_an_unknown_model_is_not_found_with_a_hint() -> None:
    with pytest.raises(Faulted, match="acme/cheap") as caught:
        listing.model(ROWS, "acme/chep", 0)
    assert caught.value.fault.status == 404


def test_only_providers_that_serve_are_shown() -> None:
    assert [row["slug"] for row in listing.providers(ROWS)] == ["a", "b"]


def test_variants_in_look_ups() -> None:
    gift = msgspec.structs.replace(endpoint("b", "acme/some"), price=Price(base=Rates()), id="gift")
    rows = catalogue(endpoint("a", "acme/some"), gift, endpoint("a", "acme/dear"))
    assert listing.model(rows, "acme/some:nitro", 0)["id"] == "acme/some"
    assert listing.model(rows, "acme/some:nitro:free", 0)["id"] == "acme/some:free"
    assert [row["tag"] for row in listing.endpoints(rows, Health(), "acme/some:free", 0)["endpoints"]] == ["b"]
    assert listing.endpoints(rows, Health(), "acme/dear:free", 0)["endpoints"] == []
    for name in ("acme/dear:free", "acme/dear:turbo"):
        with pytest.raises(Faulted) as caught:
            listing.model(rows, name, 0)
        assert caught.value.fault.status == 404


def test_endpoints_tell_how_well_they_did_in_the_last_half_hour() -> None:
    health, now_ns = Health(), 10**18
    (row,) = ROWS.endpoints["acme/cheap"]
    limit = Fault(kind=FaultKind.PROVIDER_RATE_LIMITED, message="Slow down.")
    health.observe(Outcome(endpoint_id=row.id, at_ns=now_ns, fault=limit))
    for verdict in ("valid", "valid", "valid", "invalid_json"):
        tried = Outcome(endpoint_id=row.id, at_ns=now_ns, prompt_tokens=1500, cached_tokens=600, completion_tokens=500)
        tried = msgspec.structs.replace(tried, charged_nano=3_000, tool_calls=verdict, structured="valid")
        health.observe(tried)
    (shown,) = listing.endpoints(ROWS, health, "acme/cheap", now_ns)["endpoints"]
    names = ("tool_call_error_rate_30m", "structured_output_error_rate_30m", "cache_hit_rate_30m", "rate_limited_30m")
    assert [shown[name] for name in names] == [0.25, 0.0, 0.4, 0.2]
    assert shown["effective_pricing_30m"] == {"per_token": "0.0000000015"}
    later = listing.endpoints(ROWS, health, "acme/cheap", now_ns + 31 * 60 * 10**9)["endpoints"][0]
    assert [later[name] for name in (*names, "effective_pricing_30m")] == [None] * 5


def test_routers_are_models_without_a_price_and_without_endpoints() -> None:
    rows = catalogue(endpoint("north", "acme/one"))
    routers = [router.model for router in ROUTERS.values()]
    listed = listing.models(rows, {}, 0, routers)
    assert [row["id"] for row in listed] == ["acme/one", "wideband/auto", "wideband/free"]
    assert listed[1]["pricing"] == {"prompt": "-1", "completion": "-1"}
    assert listing.models(rows, {"min_price": "0"}, 0, routers) == listing.models(rows, {}, 0)
    assert listing.model(rows, "openrouter/auto", 0)["id"] == "wideband/auto"
    assert listing.endpoints(rows, Health(), "wideband/free", 0)["endpoints"] == []
