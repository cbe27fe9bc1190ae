"""Settings, keys and rows: the only room that reads the environment and files of the person who runs this."""

from wideband.config.errors import ConfigError
from wideband.config.market import Found, Market, Missing, load_market, read_shelf, wants_sandbox
from wideband.config.settings import Settings, load_settings

__all__ = [
    "ConfigError",
    "Found",
    "Market",
    "Missing",
    "Settings",
    "load_market",
    "load_settings",
    "read_shelf",
    "wants_sandbox",
]
