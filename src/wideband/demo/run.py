"""The demonstration from start to end: a home with a past, a server on it, traffic, outages, the books at its end."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from wideband.accounts.keys import hash_secret, label
from wideband.accounts.rows import Key
from wideband.canon.faults import invalid
from wideband.clock import now_ns
from wideband.demo.sending import Count, send
from wideband.demo.world import KEYS, world
from wideband.generate.home import fill_home
from wideband.generate.rows import KeyHeld
from wideband.generate.run import Wanted
from wideband.ids import key_secret
from wideband.replay.outages import Outage, Rounds, break_in_turn
from wideband.replay.ownserver import OwnServer
from wideband.replay.truth import Truth, of_home
from wideband.store.database import LOCAL_ACCOUNT
from wideband.store.keyring import open_keyring
from wideband.tasks import spawn

PEOPLE = 1500
CALM_S = 20.0
# Who breaks how, in turn.
ROUNDS: Rounds = [
    (("sim-gale",), "503"),
    (("sim-cinder", "sim-drift"), "500"),
    (("sim-jetty",), "429"),
    (("sim-ember",), "reset"),
    (("sim-borealis", "sim-isle"), "503"),
    (("sim-fjord",), "hang"),
]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: how much of a past, and how fast the present is. `rate` is requests a second.

    `environ` is the server's environment, without any provider's key: nothing here may cost money.
    """

    home: Path
    days: int
    records: int
    rate: float
    speedup: float
    seed: int
    port: int
    environ: Mapping[str, str]


def prepare(plan: Plan, made: Callable[[int, int], None]) -> list[str]:
    """Make the keys and the past of a new home; return the keys' secrets. Raises `Faulted` (invalid_request)."""
    plan.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A server's settings are written there, over whatever has their name.
    if any(plan.home.iterdir()):
        raise invalid(f"`{plan.home}` is not empty: name another home with --home.")
    secrets = [key_secret() for _ in KEYS]
    held = [KeyHeld(hash=hash_secret(secret), account_id=LOCAL_ACCOUNT) for secret in secrets]
    past = world(held, plan.days, plan.speedup, plan.seed, PEOPLE)
    wanted = Wanted(records=plan.records, days=plan.days, seed=plan.seed, until_s=now_ns() // 1_000_000_000)
    fill_home(plan.home, past, wanted, made, None)
    with open_keyring(plan.home) as keyring:
        for name, secret, key in zip(KEYS, secrets, held, strict=True):
            keyring.create(
                Key(hash=key.hash, account_id=LOCAL_ACCOUNT, name=name, label=label(secret), created_ns=now_ns())
            )
    return secrets


async def play(plan: Plan, secrets: list[str], count: Count, ready: Callable[[str], None]) -> Truth:
    """Serve and send until cancelled, then stop the server and count. Raises `Faulted` when it does not start."""
    async with OwnServer(plan.home, plan.speedup, plan.seed, plan.port, plan.environ) as server:
        ready(server.url)
        seen: list[Outage] = []
        tasks = [
            spawn(send(server.url, secrets, plan.rate, random.Random(plan.seed), count), name="demo-traffic"),
            spawn(break_in_turn(server.sandbox_url, ROUNDS, seen, CALM_S), name="demo-outages"),
        ]
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await server.stop()
        return await of_home(plan.home)
