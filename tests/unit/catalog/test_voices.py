"""Rows that say which dialects a provider speaks, where, how packed, and to whose models."""

from typing import Any

import pytest

from wideband.catalog.reading import Sheet, read_sheet
from wideband.catalog.rows import Provider, Voice
from wideband.catalog.tables import Problem
from wideband.catalog.voices import Words

WORDS = Words(dialects={"openai_chat", "openai_responses", "anthropic_messages"}, quirks={"no_stop", "no_seed"})
ROW: dict[str, Any] = {"slug": "p", "dialect": "openai_chat", "base_url": "https://a.example/v1", "key_env": "P_KEY"}


def read(*rows: dict[str, Any]) -> tuple[Provider, list[str]]:
    """Return the provider that documents of one row each make, and what is wrong with the last."""
    sheet, problems = Sheet(), list[Problem]()
    for row in rows:
        sheet, problems = read_sheet({"provider": [row]}, sheet, WORDS)
    return sheet.providers["p"], [f"{problem.field}: {problem.text}" for problem in problems]


def test_a_voice_says_only_what_is_other() -> None:
    voice = {"base_url": "https://a.example/anthropic/v1/", "auth": "x-api-key", "quirks": ["no_stop"]}
    provider, problems = read({**ROW, "also": {"anthropic_messages": voice, "openai_responses": {}}})
    assert problems == []
    assert provider.also == {
        "anthropic_messages": Voice(
            base_url="https://a.example/anthropic/v1", auth="x-api-key", quirks=frozenset({"no_stop"})
        ),
        "openai_responses": Voice(),
    }
    assert provider.dialects("acme/m") == ("openai_chat", "anthropic_messages", "openai_responses")


def test_a_bare_host_gets_the_version_of_the_voices_dialect_unless_a_platform_packs_it() -> None:
    also = {"anthropic_messages": {"base_url": "https://b.example"}}
    assert read({**ROW, "also": also})[0].also["anthropic_messages"].base_url == "https://b.example/v1"
    packed, problems = read({**ROW, "also": also, "carriage": "bedrock"})
    assert problems == []
    assert (packed.carriage, packed.also["anthropic_messages"].base_url) == ("bedrock", "https://b.example")


def test_an_author_may_have_a_dialect_of_its_own() -> None:
    provider, problems = read(
        {
            **ROW,
            "also": {"anthropic_messages": {}, "openai_responses": {}},
            "by_author": {"anthropic": "anthropic_messages"},
        }
    )
    assert problems == []
    assert provider.dialects("anthropic/claude-x") == ("anthropic_messages",)
    assert provider.dialects("meta/llama") == ("openai_chat", "openai_responses")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"also": {"anthropic_mesages": {}}},
            "also.anthropic_mesages: `anthropic_mesages` is no dialect; did you mean `anthropic_messages`?",
        ),
        ({"also": {"openai_chat": {}}}, "also.openai_chat: is its `dialect` already; leave it out here"),
        (
            {"also": {"openai_responses": {"quirks": ["no_stopp"]}}},
            "also.openai_responses.quirks: `no_stopp` is no quirk; did you mean `no_stop`?",
        ),
        (
            {"also": {"openai_responses": {"url": "x"}}},
            "also.openai_responses.url: unknown field; known are `auth`, `base_url`, `quirks`",
        ),
        (
            {"also": {"openai_responses": {"base_url": "ftp://x"}}},
            "also.openai_responses.base_url: `ftp://x` is no http or https URL",
        ),
        ({"also": {"openai_responses": {"auth": "magic"}}}, "also.openai_responses.auth: invalid enum value 'magic'"),
        ({"also": ["openai_responses"]}, "also: expected `object`, got `array`"),
        (
            {"by_author": {"anthropic": "anthropic_messages"}},
            "by_author.anthropic: `anthropic_messages` is none of the dialects it speaks: `openai_chat`",
        ),
        ({"carriage": "train"}, "carriage: invalid enum value 'train'"),
    ],
)
def test_mistakes_are_told_with_their_place(fields: dict[str, Any], problem: str) -> None:
    assert read({**ROW, **fields})[1] == [problem]


def test_a_provider_moved_elsewhere_leaves_behind_the_voices_that_have_a_place_of_their_own() -> None:
    also = {"anthropic_messages": {"base_url": "https://a.example/anthropic/v1"}, "openai_responses": {}}
    moved, problems = read({**ROW, "also": also}, {"slug": "p", "base_url": "http://127.0.0.1:9/v1"})
    assert problems == []
    assert moved.also == {"openai_responses": Voice()}


def test_a_row_of_a_known_provider_that_says_nothing_of_voices_keeps_them() -> None:
    kept, _ = read({**ROW, "also": {"openai_responses": {}}}, {"slug": "p", "name": "Mine"})
    assert (kept.name, kept.also) == ("Mine", {"openai_responses": Voice()})
