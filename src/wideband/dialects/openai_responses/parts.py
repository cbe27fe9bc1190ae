"""Content parts of a caller's items, read into canonical parts."""

from collections.abc import Callable
from typing import Any, Final

from wideband.canon.faults import Faulted, invalid
from wideband.canon.request import Audio, File, Image, Json, Opaque, Part, Refusal, Text
from wideband.dialects import data_urls, loose
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.tools import cache_mark

Row = dict[str, Any]


def decode_content(raw: Json, path: str) -> tuple[Part, ...]:
    """Read content: nothing, a string or a list of parts. Raises `Faulted`."""
    if raw is None:
        return ()
    if isinstance(raw, str):
        return (Text(text=raw),)
    if not isinstance(raw, list) or not all(isinstance(part, dict) for part in raw):
        raise _missing(path, "a string or a list of content parts")
    return tuple(_part(part, f"{path}[{at}]") for at, part in enumerate(raw))


def _part(raw: Row, path: str) -> Part:
    read = _PARTS.get(str(raw.get("type")))
    return Opaque(dialect=words.NAME, kind=words.OPAQUE_PART, raw=raw) if read is None else read(raw, path)


def _text(raw: Row, path: str) -> Part:
    if not isinstance(raw.get("text"), str):
        raise _missing(f"{path}.text", "a string")
    return Text(text=raw["text"], cache=cache_mark(raw), citations=raw.get("annotations") or None)


def _refusal(raw: Row, path: str) -> Part:
    if not isinstance(raw.get("refusal"), str):
        raise _missing(f"{path}.refusal", "a string")
    return Refusal(text=raw["refusal"])


def _image(raw: Row, path: str) -> Part:
    told = raw.get("image_url")
    url = told if isinstance(told, str) else loose.text(loose.obj(told).get("url"))
    if not url:
        if loose.text(raw.get("file_id")):
            # An image stored at OpenAI: a file by its id is no image elsewhere.
            return Opaque(dialect=words.NAME, kind=words.OPAQUE_PART, raw=raw)
        raise _missing(f"{path}.image_url", "an https or data URL")
    detail = loose.text(raw.get("detail")) or loose.text(loose.obj(told).get("detail"))
    inline = data_urls.split(url)
    if inline is not None:
        return Image(media_type=inline[0] or "image/png", data=inline[1], detail=detail, cache=cache_mark(raw))
    return Image(url=url, detail=detail, cache=cache_mark(raw))


def _file(raw: Row, path: str) -> Part:
    names = ("file_data", "file_url", "file_id", "filename")
    given, url, file_id, filename = (loose.text(raw.get(name)) for name in names)
    mark = cache_mark(raw)
    inline = data_urls.split(given) if given is not None else None
    if inline is not None:
        return File(filename=filename, media_type=inline[0], data=inline[1], cache=mark)
    if given is not None:
        return File(filename=filename, data=given, cache=mark)
    if url is None and file_id is None:
        raise _missing(path, "an object with `file_data`, `file_url` or `file_id`")
    return File(filename=filename, url=url, file_id=None if url else file_id, cache=mark)


def _audio(raw: Row, path: str) -> Part:
    told = loose.obj(raw.get("input_audio")) or raw
    data, form = loose.text(told.get("data")), loose.text(told.get("format"))
    if data is None or form is None:
        raise _missing(f"{path}.input_audio", "an object with `data` and `format`")
    return Audio(data=data, format=form)


def _missing(path: str, expected: str) -> Faulted:
    return invalid(f"`{path}` is missing or of the wrong type. Send {expected}.", path)


_PARTS: Final[dict[str, Callable[[Row, str], Part]]] = {
    "input_audio": _audio,
    "input_file": _file,
    "input_image": _image,
    "input_text": _text,
    "output_text": _text,
    "reasoning_text": _text,
    "refusal": _refusal,
    "summary_text": _text,
    "text": _text,
}
