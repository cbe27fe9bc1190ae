"""Lists of the catalogue: filters, order and pages, as OpenRouter's queries ask for them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.catalog.latest import latest_names
from wideband.catalog.money import usd_per_token
from wideband.catalog.rows import Catalogue, Endpoint, Model
from wideband.gateway import metadata
from wideband.pricing.shapes import architecture_object, endpoint_object, model_object, provider_object
from wideband.routing.auto import ROUTERS, find_router
from wideband.routing.health import Health
from wideband.routing.variants import find_model, listed

DEFAULT_PAGE, MAX_PAGE = 500, 1000
MAX_DIGITS = 15
# 0 is operational; below it an endpoint is asked later than others.
_STATUS = {"healthy": 0, "half_open": -1, "resting": -2}

Row = dict[str, Any]
Query = Mapping[str, str]


def _words(text: str) -> set[str]:
    return {word.strip() for word in text.split(",") if word.strip()}


def _price(row: Row, kind: str) -> float:
    return float(row["pricing"][kind]) * 1e6


# Query parameter -> whether a row stays.
_FILTERS: dict[str, Callable[[Row, str], bool]] = {
    "q": lambda row, text: text.lower() in f"{row['id']} {row['name']}".lower(),
    "supported_parameters": lambda row, text: _words(text) <= set(row["supported_parameters"]),
    "input_modalities": lambda row, text: _words(text) <= set(row["architecture"]["input_modalities"]),
    "output_modalities": lambda row, text: (
        text == "all" or bool(_words(text) & set(row["architecture"]["output_modalities"]))
    ),
    "model_authors": lambda row, text: row["id"].partition("/")[0].removeprefix("~") in _words(text),
    "context": lambda row, text: (row["context_length"] or 0) >= float(text),
    "min_price": lambda row, text: _price(row, "prompt") >= float(text),
    "max_price": lambda row, text: _price(row, "prompt") <= float(text),
    "min_output_price": lambda row, text: _price(row, "completion") >= float(text),
    "max_output_price": lambda row, text: _price(row, "completion") <= float(text),
}

# `sort` -> (key, descending). Those that need traffic come with the analytics.
_SORTS: dict[str, tuple[Callable[[Row], Any], bool]] = {
    "newest": (lambda row: row["created"], True),
    "pricing-low-to-high": (lambda row: _price(row, "prompt") + _price(row, "completion"), False),
    "pricing-high-to-low": (lambda row: _price(row, "prompt") + _price(row, "completion"), True),
    "context-high-to-low": (lambda row: row["context_length"] or 0, True),
}


def models(
    catalogue: Catalogue, query: Query, at_ns: int, routers: Iterable[Model] = (), *, latest: bool = False
) -> list[Row]:
    """Return the models a query asks for, those that answer with text unless it says otherwise, and then routers.

    With `latest` the names follow that stand for the newest of several. Raises `Faulted` (invalid_request) for a value
    that cannot be read.
    """
    query = {"output_modalities": "text", **query}
    rows = [
        model_object(model, catalogue.endpoints.get(name, ()), at_ns)
        for name, model in catalogue.models.items()
        if catalogue.endpoints.get(name)
    ]
    # Nobody has named a price for what may turn out to be any of them.
    routed = [model_object(router, (), at_ns) for router in routers if rows]
    rows += [*routed, *(_latest(catalogue, rows) if latest else ())]
    for name, keep in _FILTERS.items():
        if text := query.get(name):
            try:
                rows = [row for row in rows if keep(row, text)]
            except ValueError:
                raise invalid(f"`{name}` must be a number, not `{text}`.", name) from None
    if sort := query.get("sort"):
        if sort not in _SORTS:
            raise invalid(f"`sort` is `{sort}`; it can be {', '.join(_SORTS)}.", "sort")
        key, descending = _SORTS[sort]
        rows.sort(key=key, reverse=descending)
    return rows


def _latest(catalogue: Catalogue, rows: list[Row]) -> list[Row]:
    """Return a row for each `~author/family-latest` whose family has more than one model here: its target's."""
    by_id = {row["id"]: row for row in rows}
    served = {alias: id_ for alias, id_ in catalogue.latest.items() if id_ in by_id}
    targets = frozenset(served.values())
    with_older = latest_names(catalogue.models[id_] for id_ in by_id if id_ not in targets)
    return [
        by_id[id_]
        | {
            "id": alias,
            "name": f"{by_id[id_]['name']} (latest)",
            "display_name": f"{by_id[id_]['name']} (latest)",
            "alias_target": {"name": by_id[id_]["name"], "slug": id_},
            "links": {"details": f"/api/v1/models/{alias}/endpoints"},
        }
        for alias, id_ in served.items()
        if alias in with_older
    ]


def page(rows: list[Row], path: str, query: Query) -> tuple[list[Row], Row]:
    """Return one page and its links; without `offset` and `limit` everything is one page."""
    if "offset" not in query and "limit" not in query:
        return rows, {"next": None}
    offset = whole_number(query, "offset", 0, 0)
    limit = min(whole_number(query, "limit", DEFAULT_PAGE, 1), MAX_PAGE)
    end = offset + limit
    following = f"{path}?offset={end}&limit={limit}" if end < len(rows) else None
    return rows[offset:end], {"next": following}


def whole_number(query: Query, name: str, default: int, least: int) -> int:
    """Return a whole number of the query. Raises `Faulted` (invalid_request)."""
    text = query.get(name)
    if text is None:
        return default
    # More digits than any list has rows are more than `int` takes.
    if not text.isdecimal() or len(text) > MAX_DIGITS or int(text) < least:
        raise invalid(f"`{name}` must be a whole number, {least} or more, not `{text[:40]}`.", name)
    return int(text)


def model(catalogue: Catalogue, name: str, at_ns: int) -> Row:
    """Return one model. Raises `Faulted` (not_found)."""
    found, id_, rows = _listed(catalogue, name)
    if id_ != found.id and not rows:
        raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message=f"Nobody serves `{id_}`.", param="model"))
    return model_object(msgspec.structs.replace(found, id=id_), rows, at_ns)


def endpoints(catalogue: Catalogue, health: Health, name: str, at_ns: int) -> Row:
    """Return a model's endpoints with what is known of their health. Raises `Faulted` (not_found)."""
    found, id_, rows = _listed(catalogue, name)
    return {
        "id": id_,
        "name": found.name,
        "created": found.created_s,
        "description": found.description,
        "architecture": architecture_object(found),
        "endpoints": [
            endpoint_object(endpoint, at_ns, _stats(health, endpoint.id, at_ns), found.name) for endpoint in rows
        ],
    }


def _stats(health: Health, endpoint_id: str, at_ns: int) -> Row:
    """Return what the health board knows, in the public names; percentiles are over the last half hour."""
    speeds, total = health.percentiles(endpoint_id, 30, at_ns), health.total(endpoint_id, 30, at_ns)
    return {
        "status": _STATUS[health.standing(endpoint_id, at_ns)],
        "uptime_last_5m": health.uptime(endpoint_id, 5, at_ns),
        "uptime_last_30m": health.uptime(endpoint_id, 30, at_ns),
        "uptime_last_1d": health.uptime(endpoint_id, 24 * 60, at_ns),
        "latency_last_30m": None if speeds.latency_ms is None else msgspec.structs.asdict(speeds.latency_ms),
        "throughput_last_30m": None if speeds.throughput is None else msgspec.structs.asdict(speeds.throughput),
        "tool_call_error_rate_30m": _bad_share(total.tool_calls),
        "structured_output_error_rate_30m": _bad_share(total.structured),
        "cache_hit_rate_30m": _share(total.cached_tokens, total.prompt_tokens),
        "rate_limited_30m": _share(total.limits, total.tries + total.limits),
        "effective_pricing_30m": _effective(total.charged_nano, total.prompt_tokens + total.completion_tokens),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _bad_share(verdicts: Mapping[str, int]) -> float | None:
    judged = sum(verdicts.values())
    return _share(judged - verdicts.get("valid", 0), judged)


def _effective(charged_nano: int, tokens: int) -> Row | None:
    """Return what a token, of a prompt or of an answer, was charged on the average, in USD."""
    return {"per_token": usd_per_token(charged_nano * 1_000_000 // tokens)} if tokens else None


def providers(catalogue: Catalogue) -> list[Row]:
    """Return the providers that serve something now."""
    serving = {endpoint.provider.slug for rows in catalogue.endpoints.values() for endpoint in rows}
    return [provider_object(row) for slug, row in catalogue.providers.items() if slug in serving]


def _listed(catalogue: Catalogue, name: str) -> tuple[Model, str, Sequence[Endpoint]]:
    """Return the model of a name, its id with the variant that is listed apart, and the endpoints under that id."""
    if (router := find_router(name, catalogue)) is not None:
        return ROUTERS[router[0]].model, router[0], ()
    named = find_model(name, catalogue)
    if named is None:
        message = metadata.unknown_model(name, catalogue).message
        raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message=message, param="model"))
    return catalogue.models[named.model], *listed(named, catalogue)
