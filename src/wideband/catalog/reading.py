"""TOML tables to rows: `[[provider]]`, `[[model]]`, `[[endpoint]]` and `[aliases]`, ours and a user's alike.

It takes parsed documents and gives rows and problems; it opens no file and knows no line numbers.
"""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any

import msgspec

from wideband.catalog.pricetables import read_price
from wideband.catalog.rows import AuthStyle, Carriage, DataPolicy, EndpointRow, Model, Price, Provider, Rates
from wideband.catalog.tables import Place, Problem, nearest, once, read_fields, tables_of
from wideband.catalog.voices import (
    Words,
    check_dialect,
    check_quirks,
    check_voices,
    default_auth,
    following,
    read_base_url,
    read_voices,
)

_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*")
_MODEL_ID = re.compile(r"[^\s/]+/\S+")
_Seconds = Annotated[int, msgspec.Meta(ge=1)]


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """Rows by what they are known by: slug, model id, (provider, model, tag), alias."""

    providers: dict[str, Provider] = {}
    models: dict[str, Model] = {}
    endpoints: dict[tuple[str, str, str], EndpointRow] = {}
    aliases: dict[str, str] = {}


class _ProviderTable(msgspec.Struct, kw_only=True):
    slug: str
    name: str
    dialect: str
    base_url: str
    auth: AuthStyle
    key_env: str | tuple[str, ...]
    key: str
    headers: dict[str, str]
    quirks: frozenset[str]
    also: dict[str, dict[str, Any]]
    by_author: dict[str, str]
    carriage: Carriage
    data_policy: DataPolicy
    headquarters: str
    datacenters: tuple[str, ...]
    privacy_policy_url: str
    terms_of_service_url: str
    status_page_url: str
    cache_ttl_s: _Seconds
    stops_billing: bool
    local: bool


class _ModelTable(msgspec.Struct, kw_only=True):
    id: str
    name: str
    description: str
    created_s: int
    context_length: int
    max_output: int
    input_modalities: tuple[str, ...]
    output_modalities: tuple[str, ...]
    supported_parameters: tuple[str, ...]
    tokenizer: str
    open_weights: bool
    knowledge_cutoff: str
    hugging_face_id: str
    reasoning: bool


class _EndpointTable(msgspec.Struct, kw_only=True):
    provider: str
    model: str
    upstream_model: str
    tag: str
    price: dict[str, Any]
    context_length: int
    max_output: int
    quantization: str
    input_modalities: tuple[str, ...]
    supported_parameters: frozenset[str]
    quirks: frozenset[str]
    cache_ttl_s: _Seconds


def read_sheet(document: Mapping[str, Any], known: Sheet, words: Words) -> tuple[Sheet, list[Problem]]:
    """Return the known rows with a document's laid over them, and everything wrong with the document.

    A row of a known slug, id or endpoint changes the fields it gives and keeps the others.
    """
    problems: list[Problem] = []
    providers, seen = dict(known.providers), set[str]()
    for place, table in tables_of(document, "provider", problems):
        provider = _provider(table, providers, words, place)
        if provider is not None:
            once(provider.slug, seen, "slug", place)
            providers[provider.slug] = provider
    models = dict(known.models)
    for place, table in tables_of(document, "model", problems):
        model = _model(table, models, place)
        if model is not None:
            once(model.id, seen, "id", place)
            models[model.id] = model
    endpoints, taken = dict(known.endpoints), set[str]()
    for place, table in tables_of(document, "endpoint", problems):
        row = _endpoint(table, endpoints, providers, words, place)
        if row is not None:
            once(f"{row.model} at {row.tag}", taken, "model", place)
            endpoints[row.provider, row.model, row.tag] = row
    sheet = Sheet(providers=providers, models=models, endpoints=endpoints, aliases=dict(known.aliases))
    sheet.aliases.update(_aliases(document.get("aliases", {}), sheet, problems))
    return sheet, problems


def _provider(
    table: Mapping[str, Any], providers: Mapping[str, Provider], words: Words, place: Place
) -> Provider | None:
    values = read_fields(table, _ProviderTable, place)
    slug = values.get("slug", "")
    if not _SLUG.fullmatch(slug):
        place.note("slug", "needs a name of small letters, digits, dots and dashes")
        return None
    known = providers.get(slug)
    check_quirks(values, words, place)
    if "dialect" in values:
        check_dialect(values["dialect"], "dialect", words, place)
    if "key" in values and "key_env" in values:
        place.note("key", "give `key` or `key_env`, not both")
    if isinstance(values.get("key_env"), str):
        values["key_env"] = (values["key_env"],)
    packed = (values.get("carriage") or (known.carriage if known else None)) is not None
    if "base_url" in values:
        dialect = values.get("dialect") or (known.dialect if known else "")
        values["base_url"] = read_base_url(values["base_url"], "" if packed else dialect, place)
    if "also" in values:
        values["also"] = read_voices(values["also"], words, place, packed=packed)
    elif known is not None and "base_url" in values:
        values["also"] = following(known)
    provider = _new_provider(table, values, place) if known is None else _changed(known, values)
    if provider is not None:
        check_voices(provider, place)
    return provider


def _changed(known: Provider, values: dict[str, Any]) -> Provider:
    if known.auth == "none" and ("key" in values or "key_env" in values):
        values.setdefault("auth", default_auth(values.get("dialect", known.dialect)))
    return msgspec.structs.replace(known, **values)


def _new_provider(table: Mapping[str, Any], values: dict[str, Any], place: Place) -> Provider | None:
    required = ("dialect", "base_url")
    for name in required:
        if name not in table:
            place.note(name, f"a new provider needs `{name}`")
    if not all(name in values for name in required):
        return None
    has_key = "key" in values or "key_env" in values
    values.setdefault("auth", default_auth(values["dialect"]) if has_key else "none")
    return Provider(**{"name": values["slug"], **values})


def _model(table: Mapping[str, Any], models: Mapping[str, Model], place: Place) -> Model | None:
    values = read_fields(table, _ModelTable, place)
    id_ = values.get("id", "")
    if not _MODEL_ID.fullmatch(id_):
        place.note("id", "needs a model id such as `author/slug`")
        return None
    known = models.get(id_) or Model(id=id_, name=id_.partition("/")[2])
    return msgspec.structs.replace(known, **values)


def _endpoint(
    table: Mapping[str, Any],
    endpoints: Mapping[tuple[str, str, str], EndpointRow],
    providers: Mapping[str, Provider],
    words: Words,
    place: Place,
) -> EndpointRow | None:
    values = read_fields(table, _EndpointTable, place)
    provider, model = values.get("provider", ""), values.get("model", "")
    if provider not in providers:
        place.note("provider", f"`{provider}` is no provider{nearest(provider, providers)}")
    if not _MODEL_ID.fullmatch(model):
        place.note("model", "needs a model id such as `author/slug`")
    tag = values.setdefault("tag", provider)
    if tag.partition("/")[0] != provider:
        place.note("tag", f"must be `{provider}` or begin with `{provider}/`")
    check_quirks(values, words, place)
    if "price" in values:
        values["price"] = read_price(values["price"], place)
    if provider not in providers or not _MODEL_ID.fullmatch(model):
        return None
    known = endpoints.get((provider, model, tag))
    if known is not None:
        return msgspec.structs.replace(known, **values)
    return EndpointRow(**{"upstream_model": model, "price": Price(base=Rates()), **values})


def _aliases(table: Any, sheet: Sheet, problems: list[Problem]) -> dict[str, str]:
    place = Place(table="aliases", nth=0, problems=problems)
    if not isinstance(table, Mapping):
        place.note("", 'write `[aliases]` and below it lines such as fast = "author/slug"')
        return {}
    served = sheet.models.keys() | {model for _, model, _ in sheet.endpoints}
    # Whose models only show while they run: servers on this machine, and the simulated market.
    local = {slug for slug, provider in sheet.providers.items() if provider.local} | {"sandbox"}
    for name, target in table.items():
        if not isinstance(target, str):
            place.note(name, "must be a model id in quotes")
        elif target not in served and target.partition("/")[0] not in local:
            place.note(name, f"`{target}` is no model{nearest(target, served)}")
    return {name: target for name, target in table.items() if isinstance(target, str)}


def unknown_tables(document: Mapping[str, Any], known: Collection[str]) -> list[Problem]:
    """Return a problem for each top-level name that is none of the known."""
    return [
        Problem(table=name, nth=0, field="", text=f"unknown table{nearest(name, known)}")
        for name in document
        if name not in known
    ]
