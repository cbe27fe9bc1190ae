"""What a query answers, in values that survive a socket and JSON: numbers, texts, lists and unix seconds."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from wideband.store.base import Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Columns of these types are plain already.
_PLAIN = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UINTEGER", "DOUBLE", "FLOAT", "BOOLEAN", "VARCHAR", "JSON"}
_EPOCH = datetime.fromtimestamp(0, UTC)
_SECOND = timedelta(seconds=1)
_LEAST, _MOST = -(2**63), 2**64


def table(found: "DuckDBPyConnection") -> Table:
    """Return the whole answer of a statement that has been executed."""
    described = found.description or ()
    odd = [at for at, column in enumerate(described) if str(column[1]) not in _PLAIN]
    rows: list[tuple[Any, ...]] = found.fetchall()
    if odd:
        for number, row in enumerate(rows):
            values = list(row)
            for at in odd:
                values[at] = plain(values[at])
            rows[number] = tuple(values)
    return Table(tuple(column[0] for column in described), rows)


def plain(value: Any) -> Any:
    """Return a value as a number, a text, a list or a mapping; an instant as its unix second."""
    if isinstance(value, int):
        return value if _LEAST <= value < _MOST else float(value)
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    convert = _CONVERSIONS.get(type(value))
    return value if convert is None else convert(value)


def _number(value: Decimal) -> int | float:
    return plain(int(value)) if value == value.to_integral_value() else float(value)


def _second(value: datetime) -> int:
    # DuckDB's instants have a zone or are UTC.
    return ((value if value.tzinfo else value.replace(tzinfo=UTC)) - _EPOCH) // _SECOND


_CONVERSIONS: dict[type, Callable[[Any], Any]] = {
    Decimal: _number,
    datetime: _second,
    date: date.isoformat,
    time: time.isoformat,
    timedelta: lambda span: span / _SECOND,
    UUID: str,
}
