"""What a Gemini request says in its URL, written into its body."""

import json
from typing import Any

import pytest

from wideband.canon.faults import Faulted
from wideband.dialects.base import Called
from wideband.dialects.gemini_generate.absorb import absorb
from wideband.dialects.gemini_generate.words import (
    BARE_GENERATE_PATH,
    BARE_STREAM_PATH,
    GENERATE_PATH,
    STREAM_PATH,
)


def called(model: str | None = "openai/gpt-5", path: str = STREAM_PATH, **query: str) -> Called:
    return Called(path=path, model=model, query=query)


def told(body: bytes, **how: Any) -> Any:
    return json.loads(absorb(called(**how), body))


@pytest.mark.parametrize(
    ("path", "query", "stream", "alt"),
    [
        (STREAM_PATH, {"alt": "sse"}, True, "sse"),
        (STREAM_PATH, {}, True, "json"),
        (GENERATE_PATH, {"key": "k"}, False, "json"),
        (BARE_STREAM_PATH, {"alt": "sse"}, True, "sse"),
        (BARE_GENERATE_PATH, {}, False, "json"),
    ],
)
def test_the_url_becomes_the_first_members(path: str, query: dict[str, str], stream: bool, alt: str) -> None:
    body = told(b'{"contents": []}', path=path, **query)
    assert list(body.items()) == [("model", "openai/gpt-5"), ("stream", stream), ("alt", alt), ("contents", [])]


def test_the_bodys_own_bytes_stay_as_they_are() -> None:
    own = b'"contents" : [ {"parts":[{"text":"\\u00e9 1.0e5"}]} ],\n "x": 1.00 }\n'
    assert absorb(called(), b" {\n" + own).endswith(b"," + own)


@pytest.mark.parametrize("model", ["google/gemini-3-pro", "a/b:free", "gemini-2.5-flash"])
def test_a_models_resource_name_is_its_name(model: str) -> None:
    assert told(b"{}", model="models/" + model)["model"] == model
    assert told(b"{}", model=model)["model"] == model


def test_what_the_url_says_is_not_the_bodys_to_say() -> None:
    body = told(b'{"model": "evil", "stream": false, "alt": "x", "contents": [{"model": 1.50}]}')
    assert body == {"model": "openai/gpt-5", "stream": True, "alt": "json", "contents": [{"model": 1.5}]}
    assert b"1.50" in absorb(called(), b'{"contents": [{"model": 1.50}]}')


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"x"', b"nonsense"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(Faulted, match="JSON object"):
        absorb(called(), body)


def test_a_url_without_a_model_is_refused() -> None:
    with pytest.raises(Faulted, match="no model"):
        absorb(called(model="models/"), b"{}")


def test_what_cannot_be_read_is_left_to_the_reader() -> None:
    assert absorb(called(), b'{"model": oops').endswith(b'"model": oops')
