"""Models side by side."""

from wideband.site.visit import Page

PAGES: tuple[Page, ...] = ()
