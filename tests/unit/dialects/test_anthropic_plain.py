"""Claude Code's requests for those who serve Anthropic's protocol as it was at first."""

import json
from typing import Any

import pytest

from wideband.dialects.anthropic_messages import DIALECT
from wideband.dialects.base import Draft, Target

TARGET = Target(model="m", provider="p", quirks=frozenset({"first_messages"}))
HELLO = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}


def carried(**fields: Any) -> tuple[dict[str, Any], Draft]:
    whole = {"model": "a/m", "max_tokens": 32000, "messages": [HELLO], **fields}
    draft = DIALECT.splice(DIALECT.read(json.dumps(whole).encode()), TARGET)
    return json.loads(draft.body), draft


def lost(draft: Draft) -> list[str]:
    return [loss.feature for loss in draft.losses]


def test_system_turns_amid_the_others_are_said_by_the_user() -> None:
    late = {"role": "system", "content": "Be brief."}
    body, draft = carried(messages=[HELLO, late, {"role": "assistant", "content": "Yes."}, late])
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"][1]["text"] == "<system>\nBe brief.\n</system>"
    assert lost(draft) == ["system_position"]


def test_tools_loaded_later_are_offered_once_they_are_found_and_the_placeholder_never() -> None:
    def tool(name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "input_schema": {"type": "object", "properties": {}}, **more}

    tools = [tool("Bash"), *(tool(name, defer_loading=True) for name in ("Fetch", "Edit", "DeferredToolPlaceholder"))]
    tools.append({"type": "web_search_20250305", "name": "web_search"})
    found = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference", "tool_name": "Fetch"}]}
    called = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Search", "input": {}}]}
    body, draft = carried(tools=tools, messages=[HELLO, called, {"role": "user", "content": [found]}])
    assert [tool["name"] for tool in body["tools"]] == ["Bash", "Fetch"]
    assert not any("defer_loading" in tool for tool in body["tools"])
    (result,) = body["messages"][-1]["content"]
    assert result["content"] == "The tool Fetch can be called now."
    assert set(lost(draft)) >= {"deferred_tool", "server_tools", "tool_reference"}


def test_thinking_is_asked_for_by_its_budget_and_context_is_left_alone() -> None:
    body, draft = carried(
        thinking={"type": "adaptive", "display": "omitted"},
        output_config={"effort": "high"},
        context_management={"edits": [{"type": "clear_thinking_20251015"}]},
        metadata={"user_id": "u"},
    )
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 25600}
    assert body.keys() == {"model", "max_tokens", "messages", "thinking", "metadata"}
    assert lost(draft) == ["unknown_fields"]


@pytest.mark.parametrize("quirks", [frozenset[str](), frozenset({"first_messages"})])
def test_what_it_had_at_first_stays(quirks: frozenset[str]) -> None:
    turn = {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}
    whole = {"model": "a/m", "max_tokens": 9, "system": [{"type": "text", "text": "S"}], "messages": [turn]}
    target = Target(model="m", provider="p", quirks=quirks)
    body = json.loads(DIALECT.splice(DIALECT.read(json.dumps(whole).encode()), target).body)
    assert body["messages"] == [turn]
    assert body["system"] in ("S", whole["system"])
