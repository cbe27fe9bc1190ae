"""The site as one application: who may see what, safe headers, and errors as pages."""

import logging
import math
from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wideband.canon.faults import RULES, Fault, Faulted, FaultKind
from wideband.site.assets import assets_route, favicon_route
from wideband.site.forms import SAFE_METHODS, own_form
from wideband.site.gate import Gate
from wideband.site.views import PAGES
from wideband.site.visit import House, Page, Visit

log = logging.getLogger("wideband.site")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(),"
        " usb=(), browsing-topics=()"
    ),
}


def site(house: House, gate: Gate, pages: Sequence[Page] = PAGES) -> Starlette:
    """Return the application that answers every path that is not the API's."""
    routes: list[Route] = [
        Route(page.path, _shown(house, gate, page), methods=list(page.methods)) for page in (*pages, *gate.pages)
    ]
    routes += [assets_route(), favicon_route()]
    return Starlette(routes=routes, exception_handlers={404: _missing(house, gate), 405: _missing(house, gate)})


def _shown(house: House, gate: Gate, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return _safe(await _answered(house, gate, page, request), gate, request)

    return answer


async def _answered(house: House, gate: Gate, page: Page, request: Request) -> Response:
    visit = Visit(request, house, None)
    try:
        allowed = await gate.admit(request, page)
        if isinstance(allowed, Response):
            return allowed
        visit = Visit(request, house, allowed)
        if request.method not in SAFE_METHODS:
            token = allowed.csrf if allowed is not None else gate.token(request)
            visit = Visit(request, house, allowed, await own_form(request, token, gate.origin))
        # What is posted may take as long as a model does, and holds up no page.
        if page.at_once or request.method not in SAFE_METHODS:
            return await page.view(visit)
        async with house.turns.taken(request):
            return await page.view(visit)
    except Faulted as error:
        return await _failed(visit, error.fault)
    except Exception:
        log.exception("%s %s failed on a defect of ours", request.method, request.url.path)
        message = "This page failed on a defect of ours; the server's log has the details."
        return await _failed(visit, Fault(kind=FaultKind.INTERNAL, message=message))


def _missing(house: House, gate: Gate) -> Callable[[Request, Exception], Awaitable[Response]]:
    nowhere = Page("", _nothing, None)

    async def answer(request: Request, _error: Exception) -> Response:
        return _safe(await _answered(house, gate, nowhere, request), gate, request)

    return answer


async def _nothing(visit: Visit) -> Response:
    fault = Fault(kind=FaultKind.NOT_FOUND, message=_nowhere(visit.request))
    if "text/html" in visit.request.headers.get("accept", ""):
        raise Faulted(fault)
    # A program that has the API's address wrong: it is told as the API would tell it.
    error = {"code": fault.status, "message": fault.message, "type": fault.rule.error_type}
    return JSONResponse({"error": error}, fault.status)


def _nowhere(request: Request) -> str:
    place = request.url.path if request.method in SAFE_METHODS else f"{request.url.path} that takes {request.method}"
    return f"There is no page {place} here. The API is under /api/v1, /v1 and /v1beta."


async def _failed(visit: Visit, fault: Fault) -> Response:
    status = RULES[fault.kind].status
    response = await visit.page("error.html", status, fault=fault, code=status)
    if fault.retry_after_s is not None:
        response.headers["Retry-After"] = str(math.ceil(fault.retry_after_s))
    return response


def _safe(response: Response, gate: Gate, request: Request) -> Response:
    for name, value in (*HEADERS.items(), *gate.headers(request).items()):
        response.headers.setdefault(name, value)
    return response
