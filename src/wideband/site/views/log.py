"""The request log, with filters and a live tail."""

from wideband.site.visit import Page

PAGES: tuple[Page, ...] = ()
