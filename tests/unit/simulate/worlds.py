"""Modelled providers and runs in few words, for the simulator's tests."""

from typing import Any

from wideband.catalog.rows import Price, Rates
from wideband.simulate.rows import Demand, Modelled, World
from wideband.simulate.run import Run, Setup
from wideband.simulate.score import Result


def provider(name: str, usd: float = 0.2, **over: Any) -> Modelled:
    """Make a provider that never fails; `usd` is for a million prompt tokens, answers cost four times that."""
    rates = {"prompt": int(usd * 1e9), "completion": int(usd * 4e9)} | over.pop("rates", {})
    return Modelled(name=name, price=Price(base=Rates(**rates)), **over)


def world(*providers: Modelled, **demand: Any) -> World:
    return World(
        name="test", about="A test.", demand=Demand(**{"hours": 0.1, "warm_up_s": 10.0} | demand), providers=providers
    )


def simulate(world: World, ranker: str = "price", **over: Any) -> Result:
    return Run(Setup(world=world, ranker=ranker, **over)).go()
