"""Own provider keys in a plan: whatever there is, nothing gets lost, nothing comes twice, and the order holds."""

from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, strategies as st
from tests.unit.gateway.stage import catalogue, endpoint
from tests.unit.routing.rows import wish

from wideband.accounts.ownkeys import OwnKey
from wideband.catalog.rows import Endpoint
from wideband.gateway.byok import own_only, with_own_keys
from wideband.routing.health import Health
from wideband.routing.plans import Plan

PROVIDERS, MODELS = ("a", "b", "c"), ("acme/m1", "acme/m2")
ROWS = {(slug, model): endpoint(slug, model) for slug in PROVIDERS for model in MODELS}


def own_key(at: int, provider: str, use: str) -> OwnKey:
    return OwnKey(
        id=f"key-{at}",
        account_id="local",
        provider=provider,
        label="",
        sealed=b"",
        created_ns=at,
        fallback=use == "fallback",
        always=use == "always",
    )


keys = st.lists(
    st.tuples(st.sampled_from(PROVIDERS), st.sampled_from(["first", "fallback", "always"])), max_size=4
).map(lambda rows: tuple(own_key(at, *row) for at, row in enumerate(rows)))
rows = st.lists(st.sampled_from(sorted(ROWS)), unique=True, min_size=1).map(
    lambda names: [ROWS[name] for name in names]
)
usable = st.sets(st.sampled_from(PROVIDERS), min_size=1)


def planned(planned_rows: list[Endpoint], own: tuple[OwnKey, ...], shared: set[str], asked: Any) -> Plan:
    held = [row for row in ROWS.values() if row.provider.slug in shared]
    exchange = SimpleNamespace(catalogue=catalogue(*held), health=Health())
    work = SimpleNamespace(exchange=exchange, created_ns=1, may_hedge=True)
    plan = Plan(endpoints=tuple(planned_rows), funnel=(), strategy="price", total=len(planned_rows))
    return with_own_keys(plan, own, cast("Any", work), asked)


def place(row: Endpoint, own: dict[str, OwnKey]) -> int:
    if row.own_key is None:
        return 1
    return 2 if own[row.own_key].fallback else 0


@given(rows, keys, usable)
def test_everything_that_can_be_asked_is_there_once_and_in_its_place(
    planned_rows: list[Endpoint], own: tuple[OwnKey, ...], shared: set[str]
) -> None:
    found = planned(planned_rows, own, shared, wish()).endpoints
    by_id = {key.id: key for key in own}
    only_own = {key.provider for key in own if key.always}
    assert len({row.id for row in found}) == len(found)
    assert {(row.row_id, row.own_key) for row in found} == {
        *((row.id, key.id) for row in planned_rows for key in own if key.provider == row.provider.slug),
        *((row.id, None) for row in planned_rows if row.provider.slug in shared - only_own),
    }
    for model in MODELS:
        mine = [row for row in found if row.model == model]
        assert [place(row, by_id) for row in mine] == sorted(place(row, by_id) for row in mine)
        for kind in range(3):
            order = list(dict.fromkeys(row.row_id for row in mine if place(row, by_id) == kind))
            assert order == [row.id for row in planned_rows if row.id in order]
    models = list(dict.fromkeys(row.model for row in found))
    assert models == [model for model in dict.fromkeys(row.model for row in planned_rows) if model in models]


@given(rows, keys, usable)
def test_without_fallbacks_each_model_has_one_endpoint_and_it_is_the_first(
    planned_rows: list[Endpoint], own: tuple[OwnKey, ...], shared: set[str]
) -> None:
    every = planned(planned_rows, own, shared, wish()).endpoints
    cut = planned(planned_rows, own, shared, wish({"allow_fallbacks": False})).endpoints
    firsts = {row.model: row.id for row in reversed(every)}
    assert {row.model: row.id for row in cut} == firsts
    assert len(cut) == len(firsts)


@given(rows, keys, usable)
def test_what_is_asked_with_own_keys_alone_holds_no_endpoint_of_the_servers(
    planned_rows: list[Endpoint], own: tuple[OwnKey, ...], shared: set[str]
) -> None:
    plan = planned(planned_rows, own, shared, wish())
    alone = own_only(plan)
    expected = tuple(row for row in plan.endpoints if row.own_key is not None)
    assert (alone.endpoints if alone is not None else ()) == expected
