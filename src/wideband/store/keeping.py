"""How records are kept for analytics: what the settings say under `[analytics]`."""

from typing import Annotated

import msgspec

Natural = Annotated[int, msgspec.Meta(ge=0)]


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """Where records lie and for how long (docs/howto/analytics.md).

    A UTC day is sealed into a Parquet file of its own when it is over for `hot_days`; files older than `keep_days` are
    deleted, 0 keeps them all. What was added up of deleted days stays. `memory_limit_mb` and `threads` are what DuckDB
    may use.
    """

    hot_days: Natural = 2
    keep_days: Natural = 0
    memory_limit_mb: Annotated[int, msgspec.Meta(ge=128)] = 512
    threads: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
