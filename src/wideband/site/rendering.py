"""Jinja, set up once: templates, the filters that write figures, and links that keep a page's filters."""

import functools
from typing import Any
from urllib.parse import urlencode

import jinja2
from markupsafe import Markup, escape
from starlette.requests import Request

from wideband.analytics.periods import LENGTHS
from wideband.routing.tags import display_name
from wideband.site.assets import asset
from wideband.site.figures import FORMATS


@functools.cache
def environment() -> jinja2.Environment:
    """Return what renders every page; the site adds what it alone knows to its `globals`."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("wideband.site"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FORMATS, kind_of_work=display_name, coded=coded)
    made.globals.update(link=link, asset=asset, period_names=lambda: tuple(LENGTHS))
    return made


def render(template: str, **values: Any) -> str:
    """Write a page. Raises `jinja2.TemplateError` where a template is wrong."""
    return environment().get_template(template).render(**values)


def coded(text: str) -> Markup:
    """Write a message whose `names` stand between backticks: they become code."""
    parts = [
        escape(part) if place % 2 == 0 else Markup("<code>{}</code>").format(part)
        for place, part in enumerate(text.split("`"))
    ]
    return Markup("").join(parts) if len(parts) % 2 else escape(text)


def link(visit: Any, path: str | None = None, **changes: str | list[str] | None) -> str:
    """Return this page's address, or another's, with its filters changed; None takes one away.

    A field that stands several times keeps all its values, unless it is changed.
    """
    request: Request = visit.request
    query: dict[str, list[str] | str | None] = {
        name: request.query_params.getlist(name) for name in request.query_params
    }
    query |= changes
    text = urlencode({name: value for name, value in query.items() if value is not None}, doseq=True)
    return (path or request.url.path) + (f"?{text}" if text else "")
