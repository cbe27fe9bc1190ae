"""The routes of presets: listed, shown by version, made of inference bodies, removed."""

import asyncio
import uuid
from typing import Any

from starlette.requests import Request

from wideband.accounts.rows import Key
from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.catalog.presets import Preset
from wideband.dialects.registry import DIALECTS
from wideband.gateway.presets import preset_from_body, unknown_preset
from wideband.server.body import read_body
from wideband.server.listing import DEFAULT_PAGE, whole_number
from wideband.server.shapes import iso
from wideband.store.presets import KeptPreset, PresetRoom

MAX_BYTES = 1024 * 1024
BODY_S = 10.0
# Who made the presets that stand in the settings file.
FILE = "wideband.toml"

Row = dict[str, Any]

# What a preset can be made of: the path of an inference route -> its dialect.
SOURCES = {"chat/completions": "openai_chat", "messages": "anthropic_messages", "responses": "openai_responses"}


class PresetRoutes:
    """Handlers over the presets of a home; each returns the JSON of its answer."""

    def __init__(self, presets: PresetRoom) -> None:
        self._presets = presets

    async def all(self, request: Request, key: Key) -> Row:
        """List the presets that an account can name, its own before those of the file."""
        kept = await self._listed(key)
        offset = whole_number(request.query_params, "offset", 0, 0)
        limit = whole_number(request.query_params, "limit", DEFAULT_PAGE, 1)
        return {"data": [preset_row(each) for each in kept[offset : offset + limit]], "total_count": len(kept)}

    async def one(self, request: Request, key: Key) -> Row:
        """Show a preset with its active version."""
        versions = await self._versions(request, key)
        return {"data": preset_object(next(each for each in versions if each.is_active))}

    async def versions(self, request: Request, key: Key) -> Row:
        """List the versions of a preset, newest first."""
        versions = await self._versions(request, key)
        return {"data": [version_object(each) for each in versions], "total_count": len(versions)}

    async def version(self, request: Request, key: Key) -> Row:
        """Show one version."""
        wanted = request.path_params["version"]
        for each in await self._versions(request, key):
            if str(each.version) == wanted:
                return {"data": version_object(each)}
        message = f"The preset `{each.preset.slug}` has no version `{wanted[:40]}`."
        raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message=message, param="version"))

    async def make(self, request: Request, key: Key, dialect_name: str) -> Row:
        """Make a new version of an inference body, and the active one."""
        dialect = DIALECTS[dialect_name]
        body = await read_body(request.receive, dict(request.scope["headers"]), MAX_BYTES, BODY_S)
        preset = preset_from_body(request.path_params["slug"], dialect, body)
        kept = await asyncio.to_thread(self._presets.put, key.account_id, preset, key.hash)
        return {"data": preset_object(kept)}

    async def remove(self, request: Request, key: Key) -> Row:
        """Remove a preset of an account's with its versions."""
        slug = request.path_params["slug"]
        if not await asyncio.to_thread(self._presets.remove, key.account_id, slug):
            if slug in self._presets.shelf.rows:
                raise invalid(f"The preset `{slug}` stands in {FILE}: take it out there.", "slug")
            raise unknown_preset(slug, self._presets, key.account_id)
        return {"deleted": True}

    async def _listed(self, key: Key) -> list[KeptPreset]:
        own = await asyncio.to_thread(self._presets.kept, key.account_id)
        taken = {each.preset.slug for each in own}
        shelf = self._presets.shelf.rows
        return [*own, *(_shelved(shelf[slug]) for slug in sorted(shelf) if slug not in taken)]

    async def _versions(self, request: Request, key: Key) -> list[KeptPreset]:
        slug = request.path_params["slug"]
        kept = await asyncio.to_thread(self._presets.versions, key.account_id, slug)
        if kept:
            return kept
        if slug in self._presets.shelf.rows:
            return [_shelved(self._presets.shelf.rows[slug])]
        raise unknown_preset(slug, self._presets, key.account_id)


def _shelved(preset: Preset) -> KeptPreset:
    return KeptPreset(preset=preset, account_id=FILE, version=1, created_ns=0, creator=FILE, since_ns=0)


def _id(*names: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("wideband:presets", *names))))


def preset_row(kept: KeptPreset) -> Row:
    """Show a preset without what it says."""
    preset = kept.preset
    return {
        "id": _id(kept.account_id, preset.slug),
        "slug": preset.slug,
        "name": preset.name or preset.slug,
        "description": preset.description,
        "status": "active",
        "status_updated_at": None,
        "designated_version_id": _id(kept.account_id, preset.slug, str(kept.version)),
        "creator_user_id": None,
        "workspace_id": None,
        "created_at": iso(kept.since_ns),
        "updated_at": iso(kept.created_ns),
        "source": "file" if kept.creator == FILE else "account",
    }


def preset_object(kept: KeptPreset) -> Row:
    """Show a preset with its active version."""
    return {**preset_row(kept), "designated_version": version_object(kept)}


def version_object(kept: KeptPreset) -> Row:
    """Show one version of a preset."""
    return {
        "id": _id(kept.account_id, kept.preset.slug, str(kept.version)),
        "preset_id": _id(kept.account_id, kept.preset.slug),
        "version": kept.version,
        "system_prompt": kept.preset.system_prompt,
        "config": kept.preset.config,
        "creator_id": kept.creator,
        "created_at": iso(kept.created_ns),
        "updated_at": iso(kept.created_ns),
    }
