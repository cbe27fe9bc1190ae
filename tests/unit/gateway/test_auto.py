"""Router models on the request path: a concrete model answers, what was decided is told, and conversations stay."""

from typing import Any

import msgspec
import pytest
from tests.unit.gateway.stage import Stage, endpoint, stage

from wideband.catalog.rows import Price, Rates
from wideband.gateway.candidates import Candidates
from wideband.routing.auto import TaskRow
from wideband.store.shares import ShareFile, TaskShares
from wideband.upstream.scripted import Act
from wideband.wire import jsons

SUM = {"messages": [{"role": "user", "content": "Solve the equation 2x + 3 = 9."}]}


def whole() -> Act:
    choice = {"index": 0, "message": {"role": "assistant", "content": "3"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 1}
    return Act(body=(jsons.encode({"id": "x", "model": "m", "choices": [choice], "usage": usage}),))


def market(tmp_path: Any, *rows: TaskRow) -> Candidates:
    file = ShareFile(tmp_path)
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(jsons.encode(TaskShares(made_ns=1, rows=rows)))
    return Candidates(file)


def played(**script: int) -> Stage:
    """Stage providers that serve a model of their own each; those with no answers fail."""
    rows = [endpoint(slug, f"acme/{slug}") for slug in script]
    return stage(
        {slug: [whole() if count else Act(status=500, body=(b"{}",))] for slug, count in script.items()}, *rows
    )


async def test_auto_asks_what_callers_spend_on_this_kind_of_work_and_says_so(tmp_path: Any) -> None:
    play = played(one=1, two=1, six=1)
    play.exchange.auto = market(
        tmp_path, TaskRow("math", "acme/two", 900, 900, 9), TaskRow("editing", "acme/one", 9, 9, 9)
    )
    client = await play.ask({"model": "wideband/auto", **SUM}, metadata=True)
    assert (client.status, client.json["model"]) == (200, "acme/two")
    told = client.json["openrouter_metadata"]
    assert (told["requested"], told["strategy"]) == ("wideband/auto", "auto")
    data = told["pipeline"][0]["data"]
    assert (data["task_type"], data["resolved_to"]) == ("math", "acme/two")
    assert set(data["fallback_models"]) == {"acme/one", "acme/six"}
    record = play.ledger.records[0]
    assert (record.model, record.task_tag, record.requested_model) == ("acme/two", "math", "wideband/auto")


async def test_another_model_answers_when_the_chosen_one_fails(tmp_path: Any) -> None:
    play = played(one=1, two=0)
    play.exchange.auto = market(tmp_path, TaskRow("math", "acme/two", 900, 900, 9))
    client = await play.ask({"model": "openrouter/auto", **SUM})
    assert (client.status, client.json["model"]) == (200, "acme/one")


async def test_a_conversation_keeps_its_model_while_it_may_be_asked(tmp_path: Any) -> None:
    play = played(one=2, two=3)
    play.exchange.auto = market(tmp_path, TaskRow("math", "acme/two", 900, 900, 9))
    talk: dict[str, Any] = {"model": "wideband/auto", "session_id": "talk", **SUM}
    assert (await play.ask(talk)).json["model"] == "acme/two"
    play.exchange.auto = Candidates()
    for _ in range(2):
        assert (await play.ask(talk)).json["model"] == "acme/two"
    without = {**talk, "plugins": [{"id": "auto-router", "excluded_models": ["acme/two"]}]}
    assert (await play.ask(without)).json["model"] == "acme/one"


async def test_a_conversation_changes_its_model_with_the_cost_tier() -> None:
    rows = [endpoint(slug, f"acme/{slug}", dearer=at * 1_000_000_000) for at, slug in enumerate("abcde")]
    play = stage({slug: [whole()] for slug in "abcde"}, *rows)
    talk: dict[str, Any] = {"model": "wideband/auto", "session_id": "talk", **SUM}
    assert (await play.ask(talk)).json["model"] == "acme/a"
    dear = {**talk, "plugins": [{"id": "auto-router", "cost_tier": "max"}]}
    assert (await play.ask(dear)).json["model"] == "acme/e"


async def test_every_request_for_an_answer_has_a_tag_in_its_record() -> None:
    play = played(one=1)
    await play.ask({"model": "acme/one", **SUM})
    assert play.ledger.records[0].task_tag == "math"


@pytest.mark.parametrize(
    "restriction",
    [
        {"plugins": [{"id": "auto-router", "allowed_models": ["nobody/*"]}]},
        {"provider": {"only": ["nobody"]}},
    ],
)
async def test_restrictions_that_leave_nothing_are_told(restriction: dict[str, Any]) -> None:
    client = await played(one=1).ask({"model": "wideband/auto", **restriction, **SUM})
    assert (client.status, client.json["error"]["message"]) == (
        404,
        "No models match your request and model restrictions",
    )


async def test_preferences_and_variants_hold_for_every_model_that_is_chosen() -> None:
    play = played(one=0, two=1)
    client = await play.ask({"model": "wideband/auto:nitro", "provider": {"only": ["two"]}, **SUM})
    assert client.json["model"] == "acme/two"
    assert [sent.call.url for sent in play.upstream.sent] == ["http://two/v1/chat/completions"]


@pytest.mark.parametrize(
    ("plugin", "field"),
    [
        ({"cost_tier": "cheap"}, "plugins.cost_tier"),
        ({"allowed_models": "a"}, "plugins.allowed_models"),
        ({"cost_quality_tradeoff": 11}, "plugins.cost_quality_tradeoff"),
        ({"cost_tier": []}, "plugins.cost_tier"),
        ({"cost_tier": {}}, "plugins.cost_tier"),
        ({"excluded_models": ["a" * 513]}, "plugins.excluded_models"),
    ],
)
async def test_settings_of_the_plugin_are_checked(plugin: dict[str, Any], field: str) -> None:
    client = await played(one=0).ask({"model": "wideband/auto", "plugins": [{"id": "auto-router", **plugin}], **SUM})
    assert (client.status, field.split(".")[1] in client.json["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("plugin", "model"),
    [
        ({}, "acme/a"),
        ({"cost_tier": "max"}, "acme/e"),
        ({"cost_quality_tradeoff": 10}, "acme/a"),
        ({"cost_quality_tradeoff": 0}, "acme/e"),
        ({"cost_quality_tradeoff": 5}, "acme/c"),
        ({"cost_tier": "max", "enabled": False}, "acme/a"),
    ],
)
async def test_a_cost_tier_is_asked_for_by_the_plugin(plugin: dict[str, Any], model: str) -> None:
    rows = [endpoint(slug, f"acme/{slug}", dearer=at * 1_000_000_000) for at, slug in enumerate("abcde")]
    play = stage({slug: [whole()] for slug in "abcde"}, *rows)
    client = await play.ask({"model": "wideband/auto", "plugins": [{"id": "auto-router", **plugin}], **SUM})
    assert client.json["model"] == model


@pytest.mark.parametrize("plugin", [{"id": []}, {"id": {}}, {"id": None}, {}, [], "auto-router", 1, None])
async def test_plugins_of_no_kind_are_nobodys(plugin: Any) -> None:
    client = await played(one=1).ask({"model": "wideband/auto", "plugins": [plugin], **SUM})
    assert client.json["model"] == "acme/one"


async def test_a_router_without_a_match_leaves_the_other_names_of_the_request() -> None:
    client = await played(one=1).ask({"models": ["wideband/free", "acme/one"], **SUM})
    assert client.json["model"] == "acme/one"


async def test_free_asks_only_what_costs_nothing_and_says_so() -> None:
    free = msgspec.structs.replace(endpoint("two", "acme/two"), price=Price(base=Rates()))
    play = stage({"one": [], "two": [whole()]}, endpoint("one", "acme/one"), free)
    client = await play.ask({"model": "wideband/free", **SUM}, metadata=True)
    assert (client.status, client.json["model"]) == (200, "acme/two")
    assert client.json["openrouter_metadata"]["strategy"] == "free"
    assert (await played(one=1).ask({"model": "wideband/free", **SUM})).status == 404


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai_responses", {"input": "Solve 2x = 4"}),
        ("anthropic_messages", {"max_tokens": 9, "messages": [{"role": "user", "content": "Solve 2x = 4"}]}),
        ("gemini_generate", {"contents": [{"role": "user", "parts": [{"text": "Solve 2x = 4"}]}]}),
    ],
)
async def test_routers_are_asked_in_every_protocol(dialect: str, body: dict[str, Any]) -> None:
    play = played(one=1)
    play.dialect = dialect
    assert (await play.ask({"model": "wideband/auto", **body})).status == 200
    assert play.ledger.records[0].task_tag == "math"


async def test_a_router_does_nothing_but_generate() -> None:
    play = played(one=1)
    play.dialect = "openai_embeddings"
    client = await play.ask({"model": "wideband/auto", "input": "Hi"})
    assert (client.status, "only for those that generate" in client.json["error"]["message"]) == (400, True)
    assert play.ledger.records[0].task_tag is None
