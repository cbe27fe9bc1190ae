"""Images, files and sound as parts that Gemini takes: inline with their type, or by a URI it fetches itself."""

import base64
import re
from typing import Any

from wideband.canon.request import Audio, File, Image, Loss
from wideband.dialects import data_urls
from wideband.dialects.noting import note

Block = dict[str, Any]

# How the base64 of each kind of file begins.
_STARTS = {
    "iVBOR": "image/png",
    "/9j/": "image/jpeg",
    "R0lG": "image/gif",
    "UklG": "image/webp",
    "JVBER": "application/pdf",
}
# What a URL's last letters say of the type, which has to be named beside it.
_ENDINGS = {
    "csv": "text/csv", "gif": "image/gif", "heic": "image/heic", "heif": "image/heif", "html": "text/html",
    "jpeg": "image/jpeg", "jpg": "image/jpeg", "md": "text/markdown", "mov": "video/mov", "mp3": "audio/mp3",
    "mp4": "video/mp4", "mpeg": "video/mpeg", "ogg": "audio/ogg", "pdf": "application/pdf", "png": "image/png",
    "txt": "text/plain", "wav": "audio/wav", "webm": "video/webm", "webp": "image/webp",
}  # fmt: skip
_YOUTUBE = re.compile(r"https?://(?:www\.|m\.)?(?:youtube\.com|youtu\.be)/", re.IGNORECASE)


def image(part: Image, losses: list[Loss]) -> Block | None:
    """Write an image; at which detail it is seen is for the whole request to say, and so not said."""
    if part.detail not in {None, "auto"}:
        note(losses, "image_detail", part.detail or "")
    return _source(part.data, part.url, part.media_type, "image/jpeg")


def file(part: File, losses: list[Loss], *, is_own: bool) -> Block | None:
    """Write a document; `is_own` tells that the request came in this protocol, whose file ids are URIs."""
    unsaid = [*sorted(part.extras), *(["filename"] if part.filename and part.data is not None else [])]
    if unsaid and not is_own:
        note(losses, "file_extras", ", ".join(unsaid))
    if part.text is not None:
        data = base64.b64encode(part.text.encode("utf-8", "replace")).decode()
        block = _source(data, None, "text/plain", "text/plain") if part.text.strip() else None
    elif part.file_id is not None and not is_own:
        note(losses, "file_id", "a file stored at another provider")
        return None
    else:
        block = _source(part.data, part.url or part.file_id, part.media_type, "application/pdf")
    return block | part.extras if block is not None and is_own else block


def audio(part: Audio) -> Block:
    """Write a sound."""
    return {"inlineData": {"mimeType": f"audio/{part.format}", "data": part.data}}


def _source(data: str | None, uri: str | None, media_type: str | None, otherwise: str) -> Block | None:
    found = data_urls.split(data or uri or "")
    if found is not None:
        media_type, data = found[0] or media_type, found[1]
    if data is not None:
        sniffed = next((kind for start, kind in _STARTS.items() if data.startswith(start)), otherwise)
        return {"inlineData": {"mimeType": media_type or sniffed, "data": data}}
    if not uri:
        return None
    block: Block = {"fileUri": uri}
    if (kind := media_type or _kind(uri, otherwise)) is not None:
        block["mimeType"] = kind
    return {"fileData": block}


def _kind(uri: str, otherwise: str) -> str | None:
    """Guess what lies behind a URI. Of its own store and of YouTube Google knows it without being told."""
    ending = uri.partition("?")[0].partition("#")[0].rpartition(".")[2].lower()
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    return None if _YOUTUBE.match(uri) or "/files/" in uri else otherwise
