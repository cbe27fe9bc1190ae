"""Router models: which models stand behind `wideband/auto` and `wideband/free` for one request. Pure.

A chooser puts candidates in order. The one there is goes by rules and by what this exchange's own callers spent on the
same kind of work; one that learned to choose takes the same values and has its place in `CHOOSERS`.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal, Protocol
from zlib import crc32

import msgspec

from wideband.catalog.rows import Catalogue, Endpoint, Model
from wideband.routing.filters import is_free
from wideband.routing.preferences import tier_of
from wideband.routing.tags import TAGS, Features

Tier = Literal["low", "medium", "high", "xhigh", "max"]
Strategy = Literal["auto", "free"]

AUTO, FREE = "wideband/auto", "wideband/free"
# The names that clients of OpenRouter know them by.
_ALSO = {"openrouter/auto": AUTO, "openrouter/free": FREE}
# Cost tier -> its part of the models in the order of their price, in percent: from, up to.
TIERS: dict[str, tuple[float, float]] = {
    "low": (0, 20),
    "medium": (20, 40),
    "high": (40, 60),
    "xhigh": (60, 80),
    "max": (80, 101),
}
# The chosen one and its fallbacks.
MOST_MODELS = 4
MOST_GLOBS = 1024
# So many requests of a kind weigh as much as the rules.
_RULES_WORTH = 50
# Longer contexts than this say nothing more of a model.
_LONG_CONTEXT = 256_000
# Kinds of work for which thinking first pays.
_DEEP = frozenset({"math", "research_report", "data:analysis", "data:sql"})
# What a model has to be able to do where it is asked for: others would answer without it.
_DEMANDED = frozenset({"tools", "structured_outputs"})


class Router(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is none itself: it stands for others."""

    strategy: Strategy
    model: Model


ROUTERS: dict[str, Router] = {
    AUTO: Router(
        strategy="auto",
        model=Model(
            id=AUTO,
            name="Auto Router",
            description="Asks the model that suits the request's kind of work within a cost tier.",
            context_length=2_000_000,
            input_modalities=("text", "image", "file", "audio"),
            tokenizer="Router",
        ),
    ),
    FREE: Router(
        strategy="free",
        model=Model(
            id=FREE,
            name="Free Models Router",
            description="Asks one of the models that cost nothing and can do what the request needs.",
            context_length=200_000,
            input_modalities=("text", "image"),
            tokenizer="Router",
        ),
    ),
}


def find_router(name: str, catalogue: Catalogue) -> tuple[str, tuple[str, ...]] | None:
    """Return the id of the router that a name stands for, and the variants behind it; what bears the name is first."""
    base, *variants = name.split(":")
    found = _ALSO.get(base, base)
    if found not in ROUTERS or catalogue.bears(base):
        return None
    return found, tuple(variants)


class Figures(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A model as a candidate. `price_nano` is of a million tokens, three of four of them prompt, at its cheapest.

    `percentile` is its place by price among all models that cost something, from 0; `providers` is how many serve it,
    `is_latest` says that it is the newest of its family. None is unknown.
    """

    model: str
    price_nano: int
    percentile: float = 0.0
    is_free: bool = False
    reasoning: bool = False
    parameters: frozenset[str] | None = None
    modalities: frozenset[str] | None = None
    context_length: int | None = None
    created_s: int = 0
    is_latest: bool = False
    providers: int = 1


class TaskRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What was asked of a model for one kind of work in the last seven days."""

    tag: str
    model: str
    requests: int
    cost_nano: int
    tokens: int


class Shares(msgspec.Struct, frozen=True):
    """The traffic of one kind of work: how many requests there were, and each model's share of what they cost."""

    requests: int = 0
    by_model: dict[str, float] = {}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a chooser is told of a request, `own` being this exchange's traffic of its kind."""

    tag: str
    features: Features
    own: Shares = Shares()


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was chosen; the scores of all candidates add up to 1."""

    model: str
    score: float
    reason: str


class Chooser(Protocol):
    """Puts candidates in order, best first, with a reason each; of the order only the beginning may be asked for.

    Pure: the same arguments give the same order.
    """

    def __call__(self, question: Question, candidates: Sequence[Figures], /) -> Iterable[Choice]: ...


class Restrictions(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller permits: globs of model ids, whose `*` stands for any letters, and the cost tier."""

    allowed: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    tier: str = "low"

    @property
    def are_any(self) -> bool:
        """Say whether there is a model that may not be asked."""
        return bool(self.allowed or self.excluded)

    def permit(self, model: str) -> bool:
        """Say whether a model may be asked."""
        return not _is_among(model, self.excluded) and (not self.allowed or _is_among(model, self.allowed))


# What stands before the first star of a glob, between its stars and behind the last.
_Parts = tuple[str, tuple[str, ...], str]


@lru_cache(maxsize=16)
def _split(globs: tuple[str, ...]) -> tuple[frozenset[str], tuple[_Parts, ...]]:
    """Return the globs that are plain names, and the parts of the others."""
    parted = [glob.split("*") for glob in dict.fromkeys(globs)]
    names = frozenset(parts[0] for parts in parted if len(parts) == 1)
    return names, tuple((first, tuple(filter(None, rest[:-1])), rest[-1]) for first, *rest in parted if rest)


def _is_among(model: str, globs: tuple[str, ...]) -> bool:
    """Say whether a glob stands for a model. No regular expression: a caller's own could take any time and memory."""
    names, others = _split(globs)
    return model in names or any(
        model.startswith(first) and _ends(model, len(first), middle, last) for first, middle, last in others
    )


def _ends(model: str, at: int, middle: tuple[str, ...], last: str) -> bool:
    end = len(model) - len(last)
    if at > end or not model.endswith(last):
        return False
    for part in middle:
        at = model.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def figures_of(catalogue: Catalogue) -> tuple[Figures, ...]:
    """Return every model that answers with text and is served, by price; it holds as long as the catalogue does."""
    newest = frozenset(catalogue.latest.values())
    found = [
        _figures(model, endpoints, is_latest=name in newest)
        for name, model in catalogue.models.items()
        if model.task == "generate"
        and "text" in model.output_modalities
        and (endpoints := catalogue.endpoints.get(name))
    ]
    found.sort(key=lambda each: (each.price_nano, each.model))
    priced = [each.price_nano for each in found if each.price_nano]
    return tuple(
        msgspec.structs.replace(each, percentile=100 * bisect_left(priced, each.price_nano) / max(len(priced), 1))
        for each in found
    )


def _figures(model: Model, endpoints: Sequence[Endpoint], *, is_latest: bool) -> Figures:
    plain = [each for each in endpoints if tier_of(each) is None] or endpoints
    lengths = [each.context_length for each in plain if each.context_length is not None]
    taken = [each.supported_parameters for each in plain]
    kinds = [each.input_modalities for each in plain]
    return Figures(
        model=model.id,
        price_nano=min((3 * each.price.base.prompt + each.price.base.completion) // 4 for each in plain),
        is_free=any(is_free(each) for each in plain),
        reasoning=model.reasoning,
        parameters=_united(taken),
        modalities=_united(kinds),
        context_length=max(lengths) if lengths else model.context_length,
        created_s=model.created_s,
        is_latest=is_latest,
        providers=len({each.provider.slug for each in plain}),
    )


def _united(each: Iterable[Iterable[str] | None]) -> frozenset[str] | None:
    """Return all words of some lists; None when one of them is unknown."""
    known = list(each)
    return None if None in known else frozenset(word for words in known for word in words or ())


def is_able(figures: Figures, features: Features) -> bool:
    """Say whether a model can take a request: its parameters, its kinds of input, its length."""
    needs = features.needs & _DEMANDED
    if figures.parameters is not None and not needs <= figures.parameters:
        return False
    if figures.modalities is not None and not features.modalities <= figures.modalities:
        return False
    return figures.context_length is None or features.prompt_tokens < figures.context_length


def auto_models(
    question: Question,
    market: Sequence[Figures],
    restrictions: Restrictions,
    chooser: Chooser,
    fits: Callable[[str], bool],
) -> list[Choice]:
    """Return the model to ask and its fallbacks; none when the restrictions leave none.

    `fits` says whether an endpoint of a model passes the request's filters. Where nobody can do what is demanded, the
    others are candidates; where nobody is in the cost tier, those of the nearest are.
    """
    permitted = [each for each in market if restrictions.permit(each.model)] if restrictions.are_any else market
    for has_to_be_able in (True, False):
        for low, high in _tiers_from(restrictions.tier):
            inside = [each for each in permitted if low <= each.percentile < high]
            if has_to_be_able:
                inside = [each for each in inside if is_able(each, question.features)]
            chosen = _fitting(chooser(question, inside), fits) if inside else []
            if chosen:
                return chosen
    return []


def free_models(features: Features, market: Sequence[Figures], seed: int, fits: Callable[[str], bool]) -> list[Choice]:
    """Return models that cost nothing and can take the request, drawn by the seed; none when there are none."""
    free = [each for each in market if each.is_free]
    drawn = [each for each in free if is_able(each, features)] or free
    drawn.sort(key=lambda each: crc32(f"{seed} {each.model}".encode()))
    share = 1 / len(drawn) if drawn else 0.0
    return _fitting([Choice(model=each.model, score=share, reason="drawn by lot") for each in drawn], fits)


def _fitting(choices: Iterable[Choice], fits: Callable[[str], bool]) -> list[Choice]:
    kept: list[Choice] = []
    for choice in choices:
        if fits(choice.model):
            kept.append(choice)
            if len(kept) == MOST_MODELS:
                break
    return kept


def tier_at(percentile: float) -> str:
    """Return the cost tier of a place by price."""
    return next(name for name, (low, high) in TIERS.items() if low <= percentile < high)


def _tiers_from(tier: str) -> list[tuple[float, float]]:
    """Return all cost tiers, the asked one first, then by distance, the cheaper of two first."""
    names = list(TIERS)
    at = names.index(tier)
    return [TIERS[name] for name in sorted(names, key=lambda name: (abs(names.index(name) - at), names.index(name)))]


def by_rules(question: Question, candidates: Sequence[Figures], /) -> Iterator[Choice]:
    """Rank by what callers of this exchange spent on the same kind of work, and by rules while that is little."""
    own = question.own
    spent = {each.model: own.by_model.get(each.model, 0.0) for each in candidates}
    total = sum(spent.values())
    weight = own.requests / (own.requests + _RULES_WORTH) if total else 0.0
    rules = _prior(question, candidates)
    scores = {model: weight * share / (total or 1) + (1 - weight) * rules[model] for model, share in spent.items()}
    for model in sorted(scores, key=lambda model: (-scores[model], model)):
        reason = f"{spent[model]:.1%} of what was spent on {question.tag}, {rules[model]:.1%} by rules"
        yield Choice(model=model, score=scores[model], reason=reason)


def _prior(question: Question, candidates: Sequence[Figures]) -> Mapping[str, float]:
    """Return each candidate's share by rules.

    Better is what is the newest of its family or newer than others, what more providers care to serve, what reads
    longer prompts, calls tools and costs more within the tier; where thinking first pays, what thinks.
    """
    tag = question.tag
    thinking = 1.5 if tag in _DEEP or TAGS[tag].macro in ("code", "agent") else 0.5
    born = [each.created_s for each in candidates if each.created_s]
    oldest, span_s = (min(born), max(max(born) - min(born), 1)) if born else (0, 1)
    prices = sorted(each.price_nano for each in candidates)
    powers: dict[str, float] = {}
    for each in candidates:
        points = bisect_left(prices, each.price_nano) / len(prices) + each.is_latest + min(each.providers, 8) / 8
        points += min(each.context_length or 0, _LONG_CONTEXT) / _LONG_CONTEXT
        if each.created_s:
            points += (each.created_s - oldest) / span_s
        if each.parameters is not None and "tools" in each.parameters:
            points += 0.5
        if each.reasoning:
            points += thinking
        powers[each.model] = math.exp(2 * points)
    total = sum(powers.values())
    return {model: power / total for model, power in powers.items()}


CHOOSERS: dict[str, Chooser] = {"rules": by_rules}


def shares_of(rows: Iterable[TaskRow]) -> dict[str, Shares]:
    """Return the traffic of each kind of work; where it cost nothing, shares are of its tokens."""
    by_tag: dict[str, list[TaskRow]] = {}
    for row in rows:
        by_tag.setdefault(row.tag, []).append(row)
    found: dict[str, Shares] = {}
    for tag, own in by_tag.items():
        spent = {row.model: row.cost_nano for row in own}
        if not any(spent.values()):
            spent = {row.model: row.tokens for row in own}
        total = sum(spent.values()) or 1
        found[tag] = Shares(sum(row.requests for row in own), {model: nano / total for model, nano in spent.items()})
    return found
