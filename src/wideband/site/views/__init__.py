"""The pages: a module for each, and the one list of them, in the order of the navigation."""

from wideband.site import live
from wideband.site.rendering import environment
from wideband.site.views import (
    activity,
    compare,
    generation,
    home,
    keys,
    log,
    models,
    playground,
    providers,
    rankings,
    status,
)
from wideband.site.visit import Page, Visit

PAGES: tuple[Page, ...] = (
    *home.PAGES,
    *rankings.PAGES,
    *models.PAGES,
    *providers.PAGES,
    *compare.PAGES,
    *activity.PAGES,
    *log.PAGES,
    *generation.PAGES,
    *keys.PAGES,
    *playground.PAGES,
    *status.PAGES,
    *live.PAGES,
)


def navigation_pages(visit: Visit) -> list[Page]:
    """Return the pages that a visitor is led to."""
    person = visit.person
    return [page for page in PAGES if page.label and (page.role is None or (person and person.may(page.role)))]


def is_here(visit: Visit, page: Page) -> bool:
    """Say whether a page, or one below it, is the one being shown."""
    path: str = visit.request.url.path
    return path == page.path or (page.path != "/" and path.startswith(page.path + "/"))


environment().globals.update(navigation_pages=navigation_pages, is_here=is_here)
