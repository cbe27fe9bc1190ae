"""OpenRouter's `plugins` of a request: which ones are asked for, and whether the web is to be searched."""

from collections.abc import Collection
from typing import Any

from wideband.canon.faults import invalid
from wideband.dialects.base import Ask
from wideband.wire import jsons

_WEB = ("web",)
_NATIVE = (None, "auto", "native")


def find_plugin(ask: Ask, names: Collection[str]) -> dict[str, Any] | None:
    """Return the first plugin with one of these ids that is not switched off; None when there is none."""
    raw = ask.fields.get("plugins")
    plugins = None if raw is None else jsons.plain(raw)
    for plugin in plugins if isinstance(plugins, list) else ():
        if not isinstance(plugin, dict) or not isinstance(plugin.get("id"), str):
            continue
        if plugin["id"] in names and plugin.get("enabled") is not False:
            return plugin
    return None


def wants_search(ask: Ask) -> bool:
    """Say whether the `web` plugin is asked for. Raises `Faulted` (invalid_request) for an engine there is not."""
    plugin = find_plugin(ask, _WEB)
    if plugin is not None and plugin.get("engine") not in _NATIVE:
        raise invalid(
            "`plugins.engine` of the `web` plugin must be native: the exchange does not search the web itself, "
            "it asks providers that do. Leave it out.",
            "plugins.engine",
        )
    return plugin is not None
