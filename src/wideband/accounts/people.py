"""People who may see the site: what they may do, and what settings say about who gets in."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from wideband.canon.faults import invalid

Role = Literal["viewer", "member", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "member", "admin")  # each may do what those before it may

MAX_NAME_CHARS = 200


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who may sign in: with a password, or as `subject` of an OpenID provider.

    `account_id` is whose keys and spend they may see and change; admins see all.
    """

    id: str
    name: str
    role: Role
    account_id: str
    created_ns: int
    password: str | None = None
    subject: str | None = None
    signed_in_ns: int | None = None

    def __repr__(self) -> str:
        """Show no digest."""
        return f"Profile({self.name!r}, {self.role!r})"


class SiteTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Who may see the site, and for how long a sign-in lasts (docs/howto/sign-in.md).

    `url` is its public address. Of `trusted_proxies`, addresses or networks, `X-Forwarded-Proto` and
    `X-Forwarded-For` are believed. `public_status` shows /status to everybody.
    """

    enabled: bool = True
    public_status: bool = False
    url: str = ""
    trusted_proxies: tuple[str, ...] = ()
    idle_days: float = 7.0
    session_days: float = 30.0


class OidcTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Signing in by an OpenID provider; off without an `issuer`.

    `admins`, `members` and `viewers` are verified e-mail addresses, or `@domain` for all of a domain; `roles` says
    which value of the claim `role_claim` gives which role. Who is in none gets `default_role`. The highest counts.
    """

    issuer: str = ""
    client_id: str = ""
    client_secret_env: str = ""
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    role_claim: str = "groups"
    roles: dict[str, Role] = {}
    admins: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()
    default_role: Literal["deny", "viewer", "member", "admin"] = "deny"
    account: str = "local"


def clean_name(text: str) -> str:
    """Return a name as it is compared: case and ways of writing do not count. Raises `Faulted` (invalid_request)."""
    name = unicodedata.normalize("NFKC", text).strip().casefold()
    if not name or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise invalid("A name is one line of 1 to 200 characters.", "name")
    return name


def email_of(claims: Mapping[str, Any]) -> str | None:
    """Return the e-mail address that a provider vouches for."""
    email = claims.get("email")
    verified = claims.get("email_verified") in (True, "true")
    return email.strip().casefold() if isinstance(email, str) and verified and email.count("@") == 1 else None


def role_of(claims: Mapping[str, Any], terms: OidcTerms) -> Role | None:
    """Return the highest role that what a provider says gives, None when it gives none."""
    found: list[Role] = [] if terms.default_role == "deny" else [terms.default_role]
    email = email_of(claims)
    by_email: tuple[tuple[Role, tuple[str, ...]], ...] = (
        ("admin", terms.admins),
        ("member", terms.members),
        ("viewer", terms.viewers),
    )
    found += [role for role, wanted in by_email if email is not None and any(_is(email, each) for each in wanted)]
    value = claims.get(terms.role_claim)
    values = value if isinstance(value, list) else [value]
    found += [terms.roles[one] for one in values if isinstance(one, str) and one in terms.roles]
    return max(found, key=ROLES.index, default=None)


def _is(email: str, wanted: str) -> bool:
    wanted = wanted.strip().casefold()
    if wanted.startswith("@"):
        return email[email.index("@") :] == wanted
    return email == wanted
