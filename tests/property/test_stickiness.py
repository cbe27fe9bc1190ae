"""Tables of several processes that tell each other everything agree in the end, however the telling is mixed."""

from hypothesis import given, settings, strategies as st
from tests.unit.routing.rows import NOW_NS, SECOND_NS, catalogue, down, endpoint, wish

from wideband.routing.health import Health
from wideband.routing.plan import plan
from wideband.routing.plans import Warm
from wideband.routing.stickiness import Sticky

TTL_S = 100

# Who does what: a table notes a key, or tells the others what it knows.
steps = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["note", "tell"]), st.integers(0, 4)), min_size=1, max_size=60
)


@settings(max_examples=200)
@given(steps=steps, orders=st.lists(st.permutations([0, 1, 2]), min_size=3, max_size=3))
def test_all_tables_find_the_newest_note(steps: list[tuple[int, str, int]], orders: list[list[int]]) -> None:
    tables = [Sticky() for _ in range(3)]
    newest: dict[int, str] = {}
    deltas: list[tuple[int, bytes]] = []
    for now, (who, what, key) in enumerate(steps, 1):
        if what == "note":
            newest[key] = f"{who} at {now}"
            tables[who].note(key, newest[key], 2000, now * SECOND_NS, TTL_S)
        elif (delta := tables[who].take_delta()) is not None:
            deltas.append((who, delta))
    now_ns = len(steps) * SECOND_NS
    deltas += [(who, delta) for who in range(3) if (delta := tables[who].take_delta()) is not None]
    for listener, order in enumerate(orders):
        for who in order:
            for teller, delta in deltas:
                if teller == who != listener:
                    tables[listener].merge(delta, now_ns)
    for table in tables:
        found = {key: warm.endpoint_id for key in range(5) if (warm := table.find(key, now_ns)) is not None}
        assert found == newest


@given(notes=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 50)), max_size=30), capacity=st.integers(1, 5))
def test_a_table_is_bounded_and_never_finds_what_has_ended(notes: list[tuple[int, int]], capacity: int) -> None:
    sticky = Sticky(capacity)
    until: dict[int, int] = {}
    now = 0
    for key, ttl_s in notes:
        now += 7
        sticky.note(key, "a", 1, now * SECOND_NS, ttl_s)
        until[key] = now + ttl_s
        assert len(sticky) <= capacity
    found = {key for key in range(10) if sticky.find(key, now * SECOND_NS) is not None}
    assert found <= {key for key, end in until.items() if end > now}
    back = Sticky(capacity)
    back.restore(sticky.snapshot(), now * SECOND_NS)
    assert {key for key in range(10) if back.find(key, now * SECOND_NS) is not None} == found


NAMES = ["a", "b", "c", "d"]
ROWS = [endpoint(name, usd=usd) for usd, name in enumerate(NAMES, 1)]


@given(
    warm=st.sampled_from([*NAMES, "gone"]),
    ignored=st.sets(st.sampled_from(NAMES), max_size=3),
    broken=st.sets(st.sampled_from(NAMES)),
    sort=st.sampled_from([None, "throughput", "latency", "exacto"]),
    seed=st.integers(0, 2**32),
)
def test_warmth_lets_nobody_in_or_out_and_leads_only_where_all_is_well(
    warm: str, ignored: set[str], broken: set[str], sort: str | None, seed: int
) -> None:
    def planned(place: Warm | None) -> tuple[list[str], dict[str, str | None]]:
        health = Health()
        for name in broken:
            for _ in range(10):
                health.observe(down(name))
        preferences = {"ignore": sorted(ignored), **({"sort": sort} if sort else {})}
        made = plan(wish(preferences, warm=place), catalogue(*ROWS), health, NOW_NS, seed)
        return [one.tag for one in made.endpoints], {one.tag: one.note for one in made.weighed}

    cold, _ = planned(None)
    order, notes = planned(Warm(f"m@{warm}", 900))
    assert sorted(order) == sorted(cold)
    if warm in order and warm not in broken:
        assert (order[0], notes[warm]) == (warm, "warm")
    elif warm in order:
        assert {name for name in order if name not in broken} == set(order[: len(set(order) - broken)])
        assert notes[warm] != "warm"
