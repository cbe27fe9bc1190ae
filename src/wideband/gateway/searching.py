"""Whether a request asks for the web to be searched by OpenRouter's `web` plugin."""

from wideband.canon.faults import invalid
from wideband.dialects.base import Ask
from wideband.wire import jsons

_NATIVE = frozenset({None, "auto", "native"})


def wants_search(ask: Ask) -> bool:
    """Say whether the `web` plugin is asked for. Raises `Faulted` (invalid_request) for an engine there is not."""
    raw = ask.fields.get("plugins")
    if raw is None or b'"web"' not in bytes(raw):
        return False
    plugins = jsons.decode(raw)
    for plugin in plugins if isinstance(plugins, list) else ():
        if isinstance(plugin, dict) and plugin.get("id") == "web" and plugin.get("enabled") is not False:
            if plugin.get("engine") not in _NATIVE:
                raise invalid(
                    "`plugins.engine` of the `web` plugin must be native: the exchange does not search the web itself, "
                    "it asks providers that do. Leave it out.",
                    "plugins.engine",
                )
            return True
    return False
