"""Gemini's embeddings: one or a batch, as the URL says, to and from the canonical form."""

import json
from typing import Any

import pytest

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.request import EmbedAsk, File, Image, Loss, Message, Request, Text, Tokens
from wideband.canon.usage import Usage
from wideband.dialects.base import Called, Closing, Envelope, Target
from wideband.dialects.gemini_embeddings import DIALECT

ONE, BATCH = DIALECT.paths
TARGET = Target(model="gemini-embedding-001", provider="p")
CLOSING = Closing(usage=Usage(prompt_tokens=8), cost_nano=1200)
HELLO: dict[str, Any] = {"parts": [{"text": "hello"}]}


def called(body: dict[str, Any], model: str = "google/gemini-embedding-001") -> bytes:
    path = BATCH if "requests" in body else ONE
    assert DIALECT.absorb is not None
    return DIALECT.absorb(Called(path=path, model=model), json.dumps(body).encode())


def envelope(body: dict[str, Any]) -> Envelope:
    return Envelope(id="gen-1", model="a/b", provider="P", created_s=1, asked=DIALECT.read(called(body)).fields)


def test_the_url_says_the_model() -> None:
    assert json.loads(called({"content": HELLO}, "models/a/b")) == {"content": HELLO, "model": "a/b"}
    assert DIALECT.read(called({"content": HELLO, "model": "models/other"}, "a/b")).model == "a/b"


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (ONE, {"requests": []}, "content"),
        (BATCH, {"content": HELLO}, "requests"),
        (BATCH, {"requests": []}, "requests"),
    ],
)
def test_a_body_that_does_not_fit_the_path_is_refused(path: str, body: dict[str, Any], param: str) -> None:
    assert DIALECT.absorb is not None
    with pytest.raises(Faulted) as caught:
        DIALECT.read(DIALECT.absorb(Called(path=path, model="m"), json.dumps(body).encode()))
    assert caught.value.fault.param == param


def test_texts_and_media_are_measured() -> None:
    parts = [{"text": "abc"}, {"inlineData": {"mimeType": "image/png", "data": "AA"}}]
    snake = [{"inline_data": {"mime_type": "application/pdf", "data": "AA"}}]
    ask = DIALECT.read(called({"requests": [{"content": {"parts": parts}}, {"content": {"parts": snake}}]}))
    assert (ask.prompt_chars, ask.inputs, ask.images) == (3, 2, 1)
    assert ask.modalities == {"image", "file"}


def test_the_callers_bytes_go_on_under_the_providers_name() -> None:
    body = {"content": HELLO, "taskType": "RETRIEVAL_QUERY", "provider": {"only": ["p"]}}
    draft = DIALECT.splice(DIALECT.read(called(body)), TARGET)
    assert draft.path == "/models/gemini-embedding-001:embedContent"
    assert json.loads(draft.body) == {
        "content": HELLO, "taskType": "RETRIEVAL_QUERY", "model": "models/gemini-embedding-001",
    }  # fmt: skip
    batch = {"requests": [{"content": HELLO, "model": "models/x", "title": "T"}, {"content": HELLO}]}
    draft = DIALECT.splice(DIALECT.read(called(batch)), TARGET)
    assert draft.path == "/models/gemini-embedding-001:batchEmbedContents"
    assert json.loads(draft.body) == {
        "requests": [
            {"content": HELLO, "model": "models/gemini-embedding-001", "title": "T"},
            {"content": HELLO, "model": "models/gemini-embedding-001"},
        ]
    }


@pytest.mark.parametrize(
    "told",
    [
        {"taskType": "RETRIEVAL_DOCUMENT", "outputDimensionality": 3, "title": "T"},
        {"task_type": "RETRIEVAL_DOCUMENT", "output_dimensionality": 3, "title": "T"},
        {"embedContentConfig": {"taskType": "RETRIEVAL_DOCUMENT", "outputDimensionality": 3, "title": "T"}},
    ],
    ids=["camel", "snake", "config"],
)
def test_what_is_asked_is_read_in_every_spelling(told: dict[str, Any]) -> None:
    request = DIALECT.decode_request(called({"content": HELLO, **told}))
    assert request.embed == EmbedAsk(dimensions=3, input_type="document")
    assert request.messages == (Message(role="user", parts=(Text(text="hello"),), extras={"title": "T"}),)
    assert request.extras == {}


def test_a_batch_survives_canon() -> None:
    parts = [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "AA"}}]
    pdf = [{"inlineData": {"mimeType": "application/pdf", "data": "BB"}}]
    batch = {"requests": [{"content": {"parts": parts}, "title": "T"}, {"content": {"parts": pdf}}]}
    request = DIALECT.decode_request(called(batch))
    assert request.messages[0].parts == (Text(text="a"), Image(data="AA", media_type="image/png"))
    assert request.messages[1].parts == (File(data="BB", media_type="application/pdf"),)
    draft = DIALECT.encode_request(request, TARGET)
    name = "models/gemini-embedding-001"
    assert json.loads(draft.body)["requests"] == [
        {"content": {"parts": parts}, "title": "T", "model": name},
        {"content": {"parts": pdf}, "model": name},
    ]
    assert draft.losses == ()


def test_a_batch_of_several_kinds_is_refused_where_it_has_to_be_translated() -> None:
    requests = [{"content": HELLO, "taskType": task} for task in ("RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT")]
    with pytest.raises(Faulted, match="taskType"):
        DIALECT.decode_request(called({"requests": requests}))


@pytest.mark.parametrize(
    ("word", "task"),
    [
        ("query", "RETRIEVAL_QUERY"),
        ("search_document", "RETRIEVAL_DOCUMENT"),
        ("CLUSTERING", "CLUSTERING"),
        ("retrieval.passage", "RETRIEVAL_DOCUMENT"),
        ("mood", None),
    ],
)
def test_what_an_embedding_is_for_is_said_in_googles_words(word: str, task: str | None) -> None:
    request = Request(
        dialect="openai_embeddings",
        model="m",
        messages=(Message(role="user", parts=(Text(text="a"),)),),
        task="embed",
        embed=EmbedAsk(input_type=word),
    )
    draft = DIALECT.encode_request(request, TARGET)
    assert json.loads(draft.body).get("taskType") == task
    assert draft.losses == (() if task else (Loss("input_type", "mood"),))


def test_tokens_of_another_model_are_refused() -> None:
    message = Message(role="user", parts=(Tokens(ids=(1, 2)),))
    request = Request(dialect="openai_embeddings", model="m", messages=(message,), task="embed")
    with pytest.raises(Faulted, match="send texts"):
        DIALECT.encode_request(request, TARGET)


@pytest.mark.parametrize("lane", ["fast", "translated"])
def test_the_answer_has_the_shape_of_the_path(lane: str) -> None:
    def answer(given: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        body, told = json.dumps(given).encode(), envelope(asked)
        if lane == "fast":
            return dict(json.loads(DIALECT.relay_reply(body, told, CLOSING)))
        return dict(json.loads(DIALECT.encode_reply(DIALECT.decode_reply(body), told, CLOSING)[0]))

    one = answer({"embedding": {"values": [0.5]}}, {"content": HELLO})
    batch = answer({"embeddings": [{"values": [0.5]}, {"values": [1]}]}, {"requests": [{"content": HELLO}] * 2})
    assert one["embedding"] == {"values": [0.5]}
    assert batch["embeddings"] == [{"values": [0.5]}, {"values": [1]}]
    assert "embedding" not in batch
    assert one["usageMetadata"] == {"promptTokenCount": 8, "totalTokenCount": 8}
    assert one["usage"] == {"cost": 1.2e-06}


def test_googles_counts_are_read() -> None:
    told = {"embedding": {"values": [1]}, "usageMetadata": {"promptTokenCount": 7}}
    assert DIALECT.decode_reply(json.dumps(told).encode()).usage == Usage(prompt_tokens=7)
    rows = [{"values": [1], "statistics": {"tokenCount": 3.0}}] * 2
    assert DIALECT.decode_reply(json.dumps({"embeddings": rows}).encode()).usage == Usage(prompt_tokens=6)
    assert DIALECT.decode_reply(b'{"embedding":{"values":[1]}}').usage is None


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"embeddings":[]}', b'{"embedding":{}}', b"\xff"])
def test_an_answer_without_vectors_is_garbled(body: bytes) -> None:
    with pytest.raises(Faulted) as caught:
        DIALECT.decode_reply(body)
    assert caught.value.fault.kind is FaultKind.PROVIDER_GARBLED


def test_errors_are_googles() -> None:
    fault = Fault(kind=FaultKind.RATE_LIMITED, message="slow down")
    error = json.loads(DIALECT.encode_fault(fault, "gen-1"))["error"]
    assert (error["code"], error["message"], error["status"]) == (429, "slow down", "RESOURCE_EXHAUSTED")
    refused = json.dumps({"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}})
    assert DIALECT.decode_fault(400, refused.encode()).kind is FaultKind.PROVIDER_AUTH
