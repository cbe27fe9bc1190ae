"""Claude on Bedrock and on Vertex AI through a real server: signed or with a token, packed, and streamed back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.clouds import ACCESS_KEY, REGION, SECRET_KEY, WORDS, Clouds, clouds, service_account
from tests.e2e.served import Served, serving

CONFIG = """
[sandbox]
mode = "off"

[[provider]]
slug = "cloud-a"
dialect = "openai_chat"
base_url = "{url}/openai/v1"
auth = "aws-sigv4"
carriage = "bedrock"
also.anthropic_messages = {{ base_url = "{url}/" }}
by_author = {{ anthropic = "anthropic_messages" }}

[[provider]]
slug = "cloud-g"
dialect = "openai_chat"
base_url = "{url}/v1/projects/p1/locations/global"
auth = "google-adc"
carriage = "vertex"
also.anthropic_messages = {{}}
also.gemini_generate = {{}}
by_author = {{ anthropic = "anthropic_messages", google = "gemini_generate" }}

[[endpoint]]
provider = "cloud-a"
model = "anthropic/claude-a"
upstream_model = "eu.anthropic.claude-a-v1:0"

[[endpoint]]
provider = "cloud-g"
model = "anthropic/claude-g"
upstream_model = "claude-g@20250929"

[[endpoint]]
provider = "cloud-g"
model = "google/gemini-g"
upstream_model = "gemini-g"

[[endpoint]]
provider = "cloud-a"
model = "openai/gpt-a"
upstream_model = "openai.gpt-a"

[[endpoint]]
provider = "cloud-g"
model = "meta/llama-g"
upstream_model = "meta/llama-g-maas"
"""

TEXT = "".join(WORDS)
ASK: Any = [{"role": "user", "content": "Hello?"}]
MODELS = pytest.mark.parametrize("model", ["anthropic/claude-a", "anthropic/claude-g"])
BETAS = "interleaved-thinking-2025-05-14,claude-code-20250219,advanced-tool-use-2025-11-20"


@dataclass
class Stage:
    served: Served
    clouds: Clouds
    claude: anthropic.Anthropic
    chat: openai.OpenAI


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("cloud")
    with clouds() as seen, pytest.MonkeyPatch.context() as environ:
        environ.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        environ.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        environ.setenv("AWS_REGION", REGION)
        environ.setenv("AWS_EC2_METADATA_DISABLED", "true")
        environ.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account(folder, seen.url)))
        with (
            serving(folder / "home", CONFIG.format(url=seen.url)) as served,
            anthropic.Anthropic(base_url=f"{served.url}/api", api_key=served.key, max_retries=0) as claude,
            openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key, max_retries=0) as chat,
        ):
            yield Stage(served, seen, claude, chat)


@MODELS
def test_messages_whole(stage: Stage, model: str) -> None:
    answer = stage.claude.messages.create(model=model, max_tokens=50, messages=ASK)
    assert answer.content[0].type == "text"
    assert answer.content[0].text == TEXT
    assert (answer.model, answer.usage.output_tokens) == (model, 4)
    assert stage.clouds.last.is_genuine


@MODELS
def test_messages_streamed(stage: Stage, model: str) -> None:
    with stage.claude.messages.stream(model=model, max_tokens=50, messages=ASK) as stream:
        assert list(stream.text_stream) == WORDS
        assert stream.get_final_message().usage.input_tokens == 11
    assert stage.clouds.last.is_genuine


@MODELS
def test_chat_whole(stage: Stage, model: str) -> None:
    answer = stage.chat.chat.completions.create(model=model, max_tokens=50, messages=ASK)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (TEXT, "stop")


@MODELS
def test_chat_streamed(stage: Stage, model: str) -> None:
    chunks = list(stage.chat.chat.completions.create(model=model, max_tokens=50, messages=ASK, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT


def test_bedrock_is_asked_in_its_own_way(stage: Stage) -> None:
    with stage.claude.messages.stream(
        model="anthropic/claude-a", max_tokens=50, messages=ASK, extra_headers={"anthropic-beta": BETAS}
    ) as stream:
        stream.get_final_message()
    asked = stage.clouds.last
    assert asked.path == "/model/eu.anthropic.claude-a-v1%3A0/invoke-with-response-stream"
    assert asked.body["anthropic_version"] == "bedrock-2023-05-31"
    assert asked.body["anthropic_beta"] == ["interleaved-thinking-2025-05-14", "tool-search-tool-2025-10-19"]
    assert not {"model", "stream"} & asked.body.keys()
    assert not {"anthropic-beta", "anthropic-version"} & asked.headers.keys()


def test_vertex_is_asked_in_its_own_way(stage: Stage) -> None:
    with stage.claude.messages.stream(
        model="anthropic/claude-g", max_tokens=50, messages=ASK, extra_headers={"anthropic-beta": BETAS}
    ) as stream:
        stream.get_final_message()
    asked = stage.clouds.last
    place = "/v1/projects/p1/locations/global/publishers/anthropic/models"
    assert asked.path == f"{place}/claude-g@20250929:streamRawPredict"
    assert (asked.body["anthropic_version"], asked.body["stream"]) == ("vertex-2023-10-16", True)
    assert "model" not in asked.body
    assert asked.headers["anthropic-beta"] == "interleaved-thinking-2025-05-14,tool-search-tool-2025-10-19"


def test_gemini_is_streamed_from_vertex(stage: Stage) -> None:
    chunks = list(stage.chat.chat.completions.create(model="google/gemini-g", messages=ASK, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    place = "/v1/projects/p1/locations/global/publishers/google/models"
    assert stage.clouds.last.path == f"{place}/gemini-g:streamGenerateContent?alt=sse"
    assert stage.clouds.last.is_genuine


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("openai/gpt-a", "/openai/v1/chat/completions"),
        ("meta/llama-g", "/v1/projects/p1/locations/global/endpoints/openapi/chat/completions"),
    ],
)
def test_other_authors_models_are_asked_in_chat(stage: Stage, model: str, path: str) -> None:
    answer = stage.claude.messages.create(model=model, max_tokens=50, messages=ASK)
    assert answer.content[0].type == "text"
    assert answer.content[0].text == TEXT
    assert (stage.clouds.last.path, stage.clouds.last.is_genuine) == (path, True)


def test_a_token_is_fetched_once(stage: Stage) -> None:
    for _ in range(2):
        stage.claude.messages.create(model="anthropic/claude-g", max_tokens=50, messages=ASK)
    assert stage.clouds.tokens == 1


def test_a_stream_that_breaks_off_says_why(stage: Stage) -> None:
    ask: Any = [{"role": "user", "content": "Please break off."}]
    with (
        pytest.raises(anthropic.APIStatusError, match="lost its thread"),
        stage.claude.messages.stream(model="anthropic/claude-a", max_tokens=50, messages=ask) as stream,
    ):
        stream.get_final_message()


def test_a_refusal_is_told_in_the_platforms_words(stage: Stage) -> None:
    ask: Any = [{"role": "user", "content": "Please throttle."}]
    with pytest.raises(anthropic.RateLimitError, match="slow down"):
        stage.claude.messages.create(model="anthropic/claude-a", max_tokens=50, messages=ask)


def test_tokens_are_estimated_without_asking_the_platform(stage: Stage) -> None:
    before = len(stage.clouds.asked)
    assert stage.claude.messages.count_tokens(model="anthropic/claude-a", messages=ASK).input_tokens > 0
    assert len(stage.clouds.asked) == before


def test_providers_are_listed_with_how_they_were_found(stage: Stage) -> None:
    listed = json.loads(stage.served.cli("providers", "--json", "--config", str(stage.served.home / "wideband.toml")))
    how = {row["slug"]: row["how"] for row in listed["data"]}
    assert (how["cloud-a"], how["cloud-g"]) == ("AWS_ACCESS_KEY_ID", "GOOGLE_APPLICATION_CREDENTIALS")
