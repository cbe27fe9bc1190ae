"""The market as it is on this machine: which rows there are, and which of them can be used with the keys at hand."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from wideband.catalog.joining import catalogue
from wideband.catalog.presets import Preset, read_presets
from wideband.catalog.reading import Sheet, read_sheet
from wideband.catalog.rows import Catalogue, Endpoint, Model, Provider
from wideband.catalog.tables import Problem
from wideband.catalog.voices import Words
from wideband.config.discovery import discover
from wideband.config.errors import ConfigError, Fix, located
from wideband.config.outside import environment, read_toml
from wideband.config.platforms import filled, missing_library, remedy, unset_fields, way_in
from wideband.config.settings import Settings, read_sections
from wideband.config.snapshot import load_snapshot
from wideband.dialects.quirks import QUIRKS
from wideband.dialects.registry import DIALECTS
from wideband.gateway.presets import check_preset

Rows = tuple[tuple[Provider, ...], tuple[Model, ...], tuple[Endpoint, ...]]
NO_ROWS: Rows = ((), (), ())


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A usable provider; `how` says why: the variable that holds its key, the file, or that it answers."""

    slug: str
    name: str
    how: str


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that cannot be used; `needs` lists the variables to set, `reason` says it in words.

    `named` says that the file names it: somebody counts on it.
    """

    slug: str
    name: str
    needs: tuple[str, ...]
    reason: str
    named: bool = False


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """`catalogue` holds what can be used now, `known` every row; keys are by provider slug and in no repr."""

    catalogue: Catalogue
    known: Catalogue
    provider_keys: dict[str, str]
    found: tuple[Found, ...]
    missing: tuple[Missing, ...]
    presets: dict[str, Preset] = {}

    def __repr__(self) -> str:
        return f"Market(found={[each.slug for each in self.found]}, models={len(self.catalogue.models)})"


def load_market(settings: Settings, extra_rows: Rows | None = None, environ: Mapping[str, str] | None = None) -> Market:
    """Read all rows and find out which are usable. Raises `ConfigError`.

    `extra_rows` (providers, models, endpoints) are usable as they are; a simulated row under the name of a real one is
    refused. Local servers are asked unless WIDEBAND_DISCOVER is 0.
    """
    env = environment(environ)
    sheet, named = _read_rows(settings)
    providers, models, endpoints = extra_rows or NO_ROWS
    _refuse_mixing(sheet, providers, models, endpoints)
    keys, found, missing = _with_keys(sheet.providers.values(), env, named)
    keys |= {row.slug: row.key for row in providers if row.key}
    # From here on no row holds a key.
    sheet = Sheet(
        providers={slug: _without_key(row, env) for slug, row in sheet.providers.items()}
        | {row.slug: _without_key(row, env) for row in providers},
        models=sheet.models | {row.id: row for row in models},
        endpoints=sheet.endpoints,
        aliases=sheet.aliases,
    )
    local = {} if env.get("WIDEBAND_DISCOVER") == "0" else discover(sheet.providers.values())
    found += [_answers(sheet.providers[slug], len(served)) for slug, served in local.items()]
    found += _named_locals(sheet, local)
    found += [Found(slug=row.slug, name=row.name, how="simulated") for row in providers]
    missing += [_silent(row) for row in sheet.providers.values() if row.local and row.slug not in _slugs(found)]
    extra = [*endpoints, *(served for each in local.values() for served in each if not _written(served, sheet))]
    return Market(
        catalogue=catalogue(sheet, extra, usable=_slugs(found)),
        known=catalogue(sheet, extra),
        provider_keys=keys,
        found=tuple(found),
        missing=tuple(msgspec.structs.replace(each, named=each.slug in named) for each in missing),
        presets=read_shelf(settings),
    )


def read_shelf(settings: Settings) -> dict[str, Preset]:
    """Return the presets of the settings file by name. Raises `ConfigError`."""
    if settings.config_file is None:
        return {}
    document, text = read_toml(settings.config_file)
    problems: list[Problem] = []
    presets = read_presets(document, problems, check_preset)
    if problems:
        raise ConfigError(located(problems, settings.config_file, text))
    return presets


def wants_sandbox(settings: Settings, market: Market) -> bool:
    """Say whether the simulated market belongs beside this one: asked for, or nothing else could answer."""
    mode = settings.sandbox.mode
    return mode == "on" or (mode == "auto" and not any(market.catalogue.endpoints.values()))


def _read_rows(settings: Settings) -> tuple[Sheet, frozenset[str]]:
    """Return all rows, and the slugs of the providers that the file names."""
    words = Words(dialects=DIALECTS, quirks=QUIRKS)
    sheet = load_snapshot(settings.home, words)
    if settings.config_file is None:
        return sheet, frozenset()
    document, text = read_toml(settings.config_file)
    sheet, problems = read_sheet(document, sheet, words)
    problems += read_sections(document)[1]
    if problems:
        raise ConfigError(located(problems, settings.config_file, text))
    return sheet, frozenset(row["slug"] for row in document.get("provider", ()))


def _with_keys(
    providers: Collection[Provider], env: Mapping[str, str], named: Collection[str]
) -> tuple[dict[str, str], list[Found], list[Missing]]:
    keys, found, missing = dict[str, str](), list[Found](), list[Missing]()
    for row in providers:
        variable = next((name for name in row.key_env if env.get(name)), None)
        if row.key or variable:
            keys[row.slug] = row.key or env[variable or ""]
        if row.local:
            continue
        keyed = "key in the file" if row.key else variable
        how = keyed or way_in(row, env, named=row.slug in named)
        unset = [*([] if how else row.key_env[:1]), *unset_fields(row, env)]
        library = None if keyed else missing_library(row.auth)
        if how is None or unset or library:
            missing.append(_unset(row, unset, remedy(row) if how is None else None, library))
        else:
            found.append(Found(slug=row.slug, name=row.name, how=how))
    usable = {each.slug for each in found} | {row.slug for row in providers if row.local}
    return {slug: key for slug, key in keys.items() if slug in usable}, found, missing


def _unset(row: Provider, unset: list[str], other_way: str | None, library: str | None) -> Missing:
    """Return what is missing of a provider: variables, or what does as well; `library` is a command to install it."""
    steps = [f"set {' and '.join(unset)}" if unset else None, other_way, library]
    reason = "; ".join(step for step in steps if step) or "give `key` or `key_env` in its row"
    return Missing(slug=row.slug, name=row.name, needs=tuple(unset), reason=reason)


def _written(served: Endpoint, sheet: Sheet) -> bool:
    """Tell whether the file says more about what a local server serves."""
    return (served.provider.slug, served.model, served.tag) in sheet.endpoints


def _silent(row: Provider) -> Missing:
    return Missing(slug=row.slug, name=row.name, needs=(), reason=f"nothing answers at {row.base_url}")


def _answers(row: Provider, count: int) -> Found:
    return Found(slug=row.slug, name=row.name, how=f"answers at {row.base_url} ({count} models)")


def _named_locals(sheet: Sheet, local: Mapping[str, object]) -> list[Found]:
    """Return the local providers that did not answer but for which the file names endpoints: those are believed."""
    named = {row.provider for row in sheet.endpoints.values()}
    return [
        Found(slug=row.slug, name=row.name, how="named in the file")
        for row in sheet.providers.values()
        if row.local and row.slug in named and row.slug not in local
    ]


def _without_key(row: Provider, env: Mapping[str, str]) -> Provider:
    voices = {
        name: msgspec.structs.replace(voice, base_url=filled(voice.base_url, env)) if voice.base_url else voice
        for name, voice in row.also.items()
    }
    return msgspec.structs.replace(row, key=None, base_url=filled(row.base_url, env), also=voices)


def _slugs(found: Iterable[Found]) -> frozenset[str]:
    return frozenset(each.slug for each in found)


def _refuse_mixing(
    sheet: Sheet, providers: Iterable[Provider], models: Iterable[Model], endpoints: Iterable[Endpoint]
) -> None:
    real = sheet.models.keys() | {model for _, model, _ in sheet.endpoints}
    names = [
        *(row.slug for row in providers if row.slug in sheet.providers),
        *(row.id for row in models if row.id in real),
        *(row.model for row in endpoints if row.simulated and row.model in real),
    ]
    if names:
        raise ConfigError(
            [Fix("sandbox", 0, "", name, "is a real row's name; simulated rows need their own") for name in names]
        )
