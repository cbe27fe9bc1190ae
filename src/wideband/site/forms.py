"""Forms that pages post: read within bounds, and taken only from our own pages."""

import asyncio
import hmac
from urllib.parse import urlsplit

from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request

from wideband.canon.faults import Fault, Faulted, FaultKind, invalid

MAX_FORM_BYTES = 1024 * 1024
FORM_S = 10.0
MAX_FIELDS = 1000
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_FORM = "application/x-www-form-urlencoded"


async def own_form(request: Request, token: str, origin: str) -> QueryParams:
    """Return the fields of a request that changes something, once it is known to come from a page of ours.

    It has to bring the visitor's `token`, as the field `csrf` or in the header `X-CSRF` (then the body is the page's
    own business). Raises `Faulted` (permission_denied).
    """
    if not is_from_us(request, origin):
        raise _foreign("This request comes from another site, so nothing was done. Open the page here and try again.")
    header = request.headers.get("x-csrf")
    is_form = request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM
    form = await read_form(request) if is_form else QueryParams()
    given = header if header is not None else form.get("csrf", "")
    # Without a token of the visitor's there is none that could be right.
    if not token or not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), token.encode()):
        raise _foreign("This form is out of date, so nothing was done. Open the page anew and try again.")
    return form


def is_from_us(request: Request, origin: str = "") -> bool:
    """Say whether a browser calls a request one of our own pages'; `origin` is the site's public one, if it is set.

    Browsers tell it with `Sec-Fetch-Site` (over https and on loopback) or `Origin`; what tells neither is no page of
    another site in any browser of these years, and needs the token all the same.
    """
    fetched = request.headers.get("sec-fetch-site")
    if fetched is not None:
        return fetched == "same-origin"
    claimed = request.headers.get("origin")
    if claimed is None:
        return True
    host = request.headers.get("host", "")
    return (urlsplit(claimed).netloc.lower() == host.lower() != "") or (origin != "" and claimed.lower() == origin)


async def read_form(request: Request) -> QueryParams:
    """Return a form's fields. Raises `Faulted` (payload_too_large, request_timeout, invalid_request)."""
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(FORM_S):
            async for piece in request.stream():
                size += len(piece)
                if size > MAX_FORM_BYTES:
                    message = f"This form is larger than {MAX_FORM_BYTES} bytes, the most that is taken."
                    raise Faulted(Fault(kind=FaultKind.PAYLOAD_TOO_LARGE, message=message))
                pieces.append(piece)
    except TimeoutError:
        raise Faulted(Fault(kind=FaultKind.REQUEST_TIMEOUT, message="The form did not arrive in time.")) from None
    except ClientDisconnect:
        raise invalid("The form did not arrive whole.") from None
    body = b"".join(pieces)
    if body.count(b"&") >= MAX_FIELDS:
        raise invalid(f"This form has more than {MAX_FIELDS} fields.")
    return QueryParams(body.decode("utf-8", "replace"))


def _foreign(message: str) -> Faulted:
    return Faulted(Fault(kind=FaultKind.PERMISSION_DENIED, message=message))
