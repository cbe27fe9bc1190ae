"""`~author/family-latest`: which models are one family, and which of them is the newest."""

import pytest
from hypothesis import given, strategies as st

from wideband.catalog.joining import catalogue
from wideband.catalog.latest import latest_names
from wideband.catalog.reading import Sheet
from wideband.catalog.rows import EndpointRow, Model, Price, Provider, Rates


def named(*ids: str, **created_s: int) -> dict[str, str]:
    return latest_names(Model(id=f"a/{id_}", name=id_, created_s=created_s.get(id_, 0)) for id_ in ids)


@pytest.mark.parametrize(
    ("family", "newest", "older"),
    [
        ("claude-sonnet", "claude-sonnet-5.5", ["claude-sonnet-4", "claude-3.7-sonnet", "claude-sonnet-4.6"]),
        ("gpt", "gpt-5.9", ["gpt-5.4", "gpt-5", "gpt-4-2024-05-13"]),
        ("grok", "grok-4.3", ["grok-4.20", "grok-4"]),
        ("gpt-mini", "gpt-5.4-mini", ["gpt-4.1-mini"]),
        ("gemini-pro", "gemini-3.1-pro-preview", ["gemini-2.5-pro"]),
        ("mistral-large", "mistral-large-4-0", ["mistral-large-2512", "mistral-large-2411"]),
        ("deepseek-pro", "deepseek-v4-pro-0813", ["deepseek-v4-pro"]),
        ("kimi", "kimi-k3", ["kimi-k2.6", "kimi-k2-0905"]),
        ("qwen-max", "qwen3.7-max", ["qwen3-max", "qwen-max"]),
        ("o", "o3", ["o1"]),
        ("glm-v", "glm-4.6v", ["glm-4.5v"]),
        ("llama-70b-instruct", "llama-3.3-70b-instruct", ["llama-3.1-70b-instruct"]),
    ],
)
def test_without_dates_the_highest_version_is_the_newest(family: str, newest: str, older: list[str]) -> None:
    assert named(newest, *older) == named(*older, newest) == {f"~a/{family}-latest": f"a/{newest}"}


def test_the_date_of_creation_comes_before_the_version() -> None:
    assert named("m-9", "m-1", **{"m-1": 2, "m-9": 1}) == {"~a/m-latest": "a/m-1"}


@pytest.mark.parametrize("pair", [("m-5", "m-5-mini"), ("m-4.6", "m-4.6v"), ("m-3-8b", "m-3-70b"), ("m-code-1", "m-1")])
def test_other_words_and_sizes_are_other_families(pair: tuple[str, str]) -> None:
    assert len(named(*pair)) == 2


@given(ids=st.lists(st.text(alphabet="ab19.-v", max_size=12), unique=True))
def test_every_model_has_one_family_and_every_family_a_model(ids: list[str]) -> None:
    found = named(*ids)
    assert set(found.values()) <= {f"a/{id_}" for id_ in ids}
    assert bool(found) is bool(ids)
    assert found == named(*reversed(ids))


def test_only_what_somebody_serves_is_the_newest() -> None:
    rows = [EndpointRow(provider="p", model="a/m-1", upstream_model="x", tag="p", price=Price(base=Rates()))]
    sheet = Sheet(
        providers={"p": Provider(slug="p", name="P", dialect="openai_chat", base_url="http://p")},
        models={id_: Model(id=id_, name=id_) for id_ in ("a/m-1", "a/m-2")},
        endpoints={(row.provider, row.model, row.tag): row for row in rows},
        aliases={"~a/own-latest": "a/m-1"},
    )
    known = catalogue(sheet)
    assert known.resolve("~a/m-latest") == known.resolve("~a/own-latest") == "a/m-1"
    assert known.resolve("~a/n-latest") is None
    assert known.bears("~a/m-latest")
