"""Tables of several processes that tell each other everything agree in the end, however the telling is mixed."""

from hypothesis import given, settings, strategies as st

from wideband.routing.stickiness import Sticky

SECOND_NS = 1_000_000_000
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
