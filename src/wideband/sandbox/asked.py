"""What a simulated provider understands of a request in any protocol, and the checks the readers share."""

from typing import Any, Literal

import msgspec

from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.sandbox.prose import token_count
from wideband.sandbox.sealing import Shown
from wideband.wire import jsons

ToolMode = Literal["auto", "none", "required", "tool"]
# Whether the provider's prompt cache is used: by itself, because the request marks it (writes then cost), or not.
Caching = Literal["automatic", "marked", "off"]
MEDIA_TOKENS = 256


class OfferedTool(msgspec.Struct, frozen=True):
    """A tool the model may call; `schema` is its JSON Schema. A `custom` tool takes free text.

    `namespace` is the group that OpenAI's Responses let a tool stand in.
    """

    name: str
    schema: dict[str, Any]
    custom: bool = False
    namespace: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request, understood. `text` is all that was said in order; `schema` is set when JSON is asked for.

    `answers_tool` says that the last turn brings tool results; `thinks` is None when the request says nothing of it.
    `shows_thoughts` and `shows_seals` say whether the answer holds the words of the thinking, and its seal; `seals` are
    those brought back, `unsealed` says where the turn lacks one that a model which thinks must get back. `call_ids`
    gives calls ids where the protocol leaves them out. `echo` is what an answer repeats of the request.

    `inputs` are to be embedded, in so many `dimensions` and `packed` in the protocol's other form, or to be ranked by a
    `query`, the `top_n` of them.
    """

    model: str
    text: str
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    n: int = 1
    stop: tuple[str, ...] = ()
    media_count: int = 0
    tools: tuple[OfferedTool, ...] = ()
    tool_chars: int = 0
    tool_mode: ToolMode = "auto"
    tool_name: str | None = None
    parallel: bool | None = None
    answers_tool: bool = False
    schema: dict[str, Any] | None = None
    thinks: bool | None = None
    logprobs: bool = False
    caching: Caching = "automatic"
    inputs: tuple[str, ...] = ()
    dimensions: int | None = None
    packed: bool = False
    query: str = ""
    top_n: int | None = None
    shows_thoughts: bool = True
    shows_seals: bool = True
    seals: tuple[Shown, ...] = ()
    unsealed: str | None = None
    call_ids: bool = False
    echo: dict[str, Any] = {}

    @property
    def prompt_tokens(self) -> int:
        return token_count(self.text) + -(-self.tool_chars // 4) + self.media_count * MEDIA_TOKENS


class Heard:
    """Collects what the messages say."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.media_count = 0
        self.open_calls: set[str] = set()
        self.seals: list[Shown] = []

    def text(self, value: Any, where: str) -> None:
        """Take in a piece of text. Raises `Faulted` when it is none."""
        if not isinstance(value, str):
            raise invalid(f"{where} must be a string", where)
        self.pieces.append(value)

    def called(self, call_id: Any, where: str) -> None:
        """Note a tool call of the assistant. Raises `Faulted` when it has no id of its own."""
        if not isinstance(call_id, str) or not call_id or call_id in self.open_calls:
            raise invalid(f"{where} needs an id that no other call has", where)
        self.open_calls.add(call_id)

    def answered(self, call_id: Any, where: str) -> None:
        """Note a tool's result. Raises `Faulted` when nobody called that tool."""
        if call_id not in self.open_calls:
            raise invalid(f"{where} answers the call {call_id!r}, which no earlier message made", where)
        self.open_calls.discard(call_id)


def object_of(body: bytes) -> dict[str, Any]:
    """Read a request body. Raises `Faulted` unless it is a JSON object."""
    try:
        fields = jsons.decode(body)
    except jsons.DecodeError as error:
        raise invalid(f"The body is not valid JSON: {error}") from None
    if not isinstance(fields, dict):
        raise invalid("The body must be a JSON object")
    return fields


def model_of(fields: dict[str, Any]) -> str:
    """Return the model a request names. Raises `Faulted` when it names none."""
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        raise invalid("model must be a non-empty string", "model")
    return model


def fields_of(body: bytes) -> dict[str, Any]:
    """Read a request body. Raises `Faulted` unless it is a JSON object with a model and messages."""
    fields = object_of(body)
    model_of(fields)
    messages = fields.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("messages must be a non-empty list", "messages")
    if not all(isinstance(message, dict) for message in messages):
        raise invalid("Every message must be an object", "messages")
    return fields


def number(fields: dict[str, Any], name: str, low: float, high: float) -> float | None:
    """Return a number that may be missing or null. Raises `Faulted` when it is out of bounds or no number."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise invalid(f"{name} must be a number from {low} to {high}", name)
    return value


def whole_number(fields: dict[str, Any], name: str, low: int, high: int = 10_000_000) -> int | None:
    """Return an integer that may be missing or null. Raises `Faulted` when it is out of bounds or no integer."""
    value = number(fields, name, low, high)
    if value is not None and not isinstance(value, int):
        raise invalid(f"{name} must be an integer", name)
    return value


def flag(fields: dict[str, Any], name: str) -> bool | None:
    """Return a boolean that may be missing or null. Raises `Faulted` for anything else."""
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{name} must be a boolean", name)
    return value


def list_of(fields: dict[str, Any], name: str) -> list[Any]:
    """Return a list that may be missing or null. Raises `Faulted` for anything else."""
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(f"{name} must be a list", name)
    return value


def offered(name: Any, schema: Any, where: str, *, custom: bool = False, namespace: str | None = None) -> OfferedTool:
    """Make a tool of its name and schema. Raises `Faulted` when either is none."""
    if not isinstance(name, str) or not 0 < len(name) <= 128:
        raise invalid(f"{where} needs a name of at most 128 characters", where)
    if not isinstance(schema, dict):
        raise invalid(f"{where} needs a JSON Schema object", where)
    return OfferedTool(name, schema, custom, namespace)


def chosen(name: Any, tools: tuple[OfferedTool, ...]) -> str:
    """Return the tool a request insists on. Raises `Faulted` when it was not offered."""
    if not any(tool.name == name for tool in tools):
        raise invalid(f"tool_choice names {name!r}, which is not among the tools", "tool_choice")
    return str(name)


def unknown_model(model: str) -> Faulted:
    """Make the exception for a model the sandbox does not serve: it never stands in for a real one."""
    message = f"The model {model!r} does not exist here; this provider is simulated and serves only sandbox/ models."
    return Faulted(Fault(kind=FaultKind.NOT_FOUND, message=message, param="model"))
