"""What the settings of the site and of signing in by a provider have to be to make sense."""

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from wideband.accounts.people import OidcTerms
from wideband.catalog.tables import Place, Problem
from wideband.config.outside import environment

_SCHEMES = ("http", "https")


def check_entrance(values: Mapping[str, Mapping[str, Any]], problems: list[Problem]) -> None:
    """Note what is wrong with `[site]` and `[oidc]`."""
    site, oidc = values.get("site", {}), values.get("oidc", {})
    _check_site(site, Place(table="site", nth=0, problems=problems))
    if oidc:
        _check_oidc(oidc, site, Place(table="oidc", nth=0, problems=problems))


def client_secret(terms: OidcTerms, environ: Mapping[str, str] | None = None) -> str:
    """Return the secret that this server shows the provider; empty where it has none."""
    return environment(environ).get(terms.client_secret_env, "") if terms.client_secret_env else ""


def _check_site(site: Mapping[str, Any], place: Place) -> None:
    url = _parts(site.get("url", ""))
    if site.get("url") and (url.scheme not in _SCHEMES or not url.hostname or url.path not in ("", "/") or url.query):
        place.note("url", "must be the address people open, like https://wideband.example.com")
    for nth, text in enumerate(site.get("trusted_proxies", ())):
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            place.note(f"trusted_proxies[{nth}]", f"`{text}` is neither an address nor a network like 10.0.0.0/8")
    for field in ("idle_days", "session_days"):
        if not 0 < site.get(field, 1.0) <= 366:
            place.note(field, "must be more than nothing and at most 366 days")


def _check_oidc(oidc: Mapping[str, Any], site: Mapping[str, Any], place: Place) -> None:
    issuer = _parts(oidc.get("issuer", ""))
    if issuer.scheme != "https" and not (issuer.scheme == "http" and _is_loopback(issuer.hostname or "")):
        place.note("issuer", "must be an https:// address (http:// only on this machine)")
    if issuer.query or issuer.fragment or issuer.username:
        place.note("issuer", "must have no query, fragment or user in it")
    if not oidc.get("client_id"):
        place.note("client_id", "is missing: it is what the provider calls this server")
    if not site.get("url"):
        place.note("issuer", "needs `[site] url`, the address that the provider sends people back to")
    if "openid" not in oidc.get("scopes", ("openid",)):
        place.note("scopes", "must hold `openid`")
    who = ("admins", "members", "viewers", "roles")
    if not any(oidc.get(name) for name in who) and oidc.get("default_role", "deny") == "deny":
        place.note("default_role", "nobody could sign in: name admins, members, viewers or roles, or a default_role")


def _parts(url: str) -> SplitResult:
    """Return the parts of an address; of what is none, empty ones."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
