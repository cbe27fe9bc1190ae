"""OpenRouter's own SDK, the strictest of them, against a real server: every shape it checks."""

from collections.abc import Iterator
from typing import Any

import pytest
from openrouter import OpenRouter, errors
from tests.e2e.served import Served

ASK: Any = [{"role": "user", "content": "Say hello. [[sandbox tokens=30]]"}]


@pytest.fixture
def client(served: Served) -> Iterator[OpenRouter]:
    with OpenRouter(api_key=served.key, server_url=f"{served.url}/api/v1") as client:
        yield client


@pytest.mark.parametrize("model", ["sandbox/steady", "sandbox/coder", "sandbox/thinker"])
def test_a_whole_answer_and_its_record(client: OpenRouter, model: str) -> None:
    answer: Any = client.chat.send(model=model, messages=ASK)
    assert answer.choices[0].message.content
    record = client.generations.get_generation(id=answer.id).data
    assert record.id == answer.id
    assert record.model == model
    assert record.total_cost == pytest.approx(answer.usage.cost)
    assert record.native_tokens_completion == answer.usage.completion_tokens


@pytest.mark.parametrize("provider", ["sim-aurora", "sim-borealis"], ids=["fast lane", "translated lane"])
def test_a_stream(client: OpenRouter, provider: str) -> None:
    stream: Any = client.chat.send(model="sandbox/steady", messages=ASK, stream=True, provider={"only": [provider]})
    with stream as events:
        chunks = list(events)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert any(chunk.usage for chunk in chunks)


async def test_the_async_client(served: Served) -> None:
    async with OpenRouter(api_key=served.key, server_url=f"{served.url}/api/v1") as client:
        answer: Any = await client.chat.send_async(model="sandbox/steady", messages=ASK)
        assert answer.choices[0].message.content


def test_the_catalogue(client: OpenRouter) -> None:
    listed: Any = client.models.list()
    rows = getattr(listed, "result", listed)
    assert "sandbox/fast" in {model.id for model in rows.data}
    endpoints = client.endpoints.list(author="sandbox", slug="fast").data
    assert len(endpoints.endpoints) >= 5
    assert client.models.count().data.count == len(rows.data)
    assert "sim-aurora" in {provider.slug for provider in client.providers.list().data}


@pytest.mark.filterwarnings("ignore:.*DEPRECATED:DeprecationWarning")  # the SDK's own word for `rate_limit`
def test_own_key_and_credits(client: OpenRouter) -> None:
    own = client.api_keys.get_current_key_metadata().data
    assert own.usage >= 0
    assert client.credits.get_credits().data.total_usage >= 0


def test_keys_are_managed(served: Served) -> None:
    with OpenRouter(api_key=served.management_key(), server_url=f"{served.url}/api/v1") as manager:
        made = manager.api_keys.create(name="robot", limit=1.5)
        assert made.data.limit == 1.5
        with OpenRouter(api_key=made.key, server_url=f"{served.url}/api/v1") as robot:
            robot.chat.send(model="sandbox/steady", messages=ASK)
            listed: Any = manager.api_keys.list()
            assert made.data.hash in {key.hash for key in listed.data}
            changed = manager.api_keys.update(hash=made.data.hash, disabled=True, name="resting")
            assert changed.data.disabled
            with pytest.raises(errors.UnauthorizedResponseError):
                robot.chat.send(model="sandbox/steady", messages=ASK)
        assert manager.api_keys.get(hash=made.data.hash).data.usage > 0
        manager.api_keys.delete(hash=made.data.hash)
        with pytest.raises(errors.NotFoundResponseError):
            manager.api_keys.get(hash=made.data.hash)


def test_errors_are_typed(client: OpenRouter) -> None:
    with pytest.raises(errors.BadRequestResponseError):
        client.chat.send(model="sandbox/nope", messages=ASK)
    with pytest.raises(errors.NotFoundResponseError):
        client.chat.send(model="sandbox/steady", messages=ASK, provider={"only": ["nobody"]})
    with pytest.raises(errors.NotFoundResponseError):
        client.generations.get_generation(id="gen-nothing")


def test_the_data_api(client: OpenRouter, served: Served) -> None:
    client.chat.send(model="sandbox/steady", messages=ASK)
    ranked: Any = client.datasets.get_rankings_daily(period="week")
    assert ranked.meta.version == "v1"
    apps: Any = client.datasets.get_app_rankings(sort="popular")
    assert apps.result.meta.end_date == ranked.meta.end_date
    with OpenRouter(api_key=served.management_key(), server_url=f"{served.url}/api/v1") as manager:
        metrics: Any = manager.analytics.get_analytics_meta()
        assert "request_count" in {metric.name for metric in metrics.data.metrics}
        asked: Any = manager.analytics.query_analytics(metrics=["request_count", "total_usage"], dimensions=["model"])
        assert asked.data.metadata.truncated is False
        assert manager.analytics.get_user_activity().data == []  # whole days only, and this server is younger
