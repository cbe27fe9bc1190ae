"""What is said to a provider of OpenAI's Responses: items, their parts, and the rules that tie items to each other."""

from collections.abc import Callable
from typing import Any

from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.sandbox.asked import Heard, list_of
from wideband.sandbox.sealing import Shown

_ROLES = frozenset({"user", "assistant", "system", "developer"})
_MEDIA = frozenset({"input_image", "input_file", "input_audio"})
_MAX_CALL_ID = 64

Item = dict[str, Any]

# What an item may hold, and how the id of one begins that the provider made.
_KNOWN: dict[str, tuple[str, frozenset[str]]] = {
    "message": ("msg", frozenset({"role", "content", "phase"})),
    "additional_tools": ("at", frozenset({"role", "tools"})),
    "reasoning": ("rs", frozenset({"summary", "content", "encrypted_content"})),
    "function_call": ("fc", frozenset({"call_id", "name", "arguments", "namespace"})),
    "function_call_output": ("fc", frozenset({"call_id", "output"})),
    "custom_tool_call": ("ctc", frozenset({"call_id", "name", "input", "namespace"})),
    "custom_tool_call_output": ("ctc", frozenset({"call_id", "output"})),
}
_EVERYWHERE = frozenset({"type", "id", "status"})
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})


def hear_input(heard: Heard, said: Any) -> bool:
    """Take in the input; return whether it ends in tool results. Raises `Faulted`."""
    if isinstance(said, str):
        heard.text(said, "input")
        return False
    if not isinstance(said, list) or not said:
        raise invalid("Invalid type for 'input': expected a string or a list of items", "input")
    kinds = [_hear_item(heard, item, f"input[{index}]") for index, item in enumerate(said)]
    if heard.open_calls:
        call_id = min(heard.open_calls)
        raise invalid(f"No tool output found for function call {call_id}.", "input")
    _check_followed(said, kinds)
    return kinds[-1] in _OUTPUTS


def _hear_item(heard: Heard, item: Any, where: str) -> str:
    if not isinstance(item, dict):
        raise invalid(f"Invalid type for '{where}': expected an object", where)
    kind = item.get("type", "message" if "role" in item else None)
    if kind == "item_reference":
        raise _not_kept(item.get("id"))
    if kind not in _KNOWN:
        raise invalid(f"Invalid value: {kind!r}. Supported values are: {', '.join(_KNOWN)}", f"{where}.type")
    opening, known = _KNOWN[kind]
    for name in item:
        if name not in known and name not in _EVERYWHERE:
            raise invalid(f"Unknown parameter: '{where}.{name}'.", f"{where}.{name}")
    item_id = item.get("id")
    if item_id is not None and not (isinstance(item_id, str) and item_id.startswith(opening)):
        raise invalid(f"Invalid '{where}.id': {item_id!r}. Expected an ID that begins with '{opening}'.", f"{where}.id")
    _HEARERS[kind](heard, item, where)
    return str(kind)


def _check_followed(items: list[Item], kinds: list[str]) -> None:
    """Refuse thinking that nothing of the same answer follows."""
    answered = {"message", "reasoning", "function_call", "custom_tool_call"}
    for item, after, next_kind in zip(items, [*items[1:], {}], [*kinds[1:], "nothing"], strict=True):
        is_answer = next_kind in answered and after.get("role", "assistant") == "assistant"
        if item.get("type") == "reasoning" and not is_answer:
            name = item.get("id") or "without an id"
            raise invalid(
                f"Item '{name}' of type 'reasoning' was provided without its required following item.", "input"
            )


def _message(heard: Heard, item: Item, where: str) -> None:
    role, content = item.get("role"), item.get("content")
    if role not in _ROLES:
        raise invalid(f"Invalid value: {role!r}. Supported values are: {', '.join(sorted(_ROLES))}", f"{where}.role")
    if isinstance(content, str):
        heard.text(content, f"{where}.content")
        return
    if not isinstance(content, list):
        raise invalid(f"Missing required parameter: '{where}.content'.", f"{where}.content")
    for index, part in enumerate(content):
        _hear_part(heard, part, role == "assistant", f"{where}.content[{index}]")


def _hear_part(heard: Heard, part: Any, by_model: bool, where: str) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if by_model and kind in {"output_text", "refusal"}:
        heard.text(part.get("text" if kind == "output_text" else "refusal"), where)
    elif not by_model and kind == "input_text":
        heard.text(part.get("text"), where)
    elif not by_model and kind in _MEDIA:
        _check_media(part, where)
        heard.media_count += 1
    else:
        known = "'output_text' and 'refusal'" if by_model else "'input_text', 'input_image' and 'input_file'"
        raise invalid(f"Invalid value: {kind!r}. Supported values are: {known}.", f"{where}.type")


def _check_media(part: Item, where: str) -> None:
    if part["type"] == "input_image" and not isinstance(part.get("image_url") or part.get("file_id"), str):
        raise invalid(f"Missing required parameter: '{where}.image_url'.", where)
    if part["type"] == "input_file" and not isinstance(
        part.get("file_data") or part.get("file_url") or part.get("file_id"), str
    ):
        raise invalid(f"Missing required parameter: '{where}.file_data'.", where)


def _reasoning(heard: Heard, item: Item, where: str) -> None:
    for piece in (*list_of(item, "summary"), *list_of(item, "content")):
        heard.text(piece.get("text") if isinstance(piece, dict) else None, f"{where}.summary")
    if not isinstance(item.get("summary"), list):
        raise invalid(f"Missing required parameter: '{where}.summary'.", f"{where}.summary")
    sealed = item.get("encrypted_content")
    if isinstance(sealed, str):
        heard.seals.append(Shown(sealed, f"{where}.encrypted_content", item.get("id")))
    elif item.get("id") is not None:
        raise _not_kept(item["id"])


def _call(field: str) -> Callable[[Heard, Item, str], None]:
    def hear(heard: Heard, item: Item, where: str) -> None:
        call_id = item.get("call_id")
        if isinstance(call_id, str) and len(call_id) > _MAX_CALL_ID:
            raise invalid(
                f"Invalid '{where}.call_id': string too long. Expected a string with maximum length {_MAX_CALL_ID}",
                f"{where}.call_id",
            )
        if not isinstance(item.get("name"), str) or not item["name"]:
            raise invalid(f"Missing required parameter: '{where}.name'.", f"{where}.name")
        heard.called(call_id, f"{where}.call_id")
        heard.text(item.get(field), f"{where}.{field}")

    return hear


def _output(heard: Heard, item: Item, where: str) -> None:
    call_id, output = item.get("call_id"), item.get("output")
    if call_id not in heard.open_calls:
        message = f"No tool call found for function call output with call_id {call_id}."
        raise invalid(message, f"{where}.call_id")
    heard.answered(call_id, where)
    if not isinstance(output, list):
        heard.text(output, f"{where}.output")
        return
    for index, part in enumerate(output):
        _hear_part(heard, part, False, f"{where}.output[{index}]")


def _not_kept(item_id: Any) -> Faulted:
    message = f"Item with id '{item_id}' not found. Items are not persisted here; send them in full."
    return Faulted(Fault(kind=FaultKind.NOT_FOUND, message=message, param="input"))


def _tools(heard: Heard, item: Item, where: str) -> None:
    if not isinstance(item.get("tools"), list):
        raise invalid(f"Missing required parameter: '{where}.tools'.", f"{where}.tools")
    heard.text(item.get("role"), f"{where}.role")


_HEARERS: dict[str, Callable[[Heard, Item, str], None]] = {
    "additional_tools": _tools,
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _call("arguments"),
    "function_call_output": _output,
    "custom_tool_call": _call("input"),
    "custom_tool_call_output": _output,
}
