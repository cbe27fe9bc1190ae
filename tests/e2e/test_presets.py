"""Presets and auto models between real processes, through OpenRouter's own SDK where it has a method for them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openrouter import OpenRouter
from tests.e2e.served import CONFIG, Served, serving

FILED = """
[[preset]]
slug = "filed"
model = "sandbox/coder"
"""
HELLO = [{"role": "user", "content": "Say hello. [[sandbox tokens=5]]"}]
CHAT_PATH = "/api/v1/chat/completions"


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("crew"), CONFIG + FILED, "--workers", "2") as running:
        yield running


@pytest.fixture
def client(crew: Served) -> Iterator[OpenRouter]:
    with OpenRouter(api_key=crew.key, server_url=f"{crew.url}/api/v1") as client:
        yield client


def models_asked(clients: list[httpx.Client], model: str) -> set[str]:
    return {http.post(CHAT_PATH, json={"model": model, "messages": HELLO}).json()["model"] for http in clients}


def test_every_worker_follows_a_change_at_once(crew: Served, client: Any) -> None:
    clients = [crew.http() for _ in range(8)]  # the kernel spreads connections
    try:
        for model in ("sandbox/steady", "sandbox/coder"):
            client.presets.create_presets_chat_completions(slug="turning", model=model, messages=HELLO)
            assert models_asked(clients, "@preset/turning") == {model}
        crew.cli("presets", "use", "turning", "1")
        assert models_asked(clients, "@preset/turning") == {"sandbox/steady"}
        crew.cli("presets", "remove", "turning")
        gone = {http.post(CHAT_PATH, json={"preset": "turning", "messages": HELLO}).status_code for http in clients}
        assert gone == {404}
    finally:
        for http in clients:
            http.close()


def test_the_sdk_reads_presets_and_their_versions(client: Any) -> None:
    asked = [{"role": "system", "content": "Be kind."}, *HELLO]
    client.presets.create_presets_chat_completions(slug="kind", model="sandbox/steady", temperature=0.3, messages=asked)
    made = client.presets.create_presets_messages(
        slug="kind", model="sandbox/coder", max_tokens=50, messages=[{"role": "user", "content": "Hi"}]
    ).data
    assert (made.slug, made.designated_version.version) == ("kind", 2)
    first = client.presets.get_version(slug="kind", version="1").data
    assert (first.system_prompt, first.config) == ("Be kind.", {"model": "sandbox/steady", "temperature": 0.3})
    shown = client.presets.get(slug="kind").data
    assert shown.designated_version_id == made.designated_version_id
    listed = client.presets.list()
    assert {"kind", "filed"} <= {row.slug for row in listed.result.data}
    versions = client.presets.list_versions(slug="kind")
    assert [row.version for row in versions.result.data] == [2, 1]


def test_a_preset_of_the_file_is_asked_in_every_protocol_and_recorded(crew: Served) -> None:
    with crew.http() as http:
        bodies: dict[str, dict[str, Any]] = {
            "/api/v1/chat/completions": {"model": "@preset/filed", "messages": HELLO},
            "/api/v1/responses": {"model": "@preset/filed", "input": "Hi [[sandbox tokens=5]]"},
            "/v1/messages": {"model": "@preset/filed", "max_tokens": 50, "messages": HELLO},
            "/v1beta/models/@preset/filed:generateContent": {"contents": [{"parts": [{"text": "Hi"}]}]},
        }
        for path, body in bodies.items():
            answer = http.post(path, json=body)
            assert answer.status_code == 200, answer.text
            record = http.get("/api/v1/generation", params={"id": answer.headers["x-generation-id"]}).json()["data"]
            assert (record["model"], record["preset_id"]) == ("sandbox/coder", "filed")
        counted = http.post("/v1/messages/count_tokens", json={"model": "@preset/filed", "messages": HELLO})
        assert counted.status_code == 200


def test_auto_answers_with_a_model_and_the_record_says_who_chose(crew: Served, client: Any) -> None:
    answer = client.chat.send(
        model="openrouter/auto",
        messages=HELLO,
        plugins=[{"id": "auto-router", "allowed_models": ["sandbox/steady", "sandbox/coder"], "cost_tier": "max"}],
    )
    assert answer.model in ("sandbox/steady", "sandbox/coder")
    with crew.http() as http:
        record = http.get("/api/v1/generation", params={"id": answer.id}).json()["data"]
    assert (record["model"], record["router"]) == (answer.model, "openrouter/auto")


def test_routers_are_listed_and_spend_by_kind_of_work_is_shown(client: Any) -> None:
    listed = client.models.list().result
    routers = {row.id: row for row in listed.data if row.id.startswith("wideband/")}
    assert set(routers) == {"wideband/auto", "wideband/free"}
    assert float(routers["wideband/auto"].pricing.prompt) == -1
    shown = client.classifications.get_task_classifications().data
    assert [row.key for row in shown.macro_categories] == ["code", "data", "agent", "general"]
    assert shown.window_days == 7
