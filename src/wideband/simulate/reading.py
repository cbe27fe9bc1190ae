"""Market files: TOML tables to rows, with everything that is wrong with them told at once; and the built-in markets."""

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import msgspec

from wideband.catalog.pricetables import read_price
from wideband.catalog.tables import Place, Problem, listed, nearest, once, read_fields, tables_of
from wideband.simulate.rows import FAULTS, Demand, Modelled, World

_TABLES = ("about", "demand", "provider")
# What has to be more than nothing, and what is a share.
_POSITIVE = (
    *("ttft_s", "tokens_per_s", "prefill_tokens_per_s", "requests_per_s", "hours", "every_s", "for_s", "concurrent"),
    *("agent_turns", "agent_prompt_tokens", "agent_turn_tokens", "agent_output_tokens", "chat_prompt_tokens"),
    *("chat_output_tokens", "factor", "slower", "block_tokens", "agent_pause_s"),
)
_NOT_NEGATIVE = (
    *("ttft_spread", "speed_spread", "retry_after_s", "lifetime_s", "min_tokens", "at_s", "start_hour", "warm_up_s"),
)
_SHARES = ("bad_tool_calls", "agent_share", "swing", "share", "hit")


def names() -> list[str]:
    """Return the names of the built-in markets."""
    return sorted(file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml"))


def text_of(name: str) -> str:
    """Return a built-in market's file. Raises KeyError."""
    if name not in names():
        raise KeyError(name)
    return _folder().joinpath(f"{name}.toml").read_text(encoding="utf-8")


def built_in(name: str) -> World:
    """Return a built-in market. Raises KeyError."""
    world, problems = read_world(name, tomllib.loads(text_of(name)))
    if world is None:
        raise AssertionError(f"{name}: {problems}")
    return world


def _folder() -> Traversable:
    return files("wideband.simulate").joinpath("markets")


def read_world(name: str, document: Mapping[str, Any]) -> tuple[World | None, list[Problem]]:
    """Return the market of a parsed file, None where something is wrong with it, and what that is."""
    problems: list[Problem] = []
    top = Place(table="the file", nth=0, problems=problems)
    for key in document:
        if key not in _TABLES:
            top.note(key, f"unknown table{nearest(key, _TABLES)}")
    demand = _demand(document.get("demand", {}), Place(table="demand", nth=0, problems=problems))
    providers: list[Modelled] = []
    seen: set[str] = set()
    for place, table in tables_of(document, "provider", problems):
        row = _provider(table, place)
        if row is not None:
            once(row.name, seen, "name", place)
            providers.append(row)
    if not document.get("provider"):
        top.note("", "needs at least one [[provider]]")
    about = document.get("about", "")
    if not isinstance(about, str):
        top.note("about", "must be a string")
    if problems or demand is None:
        return None, problems
    return World(name=name, about=about, demand=demand, providers=tuple(providers)), problems


def _demand(table: Any, place: Place) -> Demand | None:
    if not isinstance(table, Mapping):
        place.note("", "must be a table")
        return None
    values = read_fields(table, Demand, place)
    _check("", values, place)
    return None if place.problems else Demand(**values)


def _provider(table: Mapping[str, Any], place: Place) -> Modelled | None:
    values = read_fields({key: value for key, value in table.items() if key != "price"}, Modelled, place)
    price = table.get("price")
    if not isinstance(price, Mapping):
        place.note("price", 'needs a table of USD per million tokens, such as { prompt = "0.30", completion = "1.20" }')
    else:
        values["price"] = read_price(price, place)
    if "name" not in table:
        place.note("name", "is missing")
    _check("", values, place)
    for key in ("capacity", "cache", "breaks"):
        if values.get(key) is not None:
            _check(f"{key}.", msgspec.structs.asdict(values[key]), place)
    for key in ("outages", "peaks"):
        for at, row in enumerate(values.get(key, ())):
            _check(f"{key}[{at}].", msgspec.structs.asdict(row), place)
    _check_faults(values, place)
    capacity = values.get("capacity")
    if capacity is not None and (capacity.concurrent is None) == (capacity.requests_per_s is None):
        place.note("capacity", "needs either `concurrent` or `requests_per_s`")
    mine = [problem for problem in place.problems if (problem.table, problem.nth) == (place.table, place.nth)]
    return None if mine else Modelled(**values)


def _check(path: str, values: Mapping[str, Any], place: Place) -> None:
    """Note the numbers that are out of their range."""
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if key in _POSITIVE and not 0 < value < float("inf"):
            place.note(path + key, "must be more than 0")
        elif key in _NOT_NEGATIVE and not 0 <= value < float("inf"):
            place.note(path + key, "must not be negative")
        elif key in _SHARES and not 0 <= value <= 1:
            place.note(path + key, "is a share: between 0 and 1")
        elif key in ("from_hour", "to_hour") and not 0 <= value <= 24:
            place.note(path + key, "is an hour of the day: between 0 and 24")


def _check_faults(values: Mapping[str, Any], place: Place) -> None:
    words = [("faults", word) for word in values.get("faults", ())]
    rows: Iterable[Any] = (*values.get("outages", ()), *((values["breaks"],) if values.get("breaks") else ()))
    words += [("outages", row.fault) for row in rows]
    for field, word in words:
        if word not in FAULTS:
            place.note(field, f"`{word}` is no fault; known are {listed(FAULTS)}")
    shares = values.get("faults", {}).values()
    if not all(share >= 0 for share in shares) or sum(shares) > 1:
        place.note("faults", "are shares of the tries: none negative, together at most 1")
