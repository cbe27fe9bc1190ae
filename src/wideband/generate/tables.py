"""The world as tables of DuckDB, where records are drawn from it."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from wideband.canon.faults import RULES, FaultKind
from wideband.catalog.rows import Price, Rates
from wideband.generate.rhythm import QUARTERS, REGIONS, WEEK, quarters
from wideband.generate.rows import World
from wideband.pricing.windows import in_window, resolve
from wideband.store.tables import written
from wideband.wire import jsons

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SLOTS = 256
_MINUTE_NS = 60_000_000_000
_LONG = 10_000_000

_MESSAGES = {
    FaultKind.PROVIDER_ERROR: "The provider failed (simulated).",
    FaultKind.PROVIDER_OVERLOADED: "The provider is overloaded (simulated).",
    FaultKind.PROVIDER_RATE_LIMITED: "The provider takes no more requests now (simulated).",
    FaultKind.PROVIDER_TIMEOUT: "The provider said nothing in time (simulated).",
    FaultKind.PROVIDER_UNREACHABLE: "The provider could not be reached (simulated).",
    FaultKind.PROVIDER_CUT: "The answer broke off (simulated).",
    FaultKind.CANCELLED: "The caller left (simulated).",
    FaultKind.INVALID_REQUEST: "The request could not be understood (simulated).",
    FaultKind.CONTEXT_LENGTH: "The prompt is too long (simulated).",
    FaultKind.PAYMENT_REQUIRED: "The account has no credits left (simulated).",
    FaultKind.RATE_LIMITED: "Too many requests (simulated).",
}
# What the provider's own status is, and how long it takes to say so, in ms.
_TRIED: dict[FaultKind, tuple[int, float]] = {
    FaultKind.PROVIDER_ERROR: (500, 380.0),
    FaultKind.PROVIDER_OVERLOADED: (503, 240.0),
    FaultKind.PROVIDER_RATE_LIMITED: (429, 130.0),
    FaultKind.PROVIDER_TIMEOUT: (0, 20_000.0),
    FaultKind.PROVIDER_UNREACHABLE: (0, 900.0),
}


def fill(db: "DuckDBPyConnection", world: World) -> None:
    """Make the tables of a world. Places of rows (`no`) count from 0."""
    kinds = {kind.name: no for no, kind in enumerate(world.kinds)}
    suppliers = {row.slug: no for no, row in enumerate(world.suppliers)}
    products = {row.id: no for no, row in enumerate(world.products)}
    _table(db, "kind", _numbered(world.kinds, "tags", "dialects"))
    _table(
        db, "week", ({"rhythm": r, "weekday": d, "factor": f} for r, week in WEEK.items() for d, f in enumerate(week))
    )
    _table(db, "clock", _clock())
    _table(db, "region", _regions())
    _table(db, "tag", _slots((kinds[kind.name], kind.tags) for kind in world.kinds))
    _table(db, "voice", _slots((kinds[kind.name], kind.dialects) for kind in world.kinds))
    _table(db, "supplier", _numbered(world.suppliers))
    _table(db, "product", _numbered(world.products, "fits"))
    fits = [
        {"product": products[row.id], "kind": kinds[name], "fit": fit}
        for row in world.products
        for name, fit in row.fits.items()
    ]
    _table(db, "fit", fits)
    _offerings(db, world, products, suppliers)
    apps = [row | {"kind": kinds[row["kind"]]} for row in _numbered(world.apps)]
    _table(db, "app", apps)
    _table(db, "held", _numbered(world.keys))
    _table(db, "incident", [row | {"supplier": suppliers[row["provider"]]} for row in _numbered(world.incidents)])
    _table(db, "fault", _faults())


_FROM_JSON = """
    CREATE OR REPLACE TEMP TABLE {name} AS
    SELECT unnest(from_json(getvariable('rows')::JSON, getvariable('shape')), max_depth := 2)
"""


_PICK = """
    CREATE OR REPLACE TEMP TABLE pick AS
    SELECT product, place, places, unnest(range(from_slot, to_slot)) AS slot FROM picking
"""


def _table(db: "DuckDBPyConnection", name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Make a table of rows; its types are told by JSON."""
    text = jsons.encode(list(rows)).decode()
    db.execute("SET VARIABLE rows = $1", [text])
    shape = db.execute("SELECT json_structure(getvariable('rows')::JSON)").fetchall()[0][0]
    db.execute("SET VARIABLE shape = $1", [shape.replace("UBIGINT", "BIGINT")])
    db.execute(written(_FROM_JSON, name=name))
    db.execute("RESET VARIABLE rows")


def _numbered(rows: Sequence[msgspec.Struct], *besides: str) -> list[dict[str, Any]]:
    """Return rows with their places; pairs are two columns."""
    found = []
    for no, row in enumerate(rows):
        fields: dict[str, Any] = {"no": no}
        for name, value in msgspec.structs.asdict(row).items():
            if name in besides:
                continue
            if isinstance(value, tuple):
                fields[f"{name}_first"], fields[f"{name}_last"] = value
            else:
                fields[name] = value
        found.append(fields)
    return found


def _slots(rows: Iterable[tuple[int, Mapping[str, float]]]) -> list[dict[str, Any]]:
    """Return for each row's place, `SLOTS` times, a word in proportion to its weight."""
    found = []
    for no, weights in rows:
        whole, upto, at = sum(weights.values()), 0.0, 0
        for word, weight in weights.items():
            upto += weight
            last = round(SLOTS * upto / whole)
            found += [{"of": no, "slot": slot, "word": word} for slot in range(at, last)]
            at = last
    return found


def _clock() -> list[dict[str, Any]]:
    """Return how much of a day has come at the end of each quarter of an hour, by rhythm and region."""
    found = []
    for rhythm in WEEK:
        for region, (_, ahead_h) in enumerate(REGIONS):
            weights, upto = quarters(rhythm, ahead_h), 0.0
            for quarter in range(QUARTERS):
                share = weights[quarter] / sum(weights)
                upto += share
                row = {"rhythm": rhythm, "region": region, "quarter": quarter, "share": share}
                # Rounding must leave nobody without a time.
                found.append(row | {"upto": 1.0 if quarter == QUARTERS - 1 else upto})
    return found


def _regions() -> list[dict[str, Any]]:
    """Return which share of people lives in each region or one before it."""
    shares = [share for share, _ in REGIONS]
    return [{"region": region, "upto": sum(shares[: region + 1])} for region in range(len(shares))]


def _offerings(db: "DuckDBPyConnection", world: World, products: dict[str, int], suppliers: dict[str, int]) -> None:
    rows: list[dict[str, Any]] = []
    rates: list[dict[str, Any]] = []
    by_product: dict[int, list[int]] = {}
    for no, offering in enumerate(world.offerings):
        place = by_product.setdefault(products[offering.model], [])
        window, long_from = _conditions(offering.price)
        rows.append(
            {
                "no": no,
                "id": offering.id,
                "product": products[offering.model],
                "place": len(place),
                "supplier": suppliers[offering.provider],
                "ttft_ms": offering.ttft_ms,
                "tokens_per_s": offering.tokens_per_s,
                "failing": offering.failing,
                "window_from": window[0],
                "window_to": window[1],
                "long_from": long_from,
            }
        )
        place.append(no)
        rates += [{"offering": no} | row for row in _rates(offering.price)]
    _table(db, "offering", rows)
    _table(db, "rate", rates)
    _table(db, "picking", _picks(world, by_product))
    db.execute(_PICK)


def _picks(world: World, by_product: dict[int, list[int]]) -> list[dict[str, Any]]:
    """Share a model's requests out to its endpoints as routing does: by the square of how cheap they are."""
    found = []
    for product, places in by_product.items():
        rows = [world.offerings[no] for no in places]
        weights = [(1e9 / max(1, _blended(row.price.base))) ** 2 * (1 - row.failing) for row in rows]
        upto = [round(SLOTS * sum(weights[: place + 1]) / sum(weights)) for place in range(len(weights))]
        found += [
            {"product": product, "place": place, "places": len(weights), "from_slot": begins, "to_slot": ends}
            for place, (begins, ends) in enumerate(pairwise([0, *upto]))
        ]
    return found


def _blended(rates: Rates) -> int:
    return rates.prompt * 3 + rates.completion


def _conditions(price: Price) -> tuple[tuple[int, int], int]:
    """Return the minutes of the day in which other rates hold, and the length above which others do."""
    windows = [(o.utc_start, o.utc_end) for o in price.overrides if o.utc_start is not None and o.utc_end is not None]
    lengths = [o.min_prompt_tokens for o in price.overrides if o.min_prompt_tokens is not None]
    return (windows[0] if windows else (0, 0)), (lengths[0] if lengths else _LONG)


def _rates(price: Price) -> list[dict[str, Any]]:
    """Return the rates in and out of the window, for short prompts and long ones."""
    found: list[dict[str, Any]] = []
    timed = [override for override in price.overrides if override.utc_start is not None]
    for minute in range(24 * 60 if timed else 1):
        inside = any(in_window(override, minute * _MINUTE_NS) for override in timed)
        if any(row["inside"] == inside for row in found):
            continue
        for long in (False, True):
            rates = resolve(price, minute * _MINUTE_NS, _LONG + 1 if long else 0)
            found.append({"inside": inside, "long": long, **_rate(rates)})
    return found


def _rate(rates: Rates) -> dict[str, Any]:
    return {
        "prompt_rate": rates.prompt,
        "completion_rate": rates.completion,
        "read_rate": rates.prompt if rates.cache_read is None else rates.cache_read,
        "write_rate": rates.prompt if rates.cache_write is None else rates.cache_write,
        "caches": rates.cache_read is not None,
        "writes": rates.cache_write is not None,
        "request_rate": rates.request,
        "rates": jsons.encode(msgspec.structs.asdict(rates)).decode(),
    }


def _faults() -> list[dict[str, Any]]:
    found = []
    for kind, message in _MESSAGES.items():
        status, wait_ms = _TRIED.get(kind, (200, 0.0))
        found.append(
            {
                "kind": kind.value,
                "status": RULES[kind].status,
                "message": message,
                "try_status": status,
                "down": RULES[kind].counts_as_down,
                "wait_ms": wait_ms,
            }
        )
    return found
