"""What is going on now."""

from wideband.site.visit import Page

PAGES: tuple[Page, ...] = ()
