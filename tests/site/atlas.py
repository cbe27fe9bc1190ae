"""Where every page of the site can be looked at: addresses with real ids, found by following the site's own links."""

import html
import re
from collections import deque
from urllib.parse import urljoin, urlsplit

import httpx

from wideband.site.views import PAGES

# What is no page for readers: answers to scripts and downloads.
_NO_PAGES = {"/live"}
_LINK = re.compile(r'<a [^>]*?href="([^"]+)"')
_MOST = 400
# So many pages of each kind are looked at.
_OF_A_KIND = 12


def patterns() -> list[str]:
    """Return the path of every page that can be looked at."""
    return [page.path for page in PAGES if "GET" in page.methods and page.path not in _NO_PAGES]


def matcher(path: str) -> re.Pattern[str]:
    """Return what matches the addresses of a page."""
    text = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    text = re.sub(r"\{\w+:path\}", ".+", text)
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", text) + "$")


class Atlas:
    """Every address that can be reached from the front page by links, and what came from there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.found: dict[str, httpx.Response] = {}
        self.broken: dict[str, str] = {}
        self._kinds: dict[str, int] = {}
        self._walk()

    def of(self, pattern: str) -> str | None:
        """Return an address of a page; None when no link leads there."""
        fits = matcher(pattern)
        better = [other for other in patterns() if other != pattern and "{" not in other]
        for address in self.found:
            path = urlsplit(address).path
            if fits.match(path) and not any(matcher(other).match(path) for other in better):
                return address
        return None

    def _walk(self) -> None:
        waiting, seen = deque([("/", "the start")]), {"/"}
        with httpx.Client(base_url=self.url, timeout=30) as http:
            while waiting and len(seen) < _MOST:
                address, source = waiting.popleft()
                answer = http.get(address)
                if answer.status_code >= 400:
                    self.broken[address] = f"{answer.status_code}, linked from {source}"
                    continue
                self.found[address] = answer
                if not answer.headers.get("content-type", "").startswith("text/html"):
                    continue
                for link in self._links(address, answer.text):
                    if link not in seen and self._is_new_kind(link):
                        seen.add(link)
                        waiting.append((link, address))

    def _links(self, address: str, text: str) -> list[str]:
        found = []
        for link in _LINK.findall(text):
            whole = urlsplit(urljoin(self.url + address, html.unescape(link)))
            if f"{whole.scheme}://{whole.netloc}" == self.url:
                found.append(whole.path + (f"?{whole.query}" if whole.query else ""))
        return found

    def _is_new_kind(self, link: str) -> bool:
        """Follow filters from their page only, and a few of each kind of page."""
        path = urlsplit(link).path
        kind = next((pattern for pattern in patterns() if matcher(pattern).match(path)), path)
        self._kinds[kind] = self._kinds.get(kind, 0) + 1
        return self._kinds[kind] <= _OF_A_KIND
