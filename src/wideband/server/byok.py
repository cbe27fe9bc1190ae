"""The routes of accounts' own provider keys; their secrets come in and are never shown."""

import asyncio
from difflib import get_close_matches
from typing import Any

import msgspec
from starlette.requests import Request

from wideband.accounts.ownkeys import OwnKey
from wideband.accounts.rows import Key
from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.catalog.rows import Catalogue
from wideband.gateway.exchange import Exchange, has_address
from wideband.server.body import read_form
from wideband.server.listing import DEFAULT_PAGE, whole_number
from wideband.server.shapes import iso
from wideband.store.ownkeys import OwnKeyChange, OwnKeyRoom

Row = dict[str, Any]
Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class ByokForm(msgspec.Struct, frozen=True, kw_only=True):
    """The body of POST and PATCH, as OpenRouter's. What stands here and is not listed is ignored."""

    provider: str | Unset = UNSET
    key: str | Unset = UNSET
    name: str | Unset | None = UNSET
    disabled: bool | Unset = UNSET
    is_fallback: bool | Unset = UNSET
    is_byok_only: bool | Unset = UNSET
    is_required: bool | Unset = UNSET
    allowed_models: list[str] | Unset | None = UNSET
    allowed_api_key_hashes: list[str] | Unset | None = UNSET
    allowed_user_ids: list[str] | Unset | None = UNSET

    @property
    def always(self) -> bool | Unset:
        """Whether the exchange's own key is kept out: two words of OpenRouter's, one where no key lists models."""
        return self.is_required if self.is_byok_only is UNSET else self.is_byok_only


class ByokRoutes:
    """Handlers over the own keys of a home; each returns the JSON of its answer."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @property
    def _room(self) -> OwnKeyRoom:
        if self._exchange.own_keys is None:
            raise Faulted(Fault(kind=FaultKind.UNAVAILABLE, message="This server keeps no provider keys of accounts."))
        return self._exchange.own_keys

    async def all(self, request: Request, key: Key) -> Row:
        """List the keys of an account, oldest first."""
        kept = await asyncio.to_thread(self._room.kept, key.account_id)
        wanted = request.query_params.get("provider")
        rows = [row for row in byok_objects(kept) if wanted in (None, row["provider"])]
        offset = whole_number(request.query_params, "offset", 0, 0)
        limit = whole_number(request.query_params, "limit", DEFAULT_PAGE, 1)
        return {"data": rows[offset : offset + limit], "total_count": len(rows)}

    async def one(self, request: Request, key: Key) -> Row:
        """Show one key."""
        return {"data": await self._shown(request.path_params["id"], key)}

    async def add(self, request: Request, key: Key) -> Row:
        """Take a key in."""
        form = await _form(request)
        if not isinstance(form.provider, str) or not isinstance(form.key, str):
            missing = "key" if isinstance(form.provider, str) else "provider"
            raise invalid(f"A provider key needs a `{missing}`.", missing)
        check_provider(form.provider, self._exchange.known or self._exchange.catalogue)
        new = OwnKey(
            id="",
            account_id=key.account_id,
            provider=form.provider,
            label="",
            sealed=b"",
            created_ns=0,
            name=form.name or None,
            disabled=form.disabled is True,
            fallback=form.is_fallback is True,
            always=form.always is True,
        )
        added = await asyncio.to_thread(self._room.add, new, form.key)
        return {"data": await self._shown(added.id, key)}

    async def change(self, request: Request, key: Key) -> Row:
        """Change a key, or put a new secret in its place."""
        form = await _form(request)
        change = OwnKeyChange(
            name=form.name, disabled=form.disabled, fallback=form.is_fallback, always=form.always, secret=form.key
        )
        wanted = request.path_params["id"]
        if await asyncio.to_thread(self._room.change, key.account_id, wanted, change) is None:
            raise _missing(wanted)
        return {"data": await self._shown(wanted, key)}

    async def remove(self, request: Request, key: Key) -> Row:
        """Remove a key."""
        wanted = request.path_params["id"]
        if not await asyncio.to_thread(self._room.remove, key.account_id, wanted):
            raise _missing(wanted)
        return {"deleted": True}

    async def _shown(self, wanted: str, key: Key) -> Row:
        for row in byok_objects(await asyncio.to_thread(self._room.kept, key.account_id)):
            if row["id"] == wanted:
                return row
        raise _missing(wanted)


def byok_objects(keys: list[OwnKey]) -> list[Row]:
    """Show an account's keys as OpenRouter does, with their places among those at the same provider."""
    places: dict[str, int] = {}
    rows = []
    for key in keys:
        place = places[key.provider] = places.get(key.provider, -1) + 1
        rows.append(
            {
                "id": key.id,
                "provider": key.provider,
                "label": key.label,
                "name": key.name,
                "disabled": key.disabled,
                "is_fallback": key.fallback,
                "is_byok_only": key.always,
                "is_required": key.always,
                "sort_order": place,
                "allowed_models": None,
                "allowed_api_key_hashes": None,
                "allowed_user_ids": None,
                "declared_region": None,
                "declared_zdr": None,
                "workspace_id": key.account_id,
                "created_at": iso(key.created_ns),
                "updated_at": None if key.updated_ns is None else iso(key.updated_ns),
            }
        )
    return rows


def check_provider(slug: str, known: Catalogue) -> None:
    """Refuse what no key of an account can open. Raises `Faulted` (invalid_request)."""
    row = known.providers.get(slug)
    if row is None:
        near = get_close_matches(slug, known.providers, n=3, cutoff=0.5)
        hint = f" Did you mean {', '.join(f'`{one}`' for one in near)}?" if near else ""
        raise invalid(f"No provider `{slug}` is in the catalogue.{hint}", "provider")
    if not has_address(row):
        message = f"`{slug}` has an address only where the server's environment says which: {row.base_url}"
        raise invalid(message, "provider")
    if row.auth == "none":
        raise invalid(f"`{slug}` takes no key.", "provider")


async def _form(request: Request) -> ByokForm:
    form = await read_form(request, ByokForm, "the fields of a provider key")
    for field in ("allowed_models", "allowed_api_key_hashes", "allowed_user_ids"):
        if isinstance(getattr(form, field), list):
            # Passing over it would give the key to more than it was meant for.
            raise invalid(f"`{field}` is not known here: a provider key is for all of its account's requests.", field)
    return form


def _missing(key_id: str) -> Faulted:
    message = f"No provider key with the id `{key_id[:64]}` exists in this account."
    return Faulted(Fault(kind=FaultKind.NOT_FOUND, message=message))
