"""What the environment says of platforms: the fields of their URLs, and whether there are credentials for them."""

import re
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from wideband.catalog.rows import AuthStyle, Provider
from wideband.upstream.auth import PLATFORMS

_URL_FIELD = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")

# What platforms' own tools call the same thing.
_STAND_INS = {
    "AWS_REGION": ("AWS_DEFAULT_REGION",),
    "VERTEX_LOCATION": ("GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION"),
    "VERTEX_PROJECT": ("GOOGLE_CLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID"),
}
# Locations that are no regions have hosts of another form.
_HOSTS = {
    "//global-aiplatform.googleapis.com": "//aiplatform.googleapis.com",
    "//us-aiplatform.googleapis.com": "//aiplatform.us.rep.googleapis.com",
    "//eu-aiplatform.googleapis.com": "//aiplatform.eu.rep.googleapis.com",
}

_AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)  # fmt: skip
_GOOGLE_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"


def filled(url: str, env: Mapping[str, str]) -> str:
    """Return a base URL with its fields filled; those that are not set stay."""
    url = _URL_FIELD.sub(lambda field: _value(field[1], env) or field[0], url)
    for host, other in _HOSTS.items():
        url = url.replace(host, other)
    return url


def unset_fields(row: Provider, env: Mapping[str, str]) -> list[str]:
    """Return the fields of a provider's URLs that are not set."""
    urls = [row.base_url, *(voice.base_url for voice in row.also.values() if voice.base_url)]
    names = dict.fromkeys(name for url in urls for name in _URL_FIELD.findall(url))
    return [name for name in names if not _value(name, env)]


def way_in(row: Provider, env: Mapping[str, str], *, named: bool) -> str | None:
    """Say how a provider for which there is no key can be used; None if it cannot. Asks nobody.

    A platform's credentials may be where only the platform looks, so a file that names it (`named`) is believed.
    """
    if row.auth == "none":
        return "needs no key"
    if row.auth not in _PLACES:
        return None
    return next(_PLACES[row.auth](env), "named in the file" if named else None)


def remedy(row: Provider) -> str | None:
    """Say what to do for a platform's credentials; None for who wants a key."""
    return _REMEDIES.get(row.auth)


def missing_library(style: AuthStyle) -> str | None:
    """Return the command that installs what a style needs, None when it is there."""
    platform = PLATFORMS.get(style)
    if platform is None:
        return None
    try:
        return None if find_spec(platform.module) else platform.install
    except ModuleNotFoundError:
        return platform.install


def _value(name: str, env: Mapping[str, str]) -> str | None:
    return next((env[each] for each in (name, *_STAND_INS.get(name, ())) if env.get(each)), None)


def _aws(env: Mapping[str, str]) -> Iterator[str]:
    yield from (name for name in _AWS_VARIABLES if env.get(name))
    home = _home(env) / ".aws"
    for variable, name in (("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")):
        file = Path(env.get(variable) or home / name).expanduser()
        if file.is_file():
            yield str(file)


def _google(env: Mapping[str, str]) -> Iterator[str]:
    if env.get(_GOOGLE_VARIABLE):
        # Google's tools look no further, there or not.
        if Path(env[_GOOGLE_VARIABLE]).expanduser().is_file():
            yield _GOOGLE_VARIABLE
        return
    folder = env.get("CLOUDSDK_CONFIG") or _home(env) / ".config" / "gcloud"
    file = Path(folder) / "application_default_credentials.json"
    if file.is_file():
        yield str(file)


def _home(env: Mapping[str, str]) -> Path:
    return Path(env.get("HOME") or "~").expanduser()


_PLACES: dict[AuthStyle, Callable[[Mapping[str, str]], Iterator[str]]] = {"aws-sigv4": _aws, "google-adc": _google}
# What to do where there are none.
_REMEDIES: dict[AuthStyle, str] = {
    "aws-sigv4": "in place of the token AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "google-adc": "set GOOGLE_APPLICATION_CREDENTIALS to a service account's file",
}
