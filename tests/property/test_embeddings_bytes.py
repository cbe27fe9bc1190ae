"""Embeddings and rankings under any bytes: a request or a reply is read, or refused with a fault."""

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from tests.property.wrong_bytes import json_of, scalar

from wideband.canon.faults import Faulted
from wideband.canon.usage import Usage
from wideband.dialects.base import Called, Closing, Dialect, Envelope, Target
from wideband.dialects.cohere_rerank import DIALECT as RERANK
from wideband.dialects.gemini_embeddings import DIALECT as GEMINI
from wideband.dialects.openai_embeddings import DIALECT as OPENAI
from wideband.wire import jsons

fuzz = settings(max_examples=100, deadline=None)
CLOSING = Closing(usage=Usage())
TARGET = Target(model="m", provider="p", quirks=frozenset({"voyage"}))

WORDS = ["input", "content", "parts", "text", "type", "requests", "taskType", "title", "query", "documents", "image"]
WORDS += ["data", "embedding", "embeddings", "values", "index", "results", "score", "relevance_score", "usage", "error"]
json = json_of(WORDS)
content = st.fixed_dictionaries(
    {"parts": st.lists(st.dictionaries(st.sampled_from(WORDS), json, max_size=2), max_size=2)}
)
one = st.fixed_dictionaries({"content": content}, optional=dict.fromkeys(("taskType", "title", "x"), json))
part = st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url", "input_audio", "input_file", "x"])})
rich = st.fixed_dictionaries({"content": st.lists(part, max_size=2)})
asks = {
    "openai": st.fixed_dictionaries({"input": st.text() | st.lists(st.text(max_size=3) | rich, max_size=3) | json}),
    "gemini": one | st.fixed_dictionaries({"requests": st.lists(one, max_size=2) | json}),
    "rerank": st.fixed_dictionaries({"query": st.text(max_size=3), "documents": st.lists(st.text(max_size=3)) | json}),
}
vector = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3) | st.text(max_size=8) | json
answers = {
    "openai": st.fixed_dictionaries(
        {"data": st.lists(st.fixed_dictionaries({"embedding": vector}, optional={"index": json}), max_size=3)},
        optional={"usage": json, "error": json, "id": json},
    ),
    "gemini": st.fixed_dictionaries(
        {"embeddings": st.lists(st.fixed_dictionaries({"values": vector}), max_size=3)},
        optional={"usageMetadata": json},
    ),
    "rerank": st.fixed_dictionaries(
        {"results": st.lists(st.fixed_dictionaries({"index": st.integers(0, 3), "score": scalar}), max_size=3) | json},
        optional={"usage": json, "meta": json, "error": json},
    ),
}
DIALECTS = {"openai": OPENAI, "gemini": GEMINI, "rerank": RERANK}
each = pytest.mark.parametrize("name", DIALECTS)


def called(dialect: Dialect, body: bytes) -> bytes:
    if dialect.absorb is None:
        return body
    path = dialect.paths[1 if b'"requests"' in body else 0]
    return dialect.absorb(Called(path=path, model="m"), body)


@each
@fuzz
@given(data=st.data())
def test_any_body_is_read_or_refused(name: str, data: st.DataObject) -> None:
    dialect = DIALECTS[name]
    fields: dict[str, Any] = {"model": "m"} | data.draw(asks[name])
    try:
        body = called(dialect, jsons.encode(fields))
        dialect.splice(dialect.read(body), TARGET)
        dialect.encode_request(dialect.decode_request(body), TARGET)
    except Faulted:
        pass


@each
@pytest.mark.parametrize("form", [b'"base64"', b'"float"'])
@fuzz
@given(data=st.data())
def test_any_reply_is_read_or_refused(name: str, form: bytes, data: st.DataObject) -> None:
    dialect = DIALECTS[name]
    body = data.draw(answers[name].map(jsons.encode) | json.map(jsons.encode) | st.binary(max_size=20))
    told = Envelope(id="g", model="m", provider="p", created_s=1, asked={"encoding_format": jsons.Raw(form)})
    try:
        reply = dialect.decode_reply(body)
    except Faulted:
        return
    jsons.decode(dialect.relay_reply(body, told, CLOSING))
    jsons.decode(dialect.encode_reply(reply, told, CLOSING)[0])
