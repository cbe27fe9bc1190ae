"""Plans and the health board, whatever is asked for and whatever happens."""

from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import given, settings, strategies as st

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.catalog.rows import Catalogue, DataPolicy, Endpoint, Price, Provider, Rates
from wideband.routing.health import Health
from wideband.routing.plan import base_rates, plan
from wideband.routing.plans import Outcome, Preferences, Wish
from wideband.routing.pools import Sieve, sifted
from wideband.routing.preferences import SORTS, decode_preferences, names

SECOND_NS = 1_000_000_000
SLUGS = ["a", "b", "a/fp8", "c/flex", "A"]

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = [
    "order",
    "only",
    "ignore",
    "allow_fallbacks",
    "require_parameters",
    "data_collection",
    "zdr",
    "quantizations",
    "sort",
    "max_price",
    "preferred_min_throughput",
    "preferred_max_latency",
    "options",
]


@settings(max_examples=100)
@given(raw=st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), json, max_size=5))
def test_any_object_is_read_or_refused(raw: dict[str, Any]) -> None:
    try:
        assert isinstance(decode_preferences(raw), Preferences)
    except Faulted as error:
        assert error.fault.kind is FaultKind.INVALID_REQUEST
        assert error.fault.param is not None
        assert error.fault.param.startswith("provider.")


def row(number: int, slug: str, usd: int, facts: tuple[bool | None, int | None, bool]) -> Endpoint:
    trains, context, tools = facts
    provider = slug.partition("/")[0].lower()
    return Endpoint(
        id=f"{number}",
        provider=Provider(
            slug=provider,
            name=provider.title(),
            dialect="openai_chat",
            base_url="http://x",
            data_policy=DataPolicy(trains=trains, retains=trains),
        ),
        model="m",
        upstream_model="m",
        tag=slug.lower(),
        price=Price(base=Rates(prompt=usd, completion=usd)),
        context_length=context,
        supported_parameters=frozenset({"tools"}) if tools else frozenset(),
    )


facts = st.tuples(st.sampled_from([None, True, False]), st.sampled_from([None, 50, 500]), st.booleans())
rows = st.lists(st.tuples(st.sampled_from(SLUGS), st.integers(0, 3), facts), max_size=8).map(
    lambda found: [row(number, *one) for number, one in enumerate(found)]
)
slugs = st.lists(st.sampled_from(SLUGS), max_size=3).map(tuple)
preferences = st.builds(
    Preferences,
    order=slugs,
    only=slugs,
    ignore=slugs,
    allow_fallbacks=st.booleans(),
    require_parameters=st.booleans(),
    data_collection=st.sampled_from(["allow", "deny"]),
    zdr=st.booleans(),
    quantizations=st.sampled_from([(), ("fp8",), ("unknown",)]),
    tiers=st.sampled_from([frozenset(), frozenset({"flex"})]),
    free=st.sampled_from([False, False, True]),
    sort=st.sampled_from([None, *sorted(SORTS)]),
    max_price=st.sampled_from([{}, {"prompt": 1}]),
    min_throughput=st.sampled_from([{}, {"p50": 1.0}, {"p90": 1000.0}]),
    max_latency_s=st.sampled_from([{}, {"p50": 0.001}, {"p99": 1000.0}]),
)
outcomes = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 5), st.sampled_from([None, *FaultKind]), st.booleans()), max_size=40
)


def heard(found: list[tuple[int, int, FaultKind | None, bool]]) -> tuple[Health, int]:
    health, now_ns = Health(), 10**18
    for number, later_s, kind, cancelled in found:
        now_ns += later_s * SECOND_NS
        fault = None if kind is None else Fault(kind=kind, message="x")
        health.observe(
            Outcome(
                endpoint_id=f"{number}",
                at_ns=now_ns,
                fault=fault,
                ttft_ns=None if fault else 10**8,
                completion_tokens=5,
                cancelled=cancelled,
            )
        )
    return health, now_ns


@settings(max_examples=100)
@given(
    found=rows, asked=preferences, tokens=st.sampled_from([10, 100, 1000]), told=outcomes, seed=st.integers(0, 2**32)
)
def test_a_plan_holds_each_permitted_endpoint_once_and_no_other(
    found: list[Endpoint],
    asked: Preferences,
    tokens: int,
    told: list[tuple[int, int, FaultKind | None, bool]],
    seed: int,
) -> None:
    health, now_ns = heard(told)
    wish = Wish(models=("m",), prompt_tokens=tokens, needs=frozenset({"tools"}), preferences=asked)
    made = plan(wish, Catalogue(providers={}, models={}, endpoints={"m": tuple(found)}), health, now_ns, seed)
    ids = [e.id for e in made.endpoints]
    assert len(set(ids)) == len(ids)
    assert (made.fault is None) is bool(ids)
    counts = [step.endpoint_count for step in made.funnel]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == made.total == len(found)
    if asked.allow_fallbacks or asked.order:
        assert len(ids) == counts[-1]
    else:
        assert len(ids) == min(1, counts[-1])
    for e in made.endpoints:
        assert not asked.only or any(names(slug, e) for slug in asked.only)
        assert not any(names(slug, e) for slug in asked.ignore)
        assert e.context_length is None or tokens <= e.context_length
        assert asked.data_collection == "allow" or e.provider.data_policy.trains is False
        assert not asked.max_price or e.price.base.prompt <= 1
        assert not asked.free or e.price.base.prompt == 0
        assert not asked.require_parameters or e.supported_parameters == frozenset({"tools"})


wishes = st.builds(
    Wish,
    models=st.just(("m",)),
    prompt_tokens=st.sampled_from([10, 50, 51, 100, 500, 1000]),
    max_tokens=st.none() | st.sampled_from([1, 100, 101]),
    needs=st.sampled_from([frozenset(), frozenset({"tools"}), frozenset({"seed"})]),
    modalities=st.sampled_from([frozenset(), frozenset({"image"})]),
    task=st.sampled_from(["generate", "embed"]),
    dialects=st.sampled_from([None, frozenset({"openai_chat"}), frozenset({"gemini_generate"})]),
    preferences=preferences,
)
limited = st.tuples(rows, st.lists(st.sampled_from([None, 100]), min_size=8, max_size=8)).map(
    lambda pair: tuple(
        msgspec.structs.replace(one, max_output=most, input_modalities=("text",) if most else None)
        for one, most in zip(*pair, strict=False)
    )
)


def apart(wish: Wish, other: Wish) -> Iterator[Wish]:
    """Give wishes that are like one in all but a field, in which they are like the other."""
    for field in ("prompt_tokens", "max_tokens", "needs", "modalities", "task", "dialects"):
        yield msgspec.structs.replace(wish, **{field: getattr(other, field)})
    for one in msgspec.structs.fields(Preferences):
        changed = msgspec.structs.replace(wish.preferences, **{one.name: getattr(other.preferences, one.name)})
        yield msgspec.structs.replace(wish, preferences=changed)


@settings(max_examples=100)
@given(found=limited, wish=wishes, other=wishes)
def test_what_is_remembered_of_the_filters_is_what_they_say(
    found: tuple[Endpoint, ...], wish: Wish, other: Wish
) -> None:
    sieve = Sieve()
    for asked in (wish, *apart(wish, other)):
        assert sieve.sift(asked, found, base_rates).stages == sifted(asked, found, base_rates).stages


@settings(max_examples=100)
@given(told=outcomes)
def test_every_endpoint_is_probed_within_a_minute_and_healthy_after_one_success(
    told: list[tuple[int, int, FaultKind | None, bool]],
) -> None:
    health, now_ns = heard(told)
    for number in range(9):
        name = f"{number}"
        later_ns = now_ns + 60 * SECOND_NS
        if health.standing(name, later_ns) != "healthy":
            assert health.claim_probe(name, later_ns)
            assert not health.claim_probe(name, later_ns)
            health.observe(Outcome(endpoint_id=name, at_ns=later_ns, ttft_ns=1))
        assert health.is_healthy(name, later_ns)
