"""The site as one application: who may see what, safe headers, and errors as pages."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from wideband.canon.faults import RULES, Fault, Faulted, FaultKind
from wideband.site.gate import Gate
from wideband.site.paths import STATIC
from wideband.site.views import PAGES
from wideband.site.visit import House, Page, Person, Visit

log = logging.getLogger("wideband.site")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def site(house: House, gate: Gate, pages: Sequence[Page] = PAGES) -> Starlette:
    """Return the application that answers every path that is not the API's."""
    routes: list[Route] = [
        Route(page.path, _shown(house, gate, page), methods=list(page.methods)) for page in (*pages, *gate.pages)
    ]
    app = Starlette(routes=routes, exception_handlers={404: _missing(house, gate)})
    app.mount("/static", StaticFiles(directory=STATIC))
    return app


def _shown(house: House, gate: Gate, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        allowed = await gate.admit(request, page)
        if isinstance(allowed, Response):
            return _safe(allowed)
        visit = Visit(request, house, allowed)
        try:
            return _safe(await page.view(visit))
        except Faulted as error:
            return _safe(await _failed(visit, error.fault))
        except Exception:
            log.exception("%s %s failed on a defect of ours", request.method, request.url.path)
            message = "This page failed on a defect of ours; the server's log has the details."
            return _safe(await _failed(visit, Fault(kind=FaultKind.INTERNAL, message=message)))

    return answer


def _missing(house: House, gate: Gate) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, _error: Exception) -> Response:
        allowed = await gate.admit(request, Page("", _nothing, None))
        person = allowed if isinstance(allowed, Person) else None
        message = f"There is no page {request.url.path} here. The API is under /api/v1, /v1 and /v1beta."
        return _safe(await _failed(Visit(request, house, person), Fault(kind=FaultKind.NOT_FOUND, message=message)))

    return answer


async def _nothing(visit: Visit) -> Response:
    raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message=f"There is no page {visit.request.url.path} here."))


async def _failed(visit: Visit, fault: Fault) -> Response:
    return await visit.page("error.html", RULES[fault.kind].status, fault=fault)


def _safe(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
