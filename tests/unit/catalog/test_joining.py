"""Rows joined into a catalogue: cheapest first, the unsaid taken from the model, ids that never change."""

from wideband.catalog.families import Family, Oddity, PeakDays, with_families, with_oddities, with_peak_days
from wideband.catalog.joining import catalogue, endpoint_id
from wideband.catalog.reading import Sheet
from wideband.catalog.rows import EndpointRow, Model, Override, Price, Provider, Rates

PROVIDERS = {
    slug: Provider(slug=slug, name=slug, dialect="openai_chat", base_url=f"https://{slug}.example")
    for slug in ("dear", "cheap")
}
MODEL = Model(id="acme/m1", name="M1", context_length=1000, max_output=100, input_modalities=("text", "image"))


def row(provider: str, prompt: int, **facts: object) -> EndpointRow:
    price = Price(base=Rates(prompt=prompt))
    return EndpointRow(provider=provider, model="acme/m1", upstream_model="m1", tag=provider, price=price, **facts)  # type: ignore[arg-type]  # mixed values


def sheet(*rows: EndpointRow) -> Sheet:
    endpoints = {(each.provider, each.model, each.tag): each for each in rows}
    return Sheet(providers=PROVIDERS, models={MODEL.id: MODEL}, endpoints=endpoints)


def test_endpoints_stand_cheapest_first_and_take_the_unsaid_from_their_model() -> None:
    known = catalogue(sheet(row("dear", 9, context_length=500, input_modalities=("text",)), row("cheap", 1)))
    cheap, dear = known.endpoints["acme/m1"]
    assert (cheap.tag, cheap.context_length, cheap.max_output, cheap.input_modalities) == (
        "cheap",
        1000,
        100,
        ("text", "image"),
    )
    assert (dear.tag, dear.context_length, dear.input_modalities) == ("dear", 500, ("text",))


def test_only_usable_providers_and_the_models_they_serve_are_in_a_usable_catalogue() -> None:
    usable = catalogue(sheet(row("dear", 9), row("cheap", 1)), usable=["dear"])
    assert list(usable.providers) == ["dear"]
    assert [endpoint.tag for endpoint in usable.endpoints["acme/m1"]] == ["dear"]
    none = catalogue(sheet(row("dear", 9)), usable=[])
    assert (none.models, none.endpoints) == ({}, {})


def test_a_model_known_by_an_endpoint_alone_gets_a_row() -> None:
    alone = Sheet(providers=PROVIDERS, endpoints=sheet(row("dear", 9, context_length=5)).endpoints)
    model = catalogue(alone).models["acme/m1"]
    assert (model.name, model.context_length) == ("m1", 5)


def test_what_goes_into_a_model_of_which_nothing_is_said_is_unknown_and_not_text_alone() -> None:
    alone = catalogue(Sheet(providers=PROVIDERS, endpoints=sheet(row("dear", 9)).endpoints))
    assert alone.endpoints["acme/m1"][0].input_modalities is None
    assert alone.models["acme/m1"].input_modalities is None


def test_an_endpoints_id_follows_from_its_names_alone() -> None:
    assert endpoint_id("a", "b/c", "a") == endpoint_id("a", "b/c", "a")
    assert len({endpoint_id("a", "b/c", "a"), endpoint_id("a", "b/c", "a/d"), endpoint_id("a", "b/cd", "a")}) == 3
    # Stored records name endpoints by these ids: a new one here is a break with every record there is.
    assert endpoint_id("openai", "openai/gpt-5", "openai") == "cc68db11-c6dc-5d3b-8b8d-e3f249d82be6"


def test_facts_of_a_family_are_laid_under_its_models_and_the_later_wins() -> None:
    families = [
        Family(match=("acme/*",), tokenizer="GPT", reasoning=True),
        Family(match=("acme/m?", "x/*"), reasoning=False, max_output=7),
    ]
    m1, other = with_families([MODEL, Model(id="acme/other", name="O")], families).values()
    assert (m1.tokenizer, m1.reasoning, m1.max_output, m1.context_length) == ("GPT", False, 7, 1000)
    assert (other.tokenizer, other.reasoning, other.max_output) == ("GPT", True, None)


def test_peak_days_touch_hours_and_leave_tiers_alone() -> None:
    hours = Override(rates={"prompt": 2}, utc_start=60, utc_end=240)
    tier = Override(rates={"prompt": 3}, min_prompt_tokens=5)
    timed = EndpointRow(
        provider="dear", model="a/b", upstream_model="b", tag="dear", price=Price(base=Rates(), overrides=(hours, tier))
    )
    days = [PeakDays(provider="dear", utc_days=("monday",))]
    (changed,) = with_peak_days([timed], days)
    assert [override.utc_days for override in changed.price.overrides] == [("monday",), ()]
    assert with_peak_days([row("cheap", 1)], days) == [row("cheap", 1)]


def test_oddities_add_quirks_to_the_endpoints_they_fit() -> None:
    oddities = [
        Oddity(provider="dear", match=("acme/*",), quirks=frozenset({"no_stop"})),
        Oddity(provider="dear", match=("acme/m1",), quirks=frozenset({"no_seed"})),
        Oddity(provider="dear", match=("other/*",), quirks=frozenset({"no_user"})),
    ]
    dear, cheap = with_oddities([row("dear", 1, quirks=frozenset({"prefill"})), row("cheap", 1)], oddities)
    assert dear.quirks == {"prefill", "no_stop", "no_seed"}
    assert cheap.quirks == set()
