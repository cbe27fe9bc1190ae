"""Rows joined into a catalogue: every endpoint with its provider, and what it leaves unsaid taken from its model."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID, uuid5

from wideband.catalog.latest import latest_names
from wideband.catalog.reading import Sheet
from wideband.catalog.rows import Catalogue, Endpoint, EndpointRow, Model, Provider, Rates

# Ours alone: endpoint ids must be the same on every machine and at every start.
_NAMESPACE = UUID("6f0c3f0e-5f0b-5d0e-9a53-7769646562e5")


def catalogue(sheet: Sheet, extra: Iterable[Endpoint] = (), usable: Iterable[str] | None = None) -> Catalogue:
    """Join a sheet and further endpoints; with `usable`, of these providers (slugs) and the models they serve only.

    A model's endpoints are in order of price, cheapest first.
    """
    slugs = sheet.providers.keys() if usable is None else frozenset(usable)
    by_model: dict[str, list[Endpoint]] = {}
    for row in sheet.endpoints.values():
        if row.provider in slugs:
            by_model.setdefault(row.model, []).append(
                _join(row, sheet.providers[row.provider], sheet.models.get(row.model))
            )
    for endpoint in extra:
        if usable is None or endpoint.provider.slug in slugs:
            by_model.setdefault(endpoint.model, []).append(endpoint)
    named = sheet.models.keys() if usable is None else ()
    models = {id_: sheet.models.get(id_) or _unnamed(by_model[id_][0]) for id_ in {**by_model, **dict.fromkeys(named)}}
    return Catalogue(
        providers={slug: provider for slug, provider in sheet.providers.items() if slug in slugs},
        models=models,
        endpoints={id_: tuple(sorted(endpoints, key=_cheapest)) for id_, endpoints in by_model.items()},
        aliases=sheet.aliases,
        native=_native(by_model),
        latest=latest_names(models[id_] for id_ in by_model),
    )


def widened(usable: Catalogue, known: Catalogue, slugs: Collection[str]) -> Catalogue:
    """Return a usable catalogue with what further providers (slugs) serve, of those that are known."""
    # Rows that nobody new serves stay the same ones: what is remembered of them holds.
    by_model = dict(usable.endpoints)
    for id_, endpoints in known.endpoints.items():
        if more := [endpoint for endpoint in endpoints if endpoint.provider.slug in slugs]:
            by_model[id_] = tuple(sorted([*by_model.get(id_, ()), *more], key=_cheapest))
    models = {id_: usable.models.get(id_) or known.models[id_] for id_ in by_model}
    return Catalogue(
        providers=usable.providers | {slug: known.providers[slug] for slug in slugs},
        models=models,
        endpoints=by_model,
        aliases=usable.aliases,
        native=_native(by_model),
        latest=latest_names(models.values()),
    )


def _native(by_model: Mapping[str, Sequence[Endpoint]]) -> dict[str, str]:
    """Return what providers call models, but the names under which they serve different ones."""
    names: dict[str, set[str]] = {}
    for id_, endpoints in by_model.items():
        for endpoint in endpoints:
            names.setdefault(endpoint.upstream_model, set()).add(id_)
    return {name: next(iter(ids)) for name, ids in names.items() if len(ids) == 1 and name not in by_model}


def endpoint_id(provider: str, model: str, tag: str) -> str:
    """Return the id of an endpoint: the same three names always give the same UUID."""
    return str(uuid5(_NAMESPACE, f"{provider}\n{model}\n{tag}"))


def _join(row: EndpointRow, provider: Provider, model: Model | None) -> Endpoint:
    modalities = row.input_modalities or (model.input_modalities if model else None)
    return Endpoint(
        id=endpoint_id(row.provider, row.model, row.tag),
        provider=provider,
        model=row.model,
        upstream_model=row.upstream_model,
        tag=row.tag,
        price=row.price,
        context_length=row.context_length or (model.context_length if model else None),
        max_output=row.max_output or (model.max_output if model else None),
        quantization=row.quantization,
        input_modalities=modalities,
        supported_parameters=row.supported_parameters,
        quirks=row.quirks,
        cache_ttl_s=row.cache_ttl_s,
        simulated=row.simulated,
    )


def _unnamed(endpoint: Endpoint) -> Model:
    """Return the row of a model that is only known by an endpoint."""
    return Model(
        id=endpoint.model,
        name=endpoint.model.partition("/")[2],
        context_length=endpoint.context_length,
        max_output=endpoint.max_output,
        input_modalities=endpoint.input_modalities,
        supported_parameters=tuple(sorted(endpoint.supported_parameters or ())),
    )


def _cheapest(endpoint: Endpoint) -> tuple[int, str]:
    rates: Rates = endpoint.price.base
    return rates.prompt + rates.completion, endpoint.tag
