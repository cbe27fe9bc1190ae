"""The search for weights: which setting of the market ranker beats each other ranker, and at which cost."""

from collections.abc import Iterable, Sequence
from itertools import product

import msgspec

from wideband.routing.policy import Weights
from wideband.simulate.compare import Mean, is_no_worse, means
from wideband.simulate.run import Setup
from wideband.simulate.score import Result

RANKER = "market"
# What is tried for each weight; each is multiplied with all others.
GRID: dict[str, tuple[float, ...]] = {
    "time": (0.25, 0.5, 1.0, 4.0),
    "edge": (16.0, 32.0),
    "explore": (0.001, 0.01),
}


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """The cheapest setting that answers as many as a baseline and makes nobody wait longer; None where there is none.

    `default` is the setting that runs have anyway.
    """

    baseline: Mean
    default: Mean
    best: Mean | None
    weights: Weights | None


def settings(base: Weights, grid: dict[str, tuple[float, ...]]) -> list[Weights]:
    """Return every setting of a grid, the base itself first."""
    tried = [
        msgspec.structs.replace(base, **dict(zip(grid, values, strict=True))) for values in product(*grid.values())
    ]
    return [base, *(each for each in tried if each != base)]


def name_of(weights: Weights, grid: Iterable[str]) -> str:
    """Write a setting as its ranker is called in results."""
    return f"{RANKER} " + " ".join(f"{name}={getattr(weights, name):g}" for name in grid)


def sweep_setups(
    setups: Sequence[Setup], baselines: Sequence[str], grid: dict[str, tuple[float, ...]]
) -> list[tuple[str, Setup]]:
    """Return what to run for markets and seeds, each under the name of its row: baselines, then every setting."""
    found = []
    for setup in setups:
        found += [(name, msgspec.structs.replace(setup, ranker=name)) for name in baselines]
        found += [
            (name_of(weights, grid), msgspec.structs.replace(setup, ranker=RANKER, weights=weights))
            for weights in settings(setup.weights, grid)
        ]
    return found


def matches(
    named: Sequence[tuple[str, Result]], base: Weights, baselines: Sequence[str], grid: dict[str, tuple[float, ...]]
) -> list[Match]:
    """Return for each market and baseline how the default and the best setting of the market ranker do beside it."""
    rows = means(msgspec.structs.replace(result, ranker=name) for name, result in named)
    weights = {name_of(each, grid): each for each in settings(base, grid)}
    default = name_of(base, grid)
    found: list[Match] = []
    for market in dict.fromkeys(row.market for row in rows):
        own = {row.ranker: row for row in rows if row.market == market}
        for name in baselines:
            if name not in own or default not in own:
                continue
            baseline = own[name]
            fit = [row for key, row in own.items() if key in weights and is_no_worse(row, baseline)]
            best = min(fit, key=lambda row: row.cost_per_1000_usd, default=None)
            found.append(
                Match(
                    baseline=baseline,
                    default=own[default],
                    best=best,
                    weights=None if best is None else weights[best.ranker],
                )
            )
    return found
