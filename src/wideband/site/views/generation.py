"""One request: the tries, the ranking, timing, tokens, prices, charge."""

from wideband.site.visit import Page

PAGES: tuple[Page, ...] = ()
