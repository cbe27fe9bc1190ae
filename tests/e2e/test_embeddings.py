"""Embeddings, rankings and legacy completions by the official SDKs, against a real server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import NotFoundError, OpenAI
from openrouter import OpenRouter
from tests.e2e.served import Served

ASK = "Once upon a time [[sandbox tokens=12]]"
LANES = pytest.mark.parametrize("provider", ["sim-aurora", "sim-borealis"], ids=["fast lane", "translated lane"])


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    with OpenAI(api_key=served.key, base_url=f"{served.url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
def router(served: Served) -> Iterator[OpenRouter]:
    with OpenRouter(api_key=served.key, server_url=f"{served.url}/api/v1") as client:
        yield client


def record(served: Served, name: str) -> dict[str, Any]:
    with served.http() as http:
        found: dict[str, Any] = http.get("/api/v1/generation", params={"id": name}).json()["data"]
        return found


# Embeddings.


def test_vectors_are_the_same_in_both_forms(client: OpenAI, served: Served) -> None:
    """The SDK asks for base64 unless it is told otherwise, and unpacks it itself."""
    packed = client.embeddings.create(model="sandbox/embed", input=["a", "b"], dimensions=8)
    plain = client.embeddings.create(model="sandbox/embed", input=["a", "b"], dimensions=8, encoding_format="float")
    assert [row.embedding for row in packed.data] == [row.embedding for row in plain.data]
    assert [(row.index, len(row.embedding)) for row in plain.data] == [(0, 8), (1, 8)]
    assert plain.usage.prompt_tokens == plain.usage.total_tokens == 1
    assert plain.model == "sandbox/embed"


def test_tokens_are_embedded_too(client: OpenAI) -> None:
    assert len(client.embeddings.create(model="sandbox/embed", input=[[1, 2], [3]]).data) == 2


def test_what_is_embedded_is_charged_and_recorded(router: OpenRouter, served: Served) -> None:
    made: Any = router.embeddings.generate(
        model="sandbox/embed", input="word " * 400, provider={"only": ["sim-aurora"]}
    )
    assert len(made.data[0].embedding) == 64
    assert made.usage.prompt_tokens == 500
    # Two cents a million tokens.
    assert made.usage.cost == pytest.approx(500 * 0.02e-6)
    kept = record(served, made.id)
    assert kept["total_cost"] == pytest.approx(made.usage.cost)
    assert (kept["api_type"], kept["finish_reason"], kept["streamed"]) == ("embeddings", "stop", False)
    assert (kept["native_tokens_prompt"], kept["native_tokens_completion"]) == (500, 0)


def test_gemini_clients_embed_with_the_same_models(served: Served, client: OpenAI) -> None:
    texts = ["a", "b"]
    body = {"requests": [{"model": "models/sandbox/embed", "content": {"parts": [{"text": text}]}} for text in texts]}
    with served.http() as http:
        batch = http.post("/v1beta/models/sandbox/embed:batchEmbedContents", json=body).json()
        one = http.post("/v1/models/sandbox/embed:embedContent", json={"content": {"parts": [{"text": "a"}]}}).json()
    openai = client.embeddings.create(model="sandbox/embed", input=texts, encoding_format="float")
    assert [row["values"] for row in batch["embeddings"]] == [row.embedding for row in openai.data]
    assert one["embedding"] == batch["embeddings"][0]
    assert one["usageMetadata"]["promptTokenCount"] == 1


def test_models_are_asked_at_their_own_path(served: Served) -> None:
    with served.http() as http:
        told = http.post("/v1/embeddings", json={"model": "sandbox/fast", "input": "a"}).json()
        assert "/api/v1/chat/completions" in told["error"]["message"]
        told = http.post(
            "/v1/chat/completions", json={"model": "sandbox/embed", "messages": [{"role": "user", "content": "a"}]}
        )
        assert told.status_code == 400
        assert "/api/v1/embeddings" in told.json()["error"]["message"]


def test_embedding_models_are_listed_apart(served: Served, router: OpenRouter) -> None:
    with served.http() as http:
        listed = {row["id"] for row in http.get("/api/v1/models").json()["data"]}
        apart = http.get("/api/v1/embeddings/models").json()
        everything = {row["id"] for row in http.get("/api/v1/models?output_modalities=all").json()["data"]}
        google = {row["name"] for row in http.get("/v1beta/models").json()["models"]}
    assert not listed & {"sandbox/embed", "sandbox/rerank"}
    assert [row["id"] for row in apart["data"]] == ["sandbox/embed"]
    found: Any = router.embeddings.list_models()
    assert [row.id for row in getattr(found, "result", found).data] == ["sandbox/embed"]
    assert "models/sandbox/embed" in google
    assert everything >= listed | {"sandbox/embed", "sandbox/rerank"}


# Rankings.


def test_a_ranking_names_its_documents(router: OpenRouter, served: Served) -> None:
    documents: Any = ["A tree grows.", "The capital of France is Paris.", {"text": "France has rivers."}]
    ranked: Any = router.rerank.rerank(
        model="sandbox/rerank:floor", query="capital of France", documents=documents, top_n=2
    )
    assert [(row.index, row.document.text) for row in ranked.results] == [
        (1, "The capital of France is Paris."),
        (2, "France has rivers."),
    ]
    assert ranked.results[0].relevance_score > ranked.results[1].relevance_score
    assert (ranked.usage.search_units, ranked.usage.cost) == (1, 0.002)
    kept = record(served, ranked.id)
    assert (kept["api_type"], kept["total_cost"]) == ("rerank", 0.002)


def test_every_hundred_documents_are_a_search(router: OpenRouter) -> None:
    ranked: Any = router.rerank.rerank(model="sandbox/rerank:floor", query="a", documents=["a"] * 101, top_n=1)
    assert (ranked.usage.search_units, ranked.usage.cost) == (2, 0.004)


# Legacy completions.


@LANES
def test_a_whole_completion(client: OpenAI, served: Served, provider: str) -> None:
    only: Any = {"provider": {"only": [provider]}}
    answer = client.completions.create(model="sandbox/steady", prompt=ASK, echo=True, n=2, extra_body=only)
    assert (answer.object, answer.model) == ("text_completion", "sandbox/steady")
    assert [choice.index for choice in answer.choices] == ([0, 1] if provider == "sim-aurora" else [0])
    assert all(choice.text.startswith(ASK) and len(choice.text) > len(ASK) for choice in answer.choices)
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12 * len(answer.choices)
    kept = record(served, answer.id)
    assert (kept["provider_name"], kept["lane"]) == (
        ("Aurora (simulated)", "fast") if provider == "sim-aurora" else ("Borealis (simulated)", "translated")
    )


@LANES
def test_a_streamed_completion(client: OpenAI, provider: str) -> None:
    only: Any = {"provider": {"only": [provider]}}
    chunks = list(client.completions.create(model="sandbox/steady", prompt=ASK, stream=True, extra_body=only))
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert len(text) == 12 * 4
    assert [choice.finish_reason for choice in chunks[-1].choices] == ["stop"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 12


def test_several_prompts_go_to_who_takes_them(client: OpenAI) -> None:
    answer = client.completions.create(model="sandbox/steady", prompt=[ASK, ASK])
    assert [choice.index for choice in answer.choices] == [0, 1]
    only: Any = {"provider": {"only": ["sim-borealis"]}}
    with pytest.raises(NotFoundError) as caught:
        client.completions.create(model="sandbox/steady", prompt=[ASK, ASK], extra_body=only)
    assert "provider.only" in json.dumps(caught.value.body)
