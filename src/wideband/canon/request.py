"""A caller's request in no protocol's words: messages of parts, tools, and what is asked of the answer."""

from typing import Any, Literal

import msgspec

Json = Any
Role = Literal["system", "user", "assistant"]
Task = Literal["generate", "embed", "rerank"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class CacheMark(msgspec.Struct, frozen=True, gc=False):
    """An explicit prompt-cache breakpoint after the part that carries it."""

    ttl: str | None = None


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """Plain text. `citations` are the source dialect's own, kept for that dialect."""

    text: str
    cache: CacheMark | None = None
    citations: Json = None


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image by `url`, or inline as base64 `data` of `media_type`."""

    url: str | None = None
    data: str | None = None
    media_type: str | None = None
    detail: str | None = None
    cache: CacheMark | None = None


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A document by `url`, by `file_id` at the provider, inline as base64 `data`, or as plain `text`."""

    filename: str | None = None
    url: str | None = None
    file_id: str | None = None
    data: str | None = None
    media_type: str | None = None
    text: str | None = None
    extras: dict[str, Json] = {}
    cache: CacheMark | None = None


class Audio(msgspec.Struct, frozen=True, kw_only=True):
    """Base64 audio of a named format."""

    data: str
    format: str


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """One block of a model's thinking.

    `signature` seals `text`; `data` is an encrypted or redacted block without text; `summary` marks a summary.
    `format` names who can read the seal (OpenRouter's `reasoning_details[].format`), None when unknown.
    """

    text: str = ""
    signature: str | None = None
    data: str | None = None
    summary: bool = False
    format: str | None = None
    id: str | None = None


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call the model made; `arguments` is the JSON text exactly as written, of a `custom` tool the free text."""

    id: str
    name: str
    arguments: str
    custom: bool = False
    cache: CacheMark | None = None


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a call: parts are text, images and files."""

    call_id: str
    parts: tuple["Part", ...] = ()
    is_error: bool = False
    name: str | None = None
    cache: CacheMark | None = None


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The model's words of refusal."""

    text: str


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Text as a model's own token ids; only in what is to be embedded."""

    ids: tuple[int, ...]


class Vector(msgspec.Struct, frozen=True, kw_only=True):
    """An embedding as the provider wrote it: a JSON list of numbers, or base64 of little-endian float32."""

    numbers: msgspec.Raw | None = None
    base64: str | None = None


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How relevant the document at `index` of the request is; `document` is what the provider repeats of it."""

    index: int
    relevance: float
    document: Json = None


class Opaque(msgspec.Struct, frozen=True, kw_only=True):
    """A block only `dialect` understands: carried unchanged to the same dialect, a loss to any other."""

    dialect: str
    kind: str
    raw: Json


Part = Text | Image | File | Audio | Reasoning | ToolCall | ToolResult | Refusal | Tokens | Vector | Score | Opaque


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn. Tool results are parts of a user message; a system message may stand anywhere in the list.

    `developer` keeps OpenAI's distinction of a developer message (role is then "system").
    """

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    developer: bool = False
    extras: dict[str, Json] = {}


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function offered to the model; `parameters` is a JSON Schema object or None.

    A `custom` tool takes free text in place of arguments; `grammar` is OpenAI's `format` object, which bounds it.
    """

    name: str
    description: str | None = None
    parameters: dict[str, Json] | None = None
    custom: bool = False
    grammar: Json = None
    strict: bool | None = None
    cache: CacheMark | None = None
    deferred: bool = False
    extras: dict[str, Json] = {}


class ServerTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool the provider runs itself, in its own dialect's words."""

    dialect: str
    type: str
    raw: dict[str, Json]


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which tools may or must be called; `name` goes with mode "tool". `allowed` names those that may, if not all."""

    mode: Literal["auto", "none", "required", "tool"]
    name: str | None = None
    allowed: tuple[str, ...] = ()


class OutputFormat(msgspec.Struct, frozen=True, kw_only=True):
    """Structured output: any JSON object, or JSON under a schema."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: dict[str, Json] | None = None
    strict: bool | None = None
    description: str | None = None


class ReasoningAsk(msgspec.Struct, frozen=True, kw_only=True):
    """How much thinking is asked for; `display` and `exclude` say what of it is shown."""

    enabled: bool | None = None
    effort: Effort | None = None
    max_tokens: int | None = None
    exclude: bool = False
    adaptive: bool = False
    display: str | None = None
    summary: str | None = None

    @property
    def is_off(self) -> bool:
        """Whether the caller wants no thinking."""
        return self.enabled is False or self.effort == "none"


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """Knobs of the draw; None means not sent, and what was not sent is never defaulted."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    top_a: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class EmbedAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of embeddings; `input_type` is "query", "document"... or a provider's own word.

    A document's title is the extra `title` of its message.
    """

    dimensions: int | None = None
    base64: bool = False
    input_type: str | None = None


class RankAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a ranking."""

    top_n: int | None = None
    return_documents: bool | None = None
    max_tokens_per_document: int | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A whole request, decoded from `dialect`.

    `extras` holds top-level fields this vocabulary has no word for, by their name in the source dialect; they reach
    an upstream of the same dialect unchanged and are losses elsewhere. To be embedded are the `messages`, each of them
    one input; to be ranked all of them but the first, which is the query. The answer to one input is one `Choice` that
    holds a `Vector`; a ranking is one `Choice` of `Score` parts, best first.
    """

    dialect: str
    model: str
    messages: tuple[Message, ...]
    task: Task = "generate"
    embed: EmbedAsk | None = None
    rank: RankAsk | None = None
    tools: tuple[Tool | ServerTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    stream: bool = False
    sampling: Sampling = Sampling()
    output: OutputFormat | None = None
    reasoning: ReasoningAsk | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    user: str | None = None
    metadata: dict[str, Json] | None = None
    cache: CacheMark | None = None
    cache_key: str | None = None
    prefill: bool = False
    extras: dict[str, Json] = {}


class Loss(msgspec.Struct, frozen=True, gc=False):
    """Something of the request or reply that the other dialect cannot carry; `feature` is a name in `LOSSES`."""

    feature: str
    detail: str = ""
