"""Goldens of the protocols without roles: what providers send, and what comes of it whichever protocol is asked."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from wideband.canon.events import Event
from wideband.canon.reply import fold, unfold
from wideband.canon.usage import Usage
from wideband.dialects.base import Called, Closing, Dialect, Envelope, Target
from wideband.dialects.cohere_rerank import DIALECT as RERANK
from wideband.dialects.gemini_embeddings import DIALECT as GEMINI
from wideband.dialects.openai_completions import DIALECT as COMPLETIONS
from wideband.dialects.openai_embeddings import DIALECT as OPENAI
from wideband.metering.meter import Meter
from wideband.wire import jsons, sse

GOLDEN = Path(__file__).parents[2] / "golden"
DIALECTS = {each.name: each for each in (COMPLETIONS, OPENAI, GEMINI, RERANK)}
CASES = sorted(path for name in DIALECTS for path in (GOLDEN / name).iterdir())
EMBEDDINGS = [path for path in CASES if DIALECTS[path.parent.name].task == "embed"]
VECTORS = [[0.5, -1.25, 3.0], [0.25, 1.0, -2.0]]
CLOSING = Closing(usage=Usage(prompt_tokens=8))

case = pytest.mark.parametrize("golden", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
embedding = pytest.mark.parametrize("golden", EMBEDDINGS, ids=lambda path: f"{path.parent.name}/{path.name}")


def asked(golden: Path) -> tuple[Dialect, bytes]:
    dialect, body = DIALECTS[golden.parent.name], (golden / "request.json").read_bytes()
    if dialect.absorb is not None:
        body = dialect.absorb(Called(path=dialect.paths[1], model="google/gemini-embedding-001"), body)
    return dialect, body


def envelope(dialect: Dialect, body: bytes) -> Envelope:
    return Envelope(id="gen-1", model="a/b", provider="P", created_s=1, asked=dialect.read(body).fields)


def vectors(answer: dict[str, Any]) -> list[Any]:
    return [row.get("values", row.get("embedding")) for row in answer.get("data") or answer["embeddings"]]


@case
def test_a_request_goes_through_canon_unharmed(golden: Path) -> None:
    dialect, body = asked(golden)
    draft = dialect.encode_request(dialect.decode_request(body), Target(model="up", provider="p"))
    straight = dialect.splice(dialect.read(body), Target(model="up", provider="p"))
    assert draft.losses == ()
    told, expected = json.loads(draft.body), json.loads(straight.body)
    for row in expected.get("requests", ()):
        # Google's SDK says who speaks, which nobody reads.
        row["content"].pop("role")
    assert told == expected


@case
def test_both_lanes_say_the_same(golden: Path) -> None:
    dialect, body = asked(golden)
    reply, told = (golden / "reply.json").read_bytes(), envelope(dialect, body)
    fast = json.loads(dialect.relay_reply(reply, told, CLOSING))
    translated = json.loads(dialect.encode_reply(dialect.decode_reply(reply), told, CLOSING)[0])
    for row in translated.get("choices", ()):
        row.pop("native_finish_reason")
    shared = translated.keys() - {"system_fingerprint"}
    assert {name: fast[name] for name in shared} == {name: translated[name] for name in shared}


@case
def test_every_answer_is_metered(golden: Path) -> None:
    """Also without counts: an answer counts as one, and what was asked is estimated by its length."""
    dialect, _ = asked(golden)
    reply = json.loads((golden / "reply.json").read_bytes())
    meter = Meter(0)
    meter.saw(unfold(dialect.decode_reply(json.dumps(reply).encode())), 1)
    assert meter.finish_reason is not None
    for name in ("usage", "usageMetadata", "meta"):
        reply.pop(name, None)
    meter = Meter(0)
    meter.saw(unfold(dialect.decode_reply(json.dumps(reply).encode())), 1)
    assert (meter.usage(400).prompt_tokens, meter.usage(400).source) == (100, "estimated")


@embedding
@pytest.mark.parametrize("other", [OPENAI, GEMINI], ids=lambda dialect: dialect.name)
def test_vectors_are_the_same_in_every_dialect(golden: Path, other: Dialect) -> None:
    dialect, _ = asked(golden)
    told = Envelope(id="gen-1", model="a/b", provider="P", created_s=1, asked={"requests": jsons.Raw(b"[]")})
    answer, losses = other.encode_reply(dialect.decode_reply((golden / "reply.json").read_bytes()), told, CLOSING)
    assert (vectors(json.loads(answer)), losses) == (VECTORS, [])


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_a_stream_means_the_same_as_the_whole_reply_in_any_pieces(size: int) -> None:
    golden = GOLDEN / COMPLETIONS.name / "text"
    stream, reader, decoder = (golden / "stream.sse").read_bytes(), sse.Decoder(), COMPLETIONS.stream_decoder()
    events = list[Event]()
    for at in range(0, len(stream), size):
        for frame in reader.feed(stream[at : at + size]):
            events += decoder.feed(frame)
    assert fold(events + decoder.close()) == COMPLETIONS.decode_reply((golden / "reply.json").read_bytes())


def test_every_golden_is_of_a_public_reference() -> None:
    assert all("public API reference" in tomllib.loads((path / "meta.toml").read_text())["source"] for path in CASES)
