"""Puts together who may see the site, from the settings and the people of the home."""

from wideband.config import Settings
from wideband.config.entrance import client_secret
from wideband.site.gate import Door, Rules
from wideband.site.oidc import Provider
from wideband.site.origins import Origins, is_loopback
from wideband.site.peoplepages import PeoplePages
from wideband.site.sessions import Sessions
from wideband.site.signin import Keepers, SignIn
from wideband.site.visit import House
from wideband.store.attempts import Attempts
from wideband.store.database import LOCAL_ACCOUNT
from wideband.store.people import PeopleRoom


def door(settings: Settings, house: House, people: PeopleRoom) -> Door:
    """Return the gate of a server. Raises `Faulted` for settings that make no sense."""
    terms, oidc = settings.site, settings.oidc
    origins = Origins(terms.url, terms.trusted_proxies)
    keepers = Keepers(people, Attempts(settings.home), Sessions(people, terms, origins), origins)
    provider = Provider(oidc, client_secret(oidc), keepers) if oidc.issuer else None
    signing = SignIn(keepers, has_provider=provider is not None)
    rules = Rules(terms, is_loopback(settings.host), LOCAL_ACCOUNT, oidc.issuer)
    pages = (*PeoplePages(keepers, oidc.issuer).pages, *(provider.pages if provider is not None else ()))
    return Door(house, keepers, signing, rules, pages)
