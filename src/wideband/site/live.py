"""`/live`: server-sent events that say when pages should renew themselves."""

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from wideband.canon.faults import Faulted
from wideband.site.pulse import Pulse
from wideband.site.visit import Page, Visit

_HEADERS = {
    "Cache-Control": "no-store, no-transform",
    # nginx would keep events until its buffer is full.
    "X-Accel-Buffering": "no",
}
RETRY_MS = 3000


async def live(visit: Visit) -> Response:
    """Answer with events: `hello` once, `records` whenever there are new ones, a comment when nothing happens."""
    pulse = visit.house.pulse
    try:
        pulse.admit()
    except Faulted as error:
        return Response(error.fault.message + "\n", 503, {"Retry-After": "30"}, "text/plain")
    if visit.request.method == "HEAD":
        return Response(None, 200, _HEADERS, "text/event-stream")
    return StreamingResponse(_events(pulse, visit), 200, _HEADERS, "text/event-stream")


async def _events(pulse: Pulse, visit: Visit) -> AsyncIterator[str]:
    name = "hello"
    async for count in pulse.beats(visit.house.reader):
        if count is None:
            yield ": nothing new\n\n"
            continue
        retry = f"retry: {RETRY_MS}\n" if name == "hello" else ""
        yield f"{retry}event: {name}\ndata: {count}\n\n"
        name = "records"


PAGES = (Page("/live", live, at_once=True),)
