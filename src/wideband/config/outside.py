"""The outside as values: the environment, files and the rows shipped with the package; nothing else reads these."""

import os
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from wideband.config.errors import ConfigError, Fix, line_of_syntax_error

_NEEDED = {
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
}  # fmt: skip
_NEEDED_HEADS = ("LC_", "PYTHON")
_CREDENTIAL_FILES = ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "GOOGLE_APPLICATION_CREDENTIALS")


def environment(environ: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Return the given environment, or the process's."""
    return os.environ if environ is None else environ


def without_providers(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a process needs of an environment to run, and nothing by which a server would find real providers."""
    kept = {
        name: value for name, value in environment(environ).items() if name in _NEEDED or name.startswith(_NEEDED_HEADS)
    }
    # Where platforms' credentials would be looked for otherwise: in files below HOME.
    return kept | dict.fromkeys(_CREDENTIAL_FILES, os.devnull) | {"WIDEBAND_DISCOVER": "0"}


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Return a TOML file's content, parsed and as text. Raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([Fix(path, 0, "", "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Fix(path, 0, "", "", "is not UTF-8 text")]) from None
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Fix(path, line_of_syntax_error(str(error), text), "", "", f"is no TOML: {error}")]) from None


def shipped(name: str) -> str:
    """Return the text of a file of rows in `wideband/catalog`."""
    return files("wideband.catalog").joinpath(name).read_text(encoding="utf-8")
