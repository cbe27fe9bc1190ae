"""Presets: what a name stands for in requests beside a model, as operators write it and as it is kept."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any

import msgspec

from wideband.canon.faults import Faulted, invalid
from wideband.catalog.tables import Place, Problem, once, read_fields, tables_of
from wideband.dialects.bodies import Heat, Natural, Penalty, Positive, Unit

# What stands before a preset's name where a model's is expected: `@preset/support`, `acme/big@preset/support`.
MARK = "@preset/"
LONGEST_SLUG = 80
_SLUG = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{LONGEST_SLUG - 1}}}")
_UNSHOWN = ("slug", "name", "description", "system_prompt")


class Preset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a preset; None and empty say nothing.

    Fields are spelled as in a body of Chat Completions and mean what they mean there. `cache_enabled` switches the
    response cache for its requests, answers living for `cache_ttl_seconds`.
    """

    slug: str
    name: str | None = None
    description: str | None = None
    system_prompt: str | None = None
    model: str | None = None
    models: tuple[str, ...] = ()
    provider: dict[str, Any] = {}
    plugins: tuple[dict[str, Any], ...] = ()
    max_tokens: Positive = None
    temperature: Heat = None
    top_p: Unit = None
    top_k: Natural = None
    min_p: Unit = None
    top_a: Unit = None
    frequency_penalty: Penalty = None
    presence_penalty: Penalty = None
    repetition_penalty: Heat = None
    seed: int | None = None
    stop: str | tuple[str, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    cache_enabled: bool | None = None
    cache_ttl_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)] | None = None

    @property
    def config(self) -> dict[str, Any]:
        """What it says beside its names and its system prompt, as OpenRouter shows it."""
        said: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in said.items() if name not in _UNSHOWN}


# The fields of a Chat Completions body that a preset may hold.
FIELDS = frozenset(Preset.__struct_fields__) - frozenset(_UNSHOWN)


class Shelf:
    """The presets of the settings file, the same for every account."""

    def __init__(self, rows: Mapping[str, Preset] | None = None) -> None:
        self.rows = dict(rows or {})

    def find(self, _account_id: str, slug: str, /) -> Preset | None:
        return self.rows.get(slug)

    def names(self, _account_id: str, /) -> Collection[str]:
        return self.rows


def make_preset(fields: Mapping[str, Any]) -> Preset:
    """Return a preset of plain JSON. Raises `Faulted` (invalid_request) naming the field that is wrong."""
    try:
        preset = msgspec.convert(fields, Preset)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("`$.")[2].rstrip("`") if "`$." in str(error) else None
        raise invalid(f"The preset cannot be kept: {error}.", field) from None
    if trouble := _trouble(preset):
        raise invalid(f"`{trouble[0]}` {trouble[1]}.", trouble[0])
    return preset


def read_presets(
    document: Mapping[str, Any], problems: list[Problem], check: Callable[[Preset], None]
) -> dict[str, Preset]:
    """Return the `[[preset]]` tables of a file by slug. `check` raises `Faulted` for what only routing can tell."""
    presets: dict[str, Preset] = {}
    seen: set[str] = set()
    for place, table in tables_of(document, "preset", problems):
        preset = _read(table, place, check)
        if preset is not None:
            once(preset.slug, seen, "slug", place)
            presets[preset.slug] = preset
    return presets


def _read(table: Mapping[str, Any], place: Place, check: Callable[[Preset], None]) -> Preset | None:
    before = len(place.problems)
    values = read_fields(table, Preset, place)
    preset = Preset(**{"slug": "", **values})
    if trouble := _trouble(preset):
        place.note(*trouble)
    if len(place.problems) > before:
        return None
    try:
        check(preset)
    except Faulted as error:
        place.note(error.fault.param or "", error.fault.message)
        return None
    return preset


def _trouble(preset: Preset) -> tuple[str, str] | None:
    """Return the field that makes no preset, and why."""
    if not _SLUG.fullmatch(preset.slug):
        return "slug", f"needs a name of at most {LONGEST_SLUG} small letters, digits, dots and dashes"
    for field, names in (("model", (preset.model or "",)), ("models", preset.models)):
        if any(MARK in name for name in names):
            return field, "names another preset; a preset names models only"
    return None
