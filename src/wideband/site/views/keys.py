"""Keys and their limits."""

from wideband.site.visit import Page

PAGES: tuple[Page, ...] = ()
