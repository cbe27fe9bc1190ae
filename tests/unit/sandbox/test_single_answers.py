"""Simulated embeddings, rankings and text completions, as their providers speak them."""

import base64
import struct
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.sandbox.conftest import Answered, read

from wideband.sandbox.desk import Desk, Incoming
from wideband.wire import jsons

EMBED = {"model": "sandbox/embed"}
RERANK = {"model": "sandbox/rerank", "query": "capital of France", "documents": ["a tree", "Paris, capital of France"]}
PROMPT = {"model": "sandbox/steady", "prompt": "Once [[sandbox tokens=6]]"}
Post = Callable[..., Answered]


@pytest.fixture
def post() -> Post:
    """Ask Aurora, or another provider, at a path."""
    desk = Desk(seed=1, grain_s=0.02)

    def ask(path: str, body: dict[str, Any], provider: str = "aurora") -> Answered:
        path = f"/sim-{provider}/v1{path}"
        return read(desk.play(Incoming(method="POST", path=path, headers={}, body=jsons.encode(body), at_s=0.0)))

    return ask


def test_the_same_text_gets_the_same_vector_in_either_form(post: Post) -> None:
    plain = post("/embeddings", EMBED | {"input": ["a", "b"], "dimensions": 8}).json
    packed = post("/embeddings", EMBED | {"input": "b", "dimensions": 8, "encoding_format": "base64"}).json
    first, second = (row["embedding"] for row in plain["data"])
    assert first != second
    assert list(struct.unpack("<8f", base64.b64decode(packed["data"][0]["embedding"]))) == second
    assert sum(each * each for each in first) == pytest.approx(1.0, abs=1e-5)
    assert plain["usage"] == {"prompt_tokens": 1, "total_tokens": 1}


def test_google_gives_the_same_vectors_in_its_own_shape(post: Post) -> None:
    row = {"model": "models/sandbox/embed", "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8}
    one = post("/models/sandbox/embed:embedContent", row, "jetty").json
    batch = post("/models/sandbox/embed:batchEmbedContents", {"requests": [row, row]}, "jetty").json
    openai = post("/embeddings", EMBED | {"input": "a", "dimensions": 8}).json
    assert batch["embeddings"] == [one["embedding"]] * 2 == [{"values": openai["data"][0]["embedding"]}] * 2


def test_a_document_is_as_relevant_as_it_has_words_of_the_query(post: Post) -> None:
    ranked = post("/rerank", RERANK).json
    assert [(row["index"], row["relevance_score"]) for row in ranked["results"]] == [(1, 1.0), (0, 0.0)]
    assert ranked["meta"]["billed_units"] == {"search_units": 1}
    assert len(post("/rerank", RERANK | {"top_n": 1}).json["results"]) == 1
    many = post("/rerank", RERANK | {"documents": ["a"] * 101}).json
    assert many["meta"]["billed_units"] == {"search_units": 2}


def test_a_completion_is_the_same_whole_and_streamed(post: Post) -> None:
    whole = post("/completions", PROMPT).json
    events = post("/completions", PROMPT | {"stream": True, "stream_options": {"include_usage": True}}).events
    assert "".join(row["text"] for each in events for row in each["choices"]) != ""
    assert len(whole["choices"][0]["text"]) == 6 * 4
    assert whole["usage"]["completion_tokens"] == events[-1]["usage"]["completion_tokens"] == 6


def test_several_prompts_get_an_answer_each_in_their_order(post: Post) -> None:
    body = PROMPT | {"prompt": ["One [[sandbox tokens=2]]", "Two"], "n": 2, "echo": True}
    rows = post("/completions", body).json["choices"]
    assert [(row["index"], row["text"][:3]) for row in rows] == [(0, "One"), (1, "One"), (2, "Two"), (3, "Two")]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/embeddings", EMBED),
        ("/embeddings", EMBED | {"input": []}),
        ("/embeddings", EMBED | {"input": [{"text": "a"}]}),
        ("/embeddings", EMBED | {"input": "a", "encoding_format": "int8"}),
        ("/embeddings", {"model": "sandbox/steady", "input": "a"}),
        ("/rerank", RERANK | {"query": ""}),
        ("/rerank", RERANK | {"documents": [{"text": "a"}]}),
        ("/rerank", RERANK | {"model": "sandbox/embed"}),
        ("/completions", PROMPT | {"prompt": 3}),
        ("/completions", PROMPT | {"temperature": 3}),
        ("/completions", PROMPT | {"model": "sandbox/embed"}),
        ("/chat/completions", {"model": "sandbox/embed", "messages": [{"role": "user", "content": "a"}]}),
    ],
)
def test_what_a_real_provider_refuses_is_refused(post: Post, path: str, body: dict[str, Any]) -> None:
    assert post(path, body).status == 400


def test_a_provider_speaks_only_what_its_row_says(post: Post) -> None:
    assert post("/rerank", RERANK, "ember").status == 404
