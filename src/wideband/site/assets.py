"""The site's own files: read once, zipped once, and kept by browsers for as long as their content stays."""

import functools
import gzip
import hashlib
from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wideband.site.paths import STATIC

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
# A name with the version of its content never changes; without one, browsers ask whether it has.
_FOREVER = "public, max-age=31536000, immutable"
_ASK = "no-cache"
_SMALL = 512


class Asset(msgspec.Struct, frozen=True):
    """A file as it is sent."""

    body: bytes
    zipped: bytes | None
    version: str
    media_type: str


def asset(name: str) -> str:
    """Return the address of one of the site's files, with its version. Raises `KeyError` where there is none."""
    return f"/static/{name}?v={_current()[name].version}"


def assets_route() -> Route:
    """Return what serves the files."""
    return Route("/static/{name}", _answer, methods=["GET", "HEAD"])


def favicon_route() -> Route:
    """Return what serves the mark to browsers that ask for it by its old name."""
    return Route("/favicon.ico", _favicon, methods=["GET", "HEAD"])


def _answer(request: Request) -> Response:
    return _sent(request, request.path_params["name"])


def _favicon(request: Request) -> Response:
    return _sent(request, "mark.svg")


def _sent(request: Request, name: str) -> Response:
    found = _current().get(name)
    if found is None:
        return Response(f"There is no file {name} here.\n", 404, media_type="text/plain")
    zips = found.zipped is not None and _takes_gzip(request)
    tag = f'"{found.version}{"-gzip" if zips else ""}"'
    headers = {
        "Cache-Control": _FOREVER if request.query_params.get("v") == found.version else _ASK,
        "ETag": tag,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if _holds(request, tag):
        return Response(None, 304, headers)
    if zips:
        headers["Content-Encoding"] = "gzip"
    return Response(found.zipped if zips else found.body, 200, headers, found.media_type)


def _takes_gzip(request: Request) -> bool:
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False


def _holds(request: Request, tag: str) -> bool:
    """Say whether the browser has this version already."""
    held = request.headers.get("if-none-match", "")
    return held.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in held.split(","))


def _current() -> Mapping[str, Asset]:
    """Return the files as they are now; those whose time has not changed are not read again."""
    names = {path.name: path.stat().st_mtime_ns for path in STATIC.iterdir() if path.suffix in _TYPES}
    return {name: _read(name, changed_ns) for name, changed_ns in names.items()}


@functools.lru_cache(maxsize=64)
def _read(name: str, _changed_ns: int) -> Asset:
    path = STATIC / name
    body = path.read_bytes()
    zipped = gzip.compress(body, 9, mtime=0) if len(body) >= _SMALL else None
    version = hashlib.sha256(body).hexdigest()[:12]
    return Asset(body, zipped, version, _TYPES[path.suffix])
