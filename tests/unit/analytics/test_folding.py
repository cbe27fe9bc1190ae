"""What the views say is what the records say, however they came in and whatever is folded and sealed."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.analytics.filled import NOW_S, Filled, begun, records
from tests.unit.analytics.oracle import Sums, dimensions, expected

from wideband.metering.record import Generation
from wideband.store.archive import Archive
from wideband.store.cubes import CUBES, Cube
from wideband.store.keeping import Keeping
from wideband.store.upkeep import Upkeep
from wideband.wire import jsons

HOUR_S, DAY_S = 3600, 86_400
WIDTHS = ("minute", "hour", "day", "month")
ALWAYS_KEPT_S = 400 * DAY_S


def shown(archive: Archive, cube: Cube, width: str, names: Sequence[str], since_s: int) -> Sums:
    """Return what a view says since an instant; sums of nothing are left out."""
    table = archive.read(
        f'SELECT * REPLACE (epoch("at")::BIGINT AS "at") FROM {cube.name}_{width} WHERE epoch("at") >= {since_s}'
    )
    sums: Sums = {}
    for row in table.rows:
        values = dict(zip(table.columns, row, strict=True))
        counts = sums.setdefault((values["at"], *(values[name] for name in names)), Counter())
        for name, value in values.items():
            if name in cube.histograms:
                counts.update({f"{name}[{bucket}]": count for bucket, count in value.items()})
            elif name in cube.sums:
                counts[name] += value
    return {key: +counts for key, counts in sums.items()}


def check(archive: Archive, given: Sequence[Generation], now_s: int, widths: Sequence[str] = ()) -> None:
    """Compare every view, as far back as it has to reach, with the records."""
    for cube in CUBES:
        names = dimensions(cube.name, given)
        for width, keep_s in cube.keep_s.items():
            if widths and width not in widths:
                continue
            since_s = now_s - min(keep_s or ALWAYS_KEPT_S, ALWAYS_KEPT_S)
            since_s += -since_s % (DAY_S if width == "day" else HOUR_S)
            want = expected(cube.name, width, given, since_s)
            have = shown(archive, cube, width, names, since_s)
            assert have.keys() == want.keys(), (cube.name, width)
            for key, counts in want.items():
                known = {name: count for name, count in have[key].items() if name in counts or "[" in name}
                assert known == counts, (cube.name, width, key)


def test_unfolded_records_count_at_once(filled: Filled) -> None:
    check(filled.archive, filled.records, NOW_S)


def test_the_oracle_tells_a_difference(filled: Filled) -> None:
    with pytest.raises(AssertionError):
        check(filled.archive, filled.records[1:], NOW_S)


def append(archive: Archive, given: Sequence[Generation]) -> None:
    archive.append([jsons.encode(record) for record in given])


@pytest.mark.parametrize("seed", range(2))
def test_any_order_of_batches_folds_and_seals_gives_the_same(tmp_path: Path, seed: int) -> None:
    """Records come in batches with doubles and late ones, while hours are folded, days sealed, the process dies."""
    chance = random.Random(seed)
    given = records(60, seed=seed, days=3)
    waiting = sorted(given, key=lambda record: record.created_ns + chance.choice((0, 0, 0, 2 * 86_400 * 10**9)))
    archive = begun(tmp_path, Keeping(hot_days=chance.choice((0, 1, 2))))
    upkeep = Upkeep(archive)
    shipped: list[Generation] = []
    now_s = NOW_S - 3 * DAY_S
    while waiting:
        count = chance.randrange(10, 30)
        batch, waiting = waiting[:count], waiting[count:]
        append(
            archive,
            chance.sample(
                [*batch, *chance.sample(shipped, min(5, len(shipped))), batch[0]],
                k=len(batch) + min(5, len(shipped)) + 1,
            ),
        )
        shipped += batch
        now_s = max(now_s, max(record.created_ns for record in batch) // 10**9)
        step = chance.choice(
            (upkeep.fold, upkeep.seal, upkeep.tidy, upkeep.tidy, upkeep.rebuild, lambda _: archive.close())
        )
        step(now_s)
        check(archive, shipped, now_s, chance.sample(WIDTHS, 2))
    Upkeep(archive).tidy(NOW_S + 10 * DAY_S)
    check(archive, given, NOW_S + 10 * DAY_S)
    assert archive.totals([]) == (len(given), 0, sum(record.cost_nano for record in given))
    assert archive.read("SELECT count(*), count(DISTINCT id) FROM record").rows == [(len(given), len(given))]
    archive.close()
