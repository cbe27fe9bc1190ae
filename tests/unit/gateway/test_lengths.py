"""What Claude Code is told of a prompt that a provider finds too long: the words by which it makes it shorter."""

from typing import Any

import pytest
from tests.unit.gateway.stage import endpoint, stage

from wideband.upstream.scripted import Act
from wideband.wire import jsons

ASK = {"model": "acme/m1", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
OPENAI = "This model's maximum context length is 8000 tokens. However, your messages resulted in 9000 tokens."
GOOGLE = "The input token count (9000) exceeds the maximum number of tokens allowed (8000)."
CLAUDE = "prompt is too long: 9000 tokens > 8000 maximum"
REFUSALS: dict[str, dict[str, Any]] = {
    "anthropic_messages": {"type": "error", "error": {"type": "invalid_request_error", "message": CLAUDE}},
    "openai_chat": {"error": {"message": OPENAI, "code": "context_length_exceeded"}},
    "openai_responses": {"error": {"message": OPENAI, "code": "context_length_exceeded"}},
    "gemini_generate": {"error": {"code": 400, "message": GOOGLE, "status": "INVALID_ARGUMENT"}},
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("spoken", REFUSALS)
async def test_both_numbers_are_told_whoever_counted_them(spoken: str, stream: bool) -> None:
    refused = Act(status=400, body=[jsons.encode(REFUSALS[spoken])])
    rows = (endpoint("a", dialect=spoken), endpoint("b", dialect=spoken, dearer=1))
    client = await stage({"a": [refused], "b": [refused]}, *rows, dialect="anthropic_messages").ask(
        {**ASK, "stream": stream}
    )
    assert (client.status, client.headers["x-should-retry"]) == (400, "false")
    error = client.json["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"].count(CLAUDE) == 1
    assert error["message"] == CLAUDE or spoken != "anthropic_messages"
