"""The shipped catalogue: our rows joined with the installed price lists, built once and kept as JSON.

Building imports the price lists (a quarter of a second, 50 MB); loading what was kept takes milliseconds.
"""

import os
import tomllib
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from wideband import __version__, clock
from wideband.catalog.families import Family, Oddity, PeakDays, with_families, with_oddities, with_peak_days
from wideband.catalog.importer import import_prices
from wideband.catalog.reading import Sheet, read_sheet
from wideband.catalog.rows import EndpointRow, Model, Provider
from wideband.catalog.voices import Words
from wideband.config.errors import ConfigError, Fix, located
from wideband.config.outside import shipped
from wideband.config.pricelists import installed_version, price_lists
from wideband.wire import jsons

PROVIDERS_FILE = "providers.toml"
MODELS_FILE = "models.toml"


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """A sheet as it is kept on disk. From the day `stale_from` on (YYYY-MM-DD) its prices are no longer right."""

    providers: tuple[Provider, ...]
    models: tuple[Model, ...]
    endpoints: tuple[EndpointRow, ...]
    aliases: dict[str, str]
    stale_from: str | None = None


def load_snapshot(home: Path, words: Words) -> Sheet:
    """Return the shipped rows, from the cache below `home` when it is good, else built and kept there."""
    path = home / "cache" / f"catalogue-{installed_version()}-{_fingerprint()}.json"
    kept = _read(path)
    if kept is None or (kept.stale_from is not None and kept.stale_from <= _today()):
        kept = build(price_lists(), _today(), words)
        _write(path, kept)
    return Sheet(
        providers={provider.slug: provider for provider in kept.providers},
        models={model.id: model for model in kept.models},
        endpoints={(row.provider, row.model, row.tag): row for row in kept.endpoints},
        aliases=kept.aliases,
    )


def build(lists: list[dict[str, Any]], day: str, words: Words) -> _Kept:
    """Join the shipped rows with price lists as of a day. Raises `ConfigError` when a shipped row is wrong."""
    sheet = _read_shipped(PROVIDERS_FILE, Sheet(), words)
    imported = import_prices(lists, day)
    shipped_models = _document(MODELS_FILE)
    families = msgspec.convert(shipped_models.get("family", []), list[Family])
    peak_days = msgspec.convert(shipped_models.get("peak_days", []), list[PeakDays])
    oddities = msgspec.convert(shipped_models.get("oddity", []), list[Oddity])
    _refuse_unknown_quirks(oddities, words)
    rows = with_oddities(with_peak_days(imported.endpoints, peak_days), oddities)
    sheet = Sheet(
        providers=sheet.providers,
        models=with_families(imported.models, families),
        endpoints={(row.provider, row.model, row.tag): row for row in rows if row.provider in sheet.providers},
    )
    sheet = _read_shipped(MODELS_FILE, sheet, words)
    return _Kept(
        providers=tuple(sheet.providers.values()),
        models=tuple(sheet.models.values()),
        endpoints=tuple(sheet.endpoints.values()),
        aliases=sheet.aliases,
        stale_from=imported.next_change,
    )


def _read_shipped(name: str, known: Sheet, words: Words) -> Sheet:
    sheet, problems = read_sheet(_document(name), known, words)
    if problems:
        raise ConfigError(located(problems, Path(name), shipped(name)))
    return sheet


def _refuse_unknown_quirks(oddities: list[Oddity], words: Words) -> None:
    named = frozenset().union(*(oddity.quirks for oddity in oddities))
    unknown = sorted(named.difference(words.quirks))
    if unknown:
        raise ConfigError([Fix(MODELS_FILE, 0, "[[oddity]]", "quirks", f"`{quirk}` is no quirk") for quirk in unknown])


def _document(name: str) -> dict[str, Any]:
    return tomllib.loads(shipped(name))


def _fingerprint() -> str:
    rows = "\0".join((__version__, shipped(PROVIDERS_FILE), shipped(MODELS_FILE)))
    return sha256(rows.encode()).hexdigest()[:16]


def _today() -> str:
    return datetime.fromtimestamp(clock.now_ns() / 1e9, UTC).strftime("%Y-%m-%d")


def _read(path: Path) -> _Kept | None:
    try:
        return jsons.decode_as(path.read_bytes(), _Kept)
    except (OSError, jsons.DecodeError):
        # Not there yet, or half written by a machine that went down: either way it is built again.
        return None


def _write(path: Path, kept: _Kept) -> None:
    """Keep a snapshot for the next start; a home that cannot be written only costs time."""
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(jsons.encode(kept))
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
