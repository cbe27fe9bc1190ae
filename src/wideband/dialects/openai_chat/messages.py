"""Messages and their parts, read into canonical turns."""

from collections.abc import Callable
from typing import Any

from wideband.canon.faults import invalid
from wideband.canon.request import (
    Audio,
    CacheMark,
    File,
    Image,
    Json,
    Message,
    Opaque,
    Part,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from wideband.dialects import data_urls, loose
from wideband.dialects.openai_chat import reasoning, words
from wideband.wire import jsons

# What a message says that has a place in `Message`; all else is `extras`.
_KNOWN = frozenset(
    {
        "cache_control",
        "content",
        "function_call",
        "name",
        "prompt_cache_breakpoint",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "refusal",
        "role",
        "tool_call_id",
        "tool_calls",
        *words.OPAQUE_FIELDS,
    }
)


def cache_mark(raw: dict[str, Json]) -> CacheMark | None:
    """Read an explicit cache breakpoint, under either of its names."""
    told = raw.get("cache_control") or raw.get("prompt_cache_breakpoint")
    return CacheMark(ttl=loose.text(told.get("ttl"))) if isinstance(told, dict) else None


def decode_messages(raw: list[dict[str, Any]]) -> tuple[Message, ...]:
    """Read a list whose roles are checked; tool messages that follow each other become one user turn of results."""
    messages: list[Message] = []
    results: list[Part] = []
    for at, told in enumerate(raw):
        if told["role"] in ("tool", "function"):
            results.append(_result(told, at))
            continue
        if results:
            messages.append(Message(role="user", parts=tuple(results)))
            results = []
        messages.append(_assistant(told, at) if told["role"] == "assistant" else _spoken(told, at))
    if results:
        messages.append(Message(role="user", parts=tuple(results)))
    return tuple(messages)


def _spoken(told: dict[str, Any], at: int) -> Message:
    role = told["role"]
    return Message(
        role="user" if role == "user" else "system",
        parts=_marked(_content(told.get("content"), at), told),
        name=loose.text(told.get("name")),
        developer=role == "developer",
        extras=_extras(told),
    )


def _assistant(told: dict[str, Any], at: int) -> Message:
    parts: list[Part] = reasoning.decode_parts(told)
    parts.extend(_content(told.get("content"), at))
    if refusal := loose.text(told.get("refusal")):
        parts.append(Refusal(text=refusal))
    parts.extend(_call(call, index, at) for index, call in enumerate(told.get("tool_calls") or ()))
    if isinstance(told.get("function_call"), dict):
        call = {"id": _legacy_id(told["function_call"].get("name")), "function": told["function_call"]}
        parts.append(_call(call, 0, at))
    parts.extend(
        Opaque(dialect=words.NAME, kind=kind, raw=told[kind]) for kind in words.OPAQUE_FIELDS if told.get(kind)
    )
    return Message(
        role="assistant", parts=_marked(tuple(parts), told), name=loose.text(told.get("name")), extras=_extras(told)
    )


def _extras(told: dict[str, Any]) -> dict[str, Json]:
    return {name: value for name, value in told.items() if name not in _KNOWN and value is not None}


def _marked(parts: tuple[Part, ...], told: dict[str, Any]) -> tuple[Part, ...]:
    """Move a cache mark on a whole message to its last text."""
    mark = cache_mark(told)
    if mark is None or not parts or not isinstance(parts[-1], Text):
        return parts
    last = parts[-1]
    return (*parts[:-1], Text(text=last.text, cache=last.cache or mark, citations=last.citations))


def _call(raw: dict[str, Any], index: int, at: int) -> Part:
    function, custom = raw.get("function"), loose.obj(raw.get("custom"))
    if (called := loose.text(custom.get("name"))) and isinstance(said := custom.get("input"), str):
        return ToolCall(id=loose.text(raw.get("id")) or _legacy_id(called), name=called, arguments=said, custom=True)
    if not isinstance(function, dict):
        return Opaque(dialect=words.NAME, kind="custom_tool_call", raw=raw)
    name, arguments = loose.text(function.get("name")), function.get("arguments")
    if name is None:
        path = f"messages[{at}].tool_calls[{index}].function.name"
        raise invalid(f"`{path}` is missing or no string. Name the function that was called.", path)
    return ToolCall(
        id=loose.text(raw.get("id")) or _legacy_id(name),
        name=name,
        arguments=arguments if isinstance(arguments, str) else jsons.encode(arguments or {}).decode(),
        cache=cache_mark(raw),
    )


def _legacy_id(name: Any) -> str:
    """Name the call of an older client, which tells call and result only by the function."""
    return f"call_{name}"


def _result(told: dict[str, Any], at: int) -> ToolResult:
    name = loose.text(told.get("name"))
    return ToolResult(
        call_id=loose.text(told.get("tool_call_id")) or _legacy_id(name),
        parts=_content(told.get("content"), at),
        name=name,
        cache=cache_mark(told),
    )


def _content(raw: Any, at: int) -> tuple[Part, ...]:
    if raw is None:
        return ()
    if isinstance(raw, str):
        return (Text(text=raw),)
    return tuple(_part(part, f"messages[{at}].content[{index}]") for index, part in enumerate(raw))


def _part(raw: dict[str, Any], path: str) -> Part:
    read = _PARTS.get(raw["type"])
    if read is None:
        return Opaque(dialect=words.NAME, kind="content_part", raw=raw)
    return read(raw, path)


def _text(raw: dict[str, Any], path: str) -> Part:
    if not isinstance(raw.get("text"), str):
        raise _missing(f"{path}.text", "a string")
    return Text(text=raw["text"], cache=cache_mark(raw))


def _refusal(raw: dict[str, Any], path: str) -> Part:
    if not isinstance(raw.get("refusal"), str):
        raise _missing(f"{path}.refusal", "a string")
    return Refusal(text=raw["refusal"])


def _image(raw: dict[str, Any], path: str) -> Part:
    told = raw.get("image_url")
    url = told if isinstance(told, str) else loose.text(loose.obj(told).get("url"))
    if not url:
        raise _missing(f"{path}.image_url.url", "an https or data URL")
    detail = loose.text(loose.obj(told).get("detail"))
    inline = data_urls.split(url)
    if inline is not None:
        return Image(media_type=inline[0] or "image/png", data=inline[1], detail=detail, cache=cache_mark(raw))
    return Image(url=url, detail=detail, cache=cache_mark(raw))


def _file(raw: dict[str, Any], path: str) -> Part:
    told = loose.obj(raw.get("file"))
    given, file_id, filename = (loose.text(told.get(name)) for name in ("file_data", "file_id", "filename"))
    mark = cache_mark(raw)
    if given is None:
        if file_id is None:
            raise _missing(f"{path}.file", "an object with `file_data` or `file_id`")
        return File(filename=filename, file_id=file_id, cache=mark)
    inline = data_urls.split(given)
    if inline is not None:
        return File(filename=filename, media_type=inline[0], data=inline[1], cache=mark)
    if given.startswith(("https://", "http://")):
        return File(filename=filename, url=given, cache=mark)
    return File(filename=filename, data=given, cache=mark)


def _audio(raw: dict[str, Any], path: str) -> Part:
    told = loose.obj(raw.get("input_audio"))
    data, form = loose.text(told.get("data")), loose.text(told.get("format"))
    if data is None or form is None:
        raise _missing(f"{path}.input_audio", "an object with `data` and `format`")
    return Audio(data=data, format=form)


def _missing(path: str, expected: str) -> Exception:
    return invalid(f"`{path}` is missing or of the wrong type. Send {expected}.", path)


_PARTS: dict[str, Callable[[dict[str, Any], str], Part]] = {
    "file": _file,
    "image_url": _image,
    "input_audio": _audio,
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "text": _text,
}
