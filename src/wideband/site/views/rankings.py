"""Who uses what, and how much."""

from wideband.site.visit import Page

PAGES: tuple[Page, ...] = ()
