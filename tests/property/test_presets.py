"""Whatever a body says beside the name of a preset, it is either refused with a reason or becomes an ordinary body."""

from typing import Any

from hypothesis import given, strategies as st

from wideband.canon.faults import Faulted
from wideband.catalog.presets import Shelf, make_preset
from wideband.dialects.registry import DIALECTS
from wideband.gateway.presets import read_body
from wideband.gateway.shells import SHELLS
from wideband.wire import jsons

WHOLE = make_preset(
    {
        "slug": "whole",
        "model": "acme/m1",
        "models": ["acme/m2"],
        "system_prompt": "Be kind.",
        "provider": {"sort": "price"},
        "plugins": [{"id": "auto-router"}],
        "temperature": 0.2,
        "stop": ["X"],
        "max_tokens": 300,
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
        "tool_choice": "auto",
        "response_format": {"type": "json_object"},
        "reasoning": {"effort": "low"},
    }
)
SHELF = Shelf({"whole": WHOLE})
BODIES: dict[str, dict[str, Any]] = {
    name: {shell.turns: shell.stand_in, "max_tokens": 200} for name, shell in SHELLS.items()
}
LEAVES = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(0, 2) | st.sampled_from(["", "auto", "look", "user"])
)
NAMES = st.sampled_from(
    ["type", "role", "name", "function", "content", "text", "parts", "effort", "functionDeclarations"]
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
BESIDE = {"instructions", "system", "systemInstruction", "provider", "models", "plugins", "prompt", "fallbacks"}
MEMBERS = sorted(BESIDE.union(*({shell.turns, *shell.members} for shell in SHELLS.values())) - {"model"})


@given(
    st.sampled_from(sorted(BODIES)),
    st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=4),
    st.sampled_from([{"model": "@preset/whole"}, {"preset": "whole"}, {"model": "a/b@preset/whole"}]),
)
def test_any_body_is_read_or_refused(dialect: str, members: dict[str, Any], naming: dict[str, str]) -> None:
    body = jsons.encode({**BODIES[dialect], **members, **naming})
    try:
        ask, applied = read_body(DIALECTS[dialect], body, SHELF, "local")
    except Faulted:
        return
    assert applied is not None
    assert (ask.model, "preset" in ask.fields) == (naming.get("model", "").partition("@")[0] or "acme/m1", False)
    told = jsons.decode(applied.body)
    for name, value in members.items():
        if value is not None and not isinstance(value, dict | list) and name not in ("max_tokens", "prompt"):
            assert told[name] == value or name in ("system", "systemInstruction"), name
