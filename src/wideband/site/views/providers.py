"""The providers, and everything about one of them."""

from wideband.site.visit import Page

PAGES: tuple[Page, ...] = ()
