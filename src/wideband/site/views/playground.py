"""Asking several models side by side."""

from wideband.site.visit import Page

PAGES: tuple[Page, ...] = ()
