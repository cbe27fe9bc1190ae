"""What every dialect offers: bytes to canonical values and back, in both roles."""

from collections.abc import Callable
from typing import Any, Literal, Protocol

import msgspec

from wideband.canon.events import Event
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.reply import Reply
from wideband.canon.request import Loss, Request, Task
from wideband.canon.usage import Usage
from wideband.wire.jsons import dollars
from wideband.wire.sse import Frame, comment

# How a stream is cut into pieces: server-sent events, or one JSON array that grows (Gemini without `alt=sse`).
Framing = Literal["sse", "json_array"]

OPENING_CHARS = 2000


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What routing, holds and the fast lane need of a request, read without decoding the messages.

    `fields` is the body's top level, every value still the caller's bytes. `prompt_chars` measures the prompt for
    estimates, `inputs` counts what is to be embedded or ranked. `needs` are parameter names as in
    `supported_parameters` ("tools", "tool_choice", "response_format", "structured_outputs", "reasoning"...);
    `modalities` are input kinds beside text ("image", "file", "audio"), `images` how many images there are.
    `preferences` is the caller's `provider` object as plain JSON, checked by routing. `hides_reasoning` asks for an
    answer without the thinking, which is charged all the same. What is `untranslatable` only an upstream of the same
    dialect can do. `opening` is how the conversation begins, the same at each of its turns: the first system text and
    the first user text, cut to `OPENING_CHARS` each; `asking` are the newest user words, cut alike. `cache_key` is the
    caller's own name for what may be cached together, `cache_ttl_s` how long its cache marks ask for.
    """

    dialect: str
    model: str
    models: tuple[str, ...] = ()
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    n: int = 1
    prompt_chars: int = 0
    needs: frozenset[str] = frozenset()
    modalities: frozenset[str] = frozenset()
    images: int = 0
    inputs: int = 0
    untranslatable: bool = False
    framing: Framing = "sse"
    preferences: dict[str, Any] = {}
    session_id: str | None = None
    user: str | None = None
    hides_reasoning: bool = False
    opening: str = ""
    asking: str = ""
    cache_key: str | None = None
    cache_ttl_s: int | None = None
    service_tier: str | None = None
    fields: dict[str, msgspec.Raw] = {}


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a request lets the model write for programs: tools by name with their JSON Schemas, and the output's."""

    tools: dict[str, dict[str, Any] | None] = {}
    output: dict[str, Any] | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoint's side of a request: its name for the model, its limits and its quirks."""

    model: str
    provider: str
    quirks: frozenset[str] = frozenset()
    max_output: int | None = None
    # The body fields an endpoint is known to take; None when unknown (then all are sent).
    supported_parameters: frozenset[str] | None = None
    # Which `Reasoning.format` the endpoint can read back; reasoning sealed for another is left out and recorded.
    reasoning_format: str | None = None
    # The class of service that the endpoint is priced for (flex, priority), which the body has to ask for.
    service_tier: str | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An upstream request: `path` is joined to the provider's base URL."""

    path: str
    body: bytes
    headers: dict[str, str] = {}
    losses: tuple[Loss, ...] = ()


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway says about an answer, whoever gave it.

    `model` is the public id that served; `provider` the display name of who served it. `asked` is `Ask.fields`, for
    protocols whose answers repeat the request or depend on it. `service_tier` is the class of service that was given
    (default, flex, priority); None where it is no matter, and the provider's word stands.
    """

    id: str
    model: str
    provider: str
    created_s: int
    provider_slug: str = ""
    asked: dict[str, msgspec.Raw] = {}
    include_usage: bool = False
    hides_reasoning: bool = False
    service_tier: str | None = None

    @property
    def tier_field(self) -> dict[str, Any]:
        """What is told of the class of service that was given, where it is a matter."""
        return {} if self.service_tier is None else {"service_tier": self.service_tier}


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """What is only known at the end: counts, money in nano-dollars, the fault if it broke, opt-in router metadata.

    `upstream_nano` is what the provider charges the account itself, whose own key was used; None when none was.
    """

    usage: Usage
    cost_nano: int = 0
    prompt_cost_nano: int = 0
    completion_cost_nano: int = 0
    upstream_nano: int | None = None
    fault: Fault | None = None
    metadata: dict[str, Any] | None = None

    @property
    def is_byok(self) -> bool:
        """Whether the account's own key at the provider was used."""
        return self.upstream_nano is not None

    @property
    def upstream_dollars(self) -> msgspec.Raw | None:
        """What the provider charges the account itself, as JSON."""
        return None if self.upstream_nano is None else dollars(self.upstream_nano)

    @property
    def metadata_field(self) -> dict[str, Any]:
        """The router's metadata, where they were asked for."""
        return {} if self.metadata is None else {"openrouter_metadata": self.metadata}

    @property
    def cost_details(self) -> dict[str, Any]:
        """What the cost is made of."""
        return {
            "upstream_inference_cost": self.upstream_dollars,
            "upstream_inference_prompt_cost": dollars(self.prompt_cost_nano),
            "upstream_inference_completions_cost": dollars(self.completion_cost_nano),
        }

    @property
    def cost_fields(self) -> dict[str, Any]:
        """What is told of money beside counts."""
        return {"cost": dollars(self.cost_nano), "is_byok": self.is_byok, "cost_details": self.cost_details}

    @property
    def byok_fields(self) -> dict[str, Any]:
        """What protocols add that say nothing of it otherwise; nothing without an own key."""
        if self.upstream_nano is None:
            return {}
        return {"is_byok": True, "cost_details": {"upstream_inference_cost": self.upstream_dollars}}


class StreamDecoder(Protocol):
    """An upstream's frames in, canonical events out. Never raises: what cannot be read becomes one `Failed`."""

    def feed(self, frame: Frame) -> list[Event]: ...
    def close(self) -> list[Event]:
        """Take the end of bytes: a stream that was not finished gives `Failed(provider_cut)`, once."""
        ...


class StreamEncoder(Protocol):
    """Canonical events in, a client's bytes out. Finish and usage are held back for `close`."""

    losses: list[Loss]

    def feed(self, events: list[Event]) -> bytes: ...
    def close(self, closing: Closing) -> bytes:
        """Return the end: finish, usage with cost, metadata; or the fault in-band. A stream always ends properly."""
        ...


class Relay(Protocol):
    """The fast lane's counterpart of `StreamEncoder`: the upstream's own frames, re-addressed, go to the client.

    `feed` gets each frame with the events decoded from it; frames that finish or count are held for `close`.
    """

    def feed(self, frame: Frame, events: list[Event]) -> bytes: ...
    def close(self, closing: Closing) -> bytes: ...


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """What a request's URL says: which of the dialect's `paths`, the `{model}` in it, and the query."""

    path: str
    model: str | None = None
    query: dict[str, str] = {}


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One wire protocol; a constant per folder, collected in `registry.DIALECTS`.

    Request side. `read(body)` checks and measures a caller's body -> `Ask` (raises `Faulted` for anything wrong it
    sees). `decode_request(body)` -> `Request` in full. `encode_request(request, target)` -> `Draft` for an upstream.
    `splice(ask, target)` -> `Draft` carrying the caller's own bytes to an upstream of the same dialect.

    Reply side. `decode_reply(body)` -> `Reply` (raises `Faulted` when it cannot be read or is an error object in a
    200). `encode_reply(reply, envelope, closing)` -> (body, losses); `relay_reply(body, envelope, closing)` -> the
    upstream's body, re-addressed.

    Faults. `decode_fault(status, body)` -> `Fault` from an upstream's error answer; `encode_fault(fault, id)` -> the
    body of an error answer to a client. `statuses` are those of our own faults that clients of this protocol are told
    under another status than the rule table's.
    """

    name: str
    # As in OpenRouter's records: "completions", "responses", "messages", "embeddings"...
    api_type: str
    # The only tasks there is one canonical form for: dialects of one task can stand in for each other.
    task: Task = "generate"
    # Where clients ask, relative to a base URL that ends in the version (…/v1); may hold `{model}`, slashes and all.
    paths: tuple[str, ...]
    # Writes what the URL says into the body, so that from then on the body says everything; None where it does anyway.
    # Raises `Faulted`.
    absorb: Callable[[Called, bytes], bytes] | None = None
    # What keeps a stream of events open, amid content and before any. Clients of OpenRouter know the comment and show
    # it as waiting; a protocol whose clients choke on comments has another.
    keepalive: bytes
    waiting: bytes = comment("OPENROUTER PROCESSING")
    reasoning_format: str | None
    read: Callable[[bytes], Ask]
    decode_request: Callable[[bytes], Request]
    encode_request: Callable[[Request, Target], Draft]
    splice: Callable[[Ask, Target], Draft]
    decode_reply: Callable[[bytes], Reply]
    encode_reply: Callable[[Reply, Envelope, Closing], tuple[bytes, list[Loss]]]
    relay_reply: Callable[[bytes, Envelope, Closing], bytes]
    stream_decoder: Callable[[], StreamDecoder]
    stream_encoder: Callable[[Envelope], StreamEncoder]
    relay: Callable[[Envelope], Relay]
    decode_fault: Callable[[int, bytes], Fault]
    encode_fault: Callable[[Fault, str | None], bytes]
    statuses: dict[FaultKind, int] = {}
    offered: Callable[[Ask], Offer] | None = None


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """A dialect's way to count a prompt's tokens without answering it; a constant per folder that has one.

    `read(body)` checks a body -> `Ask`; `encode(ask, target)` -> `Draft` for an upstream that counts, whose answer
    `decode(body)` reads (raises `Faulted`). `estimate(body)` stands in where no upstream counts. `encode_reply(tokens)`
    -> the body of the answer. `paths` and `absorb` are as in `Dialect`.
    """

    paths: tuple[str, ...]
    absorb: Callable[[Called, bytes], bytes] | None = None
    read: Callable[[bytes], Ask]
    encode: Callable[[Ask, Target], Draft]
    decode: Callable[[bytes], int]
    estimate: Callable[[bytes], int]
    encode_reply: Callable[[int], bytes]
