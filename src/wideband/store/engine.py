"""DuckDB, loaded when it is first needed: that takes 0.1 s, a tenth of the time that a start may take."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def engine() -> ModuleType:
    """Return the library."""
    import duckdb  # noqa: PLC0415  see above

    return duckdb


def connect(database: str = ":memory:", *, read_only: bool = False, **config: Any) -> "DuckDBPyConnection":
    """Open a database. Raises `duckdb.Error`."""
    made: DuckDBPyConnection = engine().connect(database, read_only=read_only, config=config)
    return made
