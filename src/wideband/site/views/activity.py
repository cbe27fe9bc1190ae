"""Spend, tokens and requests over time."""

from wideband.site.visit import Page

PAGES: tuple[Page, ...] = ()
