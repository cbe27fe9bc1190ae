"""Outages by order: a simulated provider fails in one way, whatever is asked, until it is mended."""

from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.sandbox.breaking import FAULTS
from wideband.sandbox.plays import Play, complete
from wideband.sandbox.rows import PROVIDER_BY_SLUG
from wideband.wire import jsons


class Outages:
    """Who is broken, and how: provider slug -> kind of failure.

    GET /outages lists them, PUT /outages/SLUG {"fault": KIND} begins one, DELETE /outages/SLUG ends it.
    """

    def __init__(self) -> None:
        self.broken: dict[str, str] = {}

    def play(self, method: str, slug: str, body: bytes) -> Play:
        """Answer a request about outages."""
        try:
            self._change(method, slug, body)
        except Faulted as error:
            told = {"error": {"code": error.fault.status, "message": error.fault.message}}
            return complete(error.fault.status, jsons.encode(told))
        return complete(200, jsons.encode({"outages": self.broken}))

    def _change(self, method: str, slug: str, body: bytes) -> None:
        if method == "GET" and not slug:
            return
        if slug not in PROVIDER_BY_SLUG:
            known = ", ".join(PROVIDER_BY_SLUG)
            message = f"There is no simulated provider {slug!r}; there are {known}"
            raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message=message))
        match method:
            case "PUT":
                self.broken[slug] = _kind(body)
            case "DELETE":
                self.broken.pop(slug, None)
            case _:
                raise Faulted(Fault(kind=FaultKind.METHOD_NOT_ALLOWED, message="PUT begins an outage, DELETE ends it"))


def _kind(body: bytes) -> str:
    try:
        kind = jsons.decode(body)["fault"]
    except (jsons.DecodeError, KeyError, TypeError):
        raise invalid('Say which: {"fault": "503"}', "fault") from None
    if not isinstance(kind, str) or kind not in FAULTS:
        raise invalid(f"The sandbox knows no fault {kind!r}; it knows {', '.join(FAULTS)}", "fault")
    return kind
