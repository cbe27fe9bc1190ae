"""The rows of a world that records are drawn from: who serves what how well, who asks, and what goes wrong when.

Times without a unit in their name are days since the first day; shares add up to anything, they are weighed.
"""

from typing import Literal

import msgspec

from wideband.catalog.rows import Price

Trouble = Literal["down", "slow", "limited"]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of use. What is a pair goes from its first value to its second over the days.

    `rhythm` says when it is used: in working hours, in the evening, or by machines all day. `prompt` and `completion`
    are medians in tokens, the `_spread`s the sigma of the log-normals around them;
    prompts grow by `growth` a month. Each turn of a session adds about
    `grows` tokens to the prompt, after about `gap_s` seconds. `caching` is the share of later turns that find their
    prompt in the provider's cache. `tags` are tasks of `routing.tags` by share.
    """

    name: str
    rhythm: Literal["work", "leisure", "machine"]
    share: tuple[float, float]
    prompt: int
    growth: float
    prompt_spread: float
    completion: int
    completion_spread: float
    turns: float
    gap_s: float
    grows: int
    tools: tuple[float, float]
    streamed: float
    caching: float
    structured: float
    dialects: dict[str, float]
    tags: dict[str, float]


class Supplier(msgspec.Struct, frozen=True, kw_only=True):
    """A provider: the dialect it is asked in, and by what its waits are multiplied in hours of the UTC day."""

    slug: str
    name: str
    dialect: str
    peak_from: int
    peak_to: int
    peak_factor: float


class Offering(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint: median time to first token and speed, and the share of its tries that fail on a quiet day."""

    id: str
    model: str
    provider: str
    price: Price
    ttft_ms: float
    tokens_per_s: float
    failing: float


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A model: how much it would be used at its best (`share`), since when, and after how many days half of it is gone.

    `fits` says by kind of use how well it suits; `core` is whether those who come while it is new stay with it.
    `valid` is the share of its tool calls that fit their schemas.
    """

    id: str
    share: float
    launched: float
    half_life: float
    context: int
    thinks: bool
    core: bool
    valid: float
    fits: dict[str, float]


class App(msgspec.Struct, frozen=True, kw_only=True):
    """A program that asks: how much it is used, for what, with which key (by its place)."""

    title: str | None
    url: str | None
    user_agent: str
    kind: str
    share: float
    key: int


class KeyHeld(msgspec.Struct, frozen=True, kw_only=True):
    """A key of an account; `byok` says that the account brings its own provider keys."""

    hash: str
    account_id: str
    byok: bool = False


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong at a provider between two instants, in days since the first; `fault` is what tries meet."""

    provider: str
    begins: float
    ends: float
    trouble: Trouble
    fault: str


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that records are drawn from. `people` is how many users there are.

    `byok_fee_permille` is charged of what a provider charges an account's own key.
    """

    products: tuple[Product, ...]
    suppliers: tuple[Supplier, ...]
    offerings: tuple[Offering, ...]
    apps: tuple[App, ...]
    keys: tuple[KeyHeld, ...]
    incidents: tuple[Incident, ...]
    kinds: tuple[Kind, ...]
    people: int
    byok_fee_permille: int = 50
