"""What is up, for anybody to see."""

from wideband.site.visit import Page

PAGES: tuple[Page, ...] = ()
