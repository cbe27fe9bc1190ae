"""Cubes: records added up by minute, hour, day and month, and the views that queries read."""

from collections.abc import Iterator

from wideband.store.cubes import CUBES, Cube
from wideband.store.tables import written

_VIEW = "CREATE OR REPLACE VIEW {view} AS {select}"
_RAW = """
    SELECT date_trunc('{width}', "at") AS "at", {dimensions}, {measures} FROM {source} WHERE {span} GROUP BY ALL
"""


def measures(cube: Cube) -> str:
    """Write what is added up, over records."""
    sums = [f'coalesce({sql}, 0)::BIGINT AS "{name}"' for name, sql in cube.sums.items()]
    maps = [
        f'coalesce(histogram({sql})::MAP(INTEGER, BIGINT), MAP {{}}::MAP(INTEGER, BIGINT)) AS "{name}"'
        for name, sql in cube.histograms.items()
    ]
    return ", ".join(sums + maps)


def raw(cube: Cube, width: str, source: str, span: str) -> str:
    """Write the rows of a cube, added up from the records of a span."""
    dimensions = ", ".join(f'{sql} AS "{name}"' for name, sql in cube.dimensions.items())
    return written(_RAW, width=width, dimensions=dimensions, measures=measures(cube), source=source, span=span)


def views() -> Iterator[str]:
    """Write the views that queries read."""
    yield written(_VIEW, view="record", select="FROM generation")
    for cube in CUBES:
        source = "generation" if cube.source == "generation" else '"try"'
        for width in cube.keep_s:
            yield written(_VIEW, view=f"{cube.name}_{width}", select=raw(cube, width, source, "true"))
