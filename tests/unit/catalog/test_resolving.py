"""Which model a name stands for: a model's id, an alias, a provider's own name, or one of these as clients vary it."""

import pytest

from wideband.catalog.joining import catalogue
from wideband.catalog.reading import Sheet
from wideband.catalog.rows import Catalogue, EndpointRow, Model, Price, Provider, Rates

IDS = ("anthropic/claude-sonnet-4.5", "openai/gpt-5", "acme/big", "acme/small", "google/gemini-2.5-pro")
NATIVE = {
    "anthropic/claude-sonnet-4.5": "claude-sonnet-4-5",
    "openai/gpt-5": "gpt-5",
    "acme/big": "same",
    "acme/small": "same",
}


def known(**aliases: str) -> Catalogue:
    rows = [
        EndpointRow(provider="p", model=id_, upstream_model=NATIVE.get(id_, id_), tag="p", price=Price(base=Rates()))
        for id_ in IDS
    ]
    return catalogue(
        Sheet(
            providers={"p": Provider(slug="p", name="P", dialect="openai_chat", base_url="http://p")},
            models={id_: Model(id=id_, name=id_) for id_ in IDS},
            endpoints={(row.provider, row.model, row.tag): row for row in rows},
            aliases=aliases,
        )
    )


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("openai/gpt-5", "openai/gpt-5"),
        ("gpt-5", "openai/gpt-5"),
        ("gpt-5-2025-08-07", "openai/gpt-5"),
        ("models/gpt-5", "openai/gpt-5"),
        ("claude-sonnet-4-5", "anthropic/claude-sonnet-4.5"),
        ("claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4.5"),
        ("claude-sonnet-4-5@20250929", "anthropic/claude-sonnet-4.5"),
        ("claude-sonnet-4-5[1m]", "anthropic/claude-sonnet-4.5"),
        ("claude-sonnet-4-5-latest", "anthropic/claude-sonnet-4.5"),
        ("anthropic/claude-sonnet-4.5[1m]", "anthropic/claude-sonnet-4.5"),
        ("models/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("same", None),
        ("gpt-50", None),
        ("", None),
        ("[1m]", None),
    ],
)
def test_names_as_clients_write_them(name: str, id_: str | None) -> None:
    assert known().resolve(name) == id_


def test_an_alias_is_asked_before_a_providers_own_name() -> None:
    assert known(**{"gpt-5": "acme/big"}).resolve("gpt-5") == "acme/big"
    assert known(**{"gpt-5": "acme/big"}).resolve("openai/gpt-5") == "openai/gpt-5"


def test_a_star_stands_for_anything_and_the_first_that_fits_counts() -> None:
    aliases = {"claude-*haiku*": "acme/small", "claude-*": "acme/big", "*": "google/gemini-2.5-pro"}
    names = ("claude-haiku-9", "claude-3-5-haiku-latest", "claude-opus-9", "claude-sonnet-4-5", "what/ever")
    assert [known(**aliases).resolve(name) for name in names] == [
        "acme/small",
        "acme/small",
        "acme/big",
        "acme/big",
        "google/gemini-2.5-pro",
    ]
    assert known(**aliases).resolve("anthropic/claude-sonnet-4.5") == "anthropic/claude-sonnet-4.5"
    assert known(**aliases).resolve("gpt-5") == "openai/gpt-5"


def test_an_alias_may_bear_the_id_of_a_model_that_cannot_be_used_but_never_stands_before_one_that_can() -> None:
    aliases = {"google/gemini-9": "acme/small", "openai/gpt-5": "acme/big"}
    assert known(**aliases).resolve("google/gemini-9") == "acme/small"
    assert known(**aliases).resolve("openai/gpt-5") == "openai/gpt-5"
