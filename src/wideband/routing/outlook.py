"""What routing expects of an endpoint: its own recent past, shrunk to that of its peers where there is little of it."""

from typing import Literal

import msgspec

# Of tool calls and speed beside the peers': "poor" gets only the traffic that finds out.
Quality = Literal["good", "unknown", "poor"]


class Outlook(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One endpoint as of now.

    `tries` is how many recent tries stand behind it. `wait_s` is the mean time to the first token, `token_s` the mean
    time per token after it. `errors`, `limits` and `tool_errors` are shares of tries (of judged tool calls); `cached`
    is the share of prompt tokens read from the provider's cache. `output_tokens` is the mean length of an answer, the
    same for all endpoints of a model. `is_full` says that the endpoint is at the load it was found to bear.
    """

    tries: float = 0.0
    wait_s: float = 1.0
    token_s: float = 0.02
    errors: float = 0.01
    limits: float = 0.0
    tool_errors: float = 0.0
    cached: float = 0.0
    output_tokens: float = 500.0
    quality: Quality = "unknown"
    is_full: bool = False
