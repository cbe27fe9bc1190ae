"""A page in a browser that writes down everything that goes wrong on it."""

from types import TracebackType
from typing import Any, Self

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

# Whose right edge lies outside of the window, and no scrolling parent hides it.
WIDEST = """
[...document.querySelectorAll('main *, header *, footer *')]
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll, nav, pre'))
  .slice(0, 5).map((e) => e.outerHTML.slice(0, 120))
"""


def _told(violation: dict[str, Any]) -> str:
    nodes = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
    why = violation["nodes"][0].get("failureSummary", "")
    return f"{violation['id']} ({len(violation['nodes'])}x): {nodes} -- {why}"


class Look:
    """One visit with its own cookies. `troubles` is what the browser complained about."""

    def __init__(self, browser: Browser, url: str, width: int = 1440, **context: Any) -> None:
        self.troubles: list[str] = []
        self._context = browser.new_context(viewport={"width": width, "height": 900}, base_url=url, **context)
        self.page: Page = self._context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    def go(self, address: str) -> Page:
        """Open an address and wait until its scripts have run."""
        self.page.goto(address, wait_until="load")
        return self.page

    def flaws(self, axe: str) -> list[str]:
        """Return what is wrong with the page: the browser's complaints, its width, and what the rules of `axe` say."""
        beyond = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        wide = [f"{beyond} pixels wider than the window: {self.page.evaluate(WIDEST)}"] if beyond > 0 else []
        self.page.evaluate(axe)
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [*self.troubles, *wide, *map(_told, found["violations"])]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"{message.type}: {message.text}")

    def _failed(self, request: Request) -> None:
        # A stream of events, and a mark for the tab that is still on its way, are cut when their page is left.
        is_left = request.failure == "net::ERR_ABORTED" and "/static/mark.svg" in request.url
        if not is_left and not request.url.endswith("/live"):
            self.troubles.append(f"failed: {request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.troubles.append(f"{response.status}: {response.url}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        self._context.close()
