"""What turns are retold with where a protocol has no room for them as they were."""

from typing import Any, Final

from wideband.canon.request import Loss, Opaque, Part
from wideband.dialects import loose
from wideband.dialects.noting import note
from wideband.wire import jsons

# A system message in a user's turn, for those who take one only at the head.
SYSTEM_MARK: Final = "<system>\n{}\n</system>"
# A user's turn for those who want one first.
OPENING: Final = "Go on."


def arguments_object(arguments: str, losses: list[Loss]) -> Any:
    """Return a call's arguments as an object; text that is none is kept under `_raw`.

    The bytes of an object stay as the model wrote them, so that its numbers and order survive.
    """
    if not arguments.strip():
        return {}
    try:
        raw = arguments.encode()
        jsons.fields(raw)
        jsons.decode(raw)
    except (jsons.DecodeError, UnicodeEncodeError):
        note(losses, "tool_arguments", "not a JSON object")
        return {"_raw": arguments}
    return jsons.Raw(raw)


def tool_found(part: Part) -> str | None:
    """Return the words for a reference to a tool that was found late; None for any other part."""
    name = loose.text(loose.obj(part.raw).get("tool_name")) if isinstance(part, Opaque) else None
    return f"The tool {name} can be called now." if name else None
