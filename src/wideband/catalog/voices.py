"""The fields of a `[[provider]]` that say which dialects it speaks, where, and to whose models."""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from wideband.catalog.rows import AuthStyle, Provider, Voice
from wideband.catalog.tables import Place, listed, nearest, read_fields

# Dialects whose base URL is usually written without its version.
_DEFAULT_PATH = {"anthropic_messages": "/v1"}
# How a dialect's own clients show their key, where that is not as a bearer token.
_DEFAULT_AUTH: dict[str, AuthStyle] = {
    "anthropic_messages": "x-api-key",
    "gemini_embeddings": "x-goog-api-key",
    "gemini_generate": "x-goog-api-key",
}


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """The names a row may use: dialects we speak and quirks they know."""

    dialects: Collection[str]
    quirks: Collection[str]


class _VoiceTable(msgspec.Struct, kw_only=True):
    base_url: str
    auth: AuthStyle
    quirks: frozenset[str]


def default_auth(dialect: str) -> AuthStyle:
    """Return how a key is shown in a dialect when nobody says how."""
    return _DEFAULT_AUTH.get(dialect, "bearer")


def read_base_url(text: str, dialect: str, place: Place) -> str:
    """Return a base URL without its last slash and with its version; note what is wrong with it."""
    url = text.rstrip("/")
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        place.note("base_url", f"`{text}` is no http or https URL")
    elif parts.query or parts.fragment or "@" in parts.netloc:
        place.note("base_url", "must hold no user, query or fragment; keys go into `key_env`")
    return url if parts.path else url + _DEFAULT_PATH.get(dialect, "")


def check_quirks(values: Mapping[str, Any], words: Words, place: Place) -> None:
    """Note the quirks that nobody knows."""
    for quirk in sorted(values.get("quirks", ())):
        if quirk not in words.quirks:
            place.note("quirks", f"`{quirk}` is no quirk{nearest(quirk, words.quirks)}")


def check_dialect(name: str, field: str, words: Words, place: Place) -> None:
    """Note a dialect that nobody speaks."""
    if name not in words.dialects:
        place.note(field, f"`{name}` is no dialect{nearest(name, words.dialects)}")


def read_voices(
    tables: Mapping[str, Mapping[str, Any]], words: Words, place: Place, *, packed: bool
) -> dict[str, Voice]:
    """Return the voices of an `also` table; `packed` by a platform they have paths of its own, without a version."""
    voices: dict[str, Voice] = {}
    for name, table in tables.items():
        within = Place(table=place.table, nth=place.nth, problems=[])
        check_dialect(name, "", words, within)
        values = read_fields(table, _VoiceTable, within)
        check_quirks(values, words, within)
        if "base_url" in values:
            values["base_url"] = read_base_url(values["base_url"], "" if packed else name, within)
        for problem in within.problems:
            place.note(f"also.{name}.{problem.field}".rstrip("."), problem.text)
        voices[name] = Voice(**values)
    return voices


def following(known: Provider) -> dict[str, Voice]:
    """Return the voices that go along when a provider's base URL is another: those that have none of their own."""
    return {name: voice for name, voice in known.also.items() if voice.base_url is None}


def check_voices(provider: Provider, place: Place) -> None:
    """Note what a provider says of its dialects that does not fit together."""
    if provider.dialect in provider.also:
        place.note(f"also.{provider.dialect}", "is its `dialect` already; leave it out here")
    spoken = (provider.dialect, *provider.also)
    for author, dialect in provider.by_author.items():
        if dialect not in spoken:
            place.note(f"by_author.{author}", f"`{dialect}` is none of the dialects it speaks: {listed(spoken)}")
