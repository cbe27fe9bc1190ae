"""Rerank: one request for every host, and every host's ranking in one shape."""

import json
from typing import Any

import pytest

from wideband.canon.faults import Faulted, FaultKind
from wideband.canon.request import Image, Loss, Message, RankAsk, Request, Score, Text
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope, Target
from wideband.dialects.cohere_rerank import DIALECT

TARGET = Target(model="rerank-v3.5", provider="p")
CLOSING = Closing(usage=Usage(search_units=1, source="estimated"), cost_nano=2_000_000)


def asked(**fields: Any) -> bytes:
    return json.dumps({"model": "cohere/rerank-v3.5", "query": "who", "documents": ["me", "you"], **fields}).encode()


def envelope(**fields: Any) -> Envelope:
    return Envelope(id="gen-1", model="a/b", provider="P", created_s=1, asked=DIALECT.read(asked(**fields)).fields)


def relayed(told: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return dict(json.loads(DIALECT.relay_reply(json.dumps(told).encode(), envelope(**fields), CLOSING)))


def test_query_and_documents_are_measured() -> None:
    ask = DIALECT.read(asked(documents=["abc", {"text": "de"}, {"image": "https://x/y.png"}]))
    assert (ask.prompt_chars, ask.inputs, ask.images, ask.modalities) == (8, 3, 1, frozenset({"image"}))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": ""}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": "x"}, "documents"),
        ({"documents": [3]}, "documents[0]"),
        ({"top_n": 0}, "top_n"),
    ],
)
def test_wrong_fields_are_told_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Faulted) as caught:
        DIALECT.read(asked(**fields))
    assert caught.value.fault.param == param


def test_the_callers_bytes_go_on() -> None:
    body = asked(top_n=1, provider={"only": ["p"]}, rank_fields=["x"], documents=[{"text": "a"}, {"text": "b", "n": 1}])
    draft = DIALECT.splice(DIALECT.read(body), TARGET)
    assert json.loads(draft.body) == {
        "model": "rerank-v3.5",
        "query": "who",
        "documents": ["a", {"text": "b", "n": 1}],
        "top_n": 1,
        "rank_fields": ["x"],
    }


def test_voyage_calls_it_top_k() -> None:
    voyage = Target(model="rerank-2.5", provider="p", quirks=frozenset({"voyage"}))
    assert json.loads(DIALECT.splice(DIALECT.read(asked(top_n=1)), voyage).body)["top_k"] == 1
    assert json.loads(DIALECT.splice(DIALECT.read(asked(top_k=1)), TARGET).body)["top_n"] == 1


def test_a_request_survives_canon() -> None:
    documents = ["a", {"text": "b", "image": "https://x/y.png"}, {"image": "https://x/z.png"}]
    request = DIALECT.decode_request(asked(documents=documents, top_n=2, max_tokens_per_doc=9, return_documents=True))
    assert request.task == "rerank"
    assert request.rank == RankAsk(top_n=2, return_documents=True, max_tokens_per_document=9)
    assert request.messages[0].parts == (Text(text="who"),)
    assert request.messages[3].parts == (Image(url="https://x/z.png"),)
    draft = DIALECT.encode_request(request, TARGET)
    assert json.loads(draft.body) == {
        "model": "rerank-v3.5", "query": "who", "documents": documents, "top_n": 2, "max_tokens_per_doc": 9,
        "return_documents": True,
    }  # fmt: skip
    assert draft.losses == ()


def test_parts_that_no_ranking_reads_are_losses() -> None:
    images = (Image(url="https://x/1"), Image(url="https://x/2"))
    messages = (Message(role="user", parts=(Text(text="q"),)), Message(role="user", parts=images))
    request = Request(dialect="other", model="m", messages=messages, task="rerank", extras={"x": 1})
    assert DIALECT.encode_request(request, TARGET).losses == (Loss("content_part"), Loss("unknown_fields", "x"))


HOSTS: dict[str, tuple[Any, Usage | None]] = {
    "cohere": (
        {
            "id": "c-1",
            "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}],
            "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
        },
        Usage(search_units=1),
    ),
    "jina": (
        {
            "model": "jina-reranker-v3",
            "usage": {"total_tokens": 15},
            "results": [
                {"index": 1, "relevance_score": 0.9, "document": {"text": "you"}},
                {"index": 0, "relevance_score": 0.1, "document": {"text": "me"}},
            ],
        },
        Usage(prompt_tokens=15),
    ),
    "voyage": (
        {
            "object": "list",
            "data": [{"index": 0, "relevance_score": 0.1, "document": "me"}, {"index": 1, "relevance_score": 0.9}],
            "model": "rerank-2.5",
            "usage": {"total_tokens": 15},
        },
        Usage(prompt_tokens=15),
    ),
    "vllm": (
        {
            "id": "score-1",
            "model": "bge",
            "usage": {"prompt_tokens": 15, "total_tokens": 15},
            "results": [
                {"index": 1, "document": {"text": "you", "multi_modal": None}, "relevance_score": 0.9},
                {"index": 0, "document": {"text": "me", "multi_modal": None}, "relevance_score": 0.1},
            ],
        },
        Usage(prompt_tokens=15),
    ),
    "tei": ([{"index": 1, "score": 0.9, "text": "you"}, {"index": 0, "score": 0.1}], None),
}


@pytest.mark.parametrize("host", HOSTS)
def test_every_hosts_ranking_is_read_best_first(host: str) -> None:
    told, usage = HOSTS[host]
    reply = DIALECT.decode_reply(json.dumps(told).encode())
    assert reply.usage == usage
    (choice,) = reply.choices
    assert choice.finish == "stop"
    scores = [part for part in choice.parts if isinstance(part, Score)]
    assert [(score.index, score.relevance) for score in scores] == [(1, 0.9), (0, 0.1)]


@pytest.mark.parametrize("lane", ["fast", "translated"])
@pytest.mark.parametrize("host", HOSTS)
def test_clients_get_one_shape_with_documents(host: str, lane: str) -> None:
    body = json.dumps(HOSTS[host][0]).encode()
    if lane == "fast":
        written = DIALECT.relay_reply(body, envelope(), CLOSING)
    else:
        written, _ = DIALECT.encode_reply(DIALECT.decode_reply(body), envelope(), CLOSING)
    answer = json.loads(written)
    assert (answer["id"], answer["model"], answer["provider"]) == ("gen-1", "a/b", "P")
    assert [(row["index"], row["relevance_score"], row["document"]["text"]) for row in answer["results"]] == [
        (1, 0.9, "you"),
        (0, 0.1, "me"),
    ]
    assert answer["usage"] == {"cost": 0.002, "search_units": 1}
    assert "data" not in answer


def test_documents_are_left_out_where_the_caller_wants_none() -> None:
    answer = relayed(HOSTS["jina"][0], return_documents=False)
    assert answer["results"] == [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]


def test_what_only_the_provider_says_is_kept() -> None:
    told = {"results": [{"index": 0, "relevance_score": 1, "mark": "x"}], "meta": {"api_version": {"version": "2"}}}
    answer = relayed(told)
    assert answer["meta"] == {"api_version": {"version": "2"}}
    assert answer["results"] == [{"index": 0, "relevance_score": 1.0, "document": {"text": "me"}, "mark": "x"}]


def test_tokens_are_shown_where_the_provider_counted_them() -> None:
    closing = Closing(usage=Usage(prompt_tokens=15), cost_nano=0)
    body, _ = DIALECT.encode_reply(DIALECT.decode_reply(json.dumps(HOSTS["jina"][0]).encode()), envelope(), closing)
    assert json.loads(body)["usage"] == {"cost": 0, "total_tokens": 15}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"7",
        b'{"results":3}',
        b'{"results":[{"index":"0","relevance_score":1}]}',
        b'{"results":[{"index":0}]}',
        b'{"results":[{"index":-1,"score":1}]}',
    ],
)
def test_what_is_no_ranking_is_garbled(body: bytes) -> None:
    with pytest.raises(Faulted) as caught:
        DIALECT.decode_reply(body)
    assert caught.value.fault.kind is FaultKind.PROVIDER_GARBLED


def test_coheres_words_for_an_error_are_read() -> None:
    with pytest.raises(Faulted) as caught:
        DIALECT.decode_reply(b'{"message":"too many tokens: reduce the length"}')
    assert caught.value.fault.message == "too many tokens: reduce the length"
    assert DIALECT.decode_fault(401, b'{"message":"invalid api token"}').kind is FaultKind.PROVIDER_AUTH
