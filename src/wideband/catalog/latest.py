"""Names that stay while versions pass: `~author/family-latest` stands for the newest model of a family.

A model's family is its id without what tells its version: numbers (`4.5`, `v3.1`, `k2`, `qwen3`), dates (`0905`,
`2512`, `2024-05-13`) and the words `preview`, `exp` and `latest`. Sizes (`70b`, `128k`) and all other words belong to
it. The newest is the one created last; where that is not known, the one with the highest version, then the latest date.
Versions are compared as decimal numbers, as their authors count (Grok 4.20 came before 4.3).
"""

import re
from collections.abc import Iterable

from wideband.catalog.rows import Model

Age = tuple[int, tuple[float, ...], tuple[int, ...], str]

_DAY = re.compile(r"-(20\d\d)-(\d\d)-(\d\d)(?=-|$)")
_DATE = re.compile(r"\d{4}|\d{6}|\d{8}")
_SIZE = re.compile(r"[a-z]?\d+(?:\.\d+)?[bkmt]")
# One letter before a number is part of the version ("v3.1"), one behind it tells another family ("4.6v").
_VERSION = re.compile(r"[a-z]?(\d+(?:\.\d+)*)([a-z]?)")
_NAMED_VERSION = re.compile(r"([a-z]+)(\d+(?:\.\d+)*)")
_PASSING = frozenset({"preview", "exp", "latest"})


def latest_names(models: Iterable[Model]) -> dict[str, str]:
    """Return `~author/family-latest` for each family, with the id of its newest model."""
    newest: dict[str, Age] = {}
    for model in models:
        family, version, date = _read(model.id)
        age = model.created_s, version, date, model.id
        if family not in newest or newest[family] < age:
            newest[family] = age
    return {f"~{family}-latest": age[-1] for family, age in newest.items()}


def _read(id_: str) -> tuple[str, tuple[float, ...], tuple[int, ...]]:
    """Return a model's family, version and date; the first word always belongs to the family."""
    author, _, slug = id_.rpartition("/")
    first, *others = _DAY.sub(r"-\1\2\3", slug.lower()).split("-")
    words, version, date = [first], list[float](), list[int]()
    if named := _NAMED_VERSION.fullmatch(first):
        words, version = [named[1]], [_number(named[2])]
    for word in others:
        if word in _PASSING:
            continue
        if _DATE.fullmatch(word):
            date.append(int(word))
        elif not _SIZE.fullmatch(word) and (told := _VERSION.fullmatch(word)):
            version.append(_number(told[1]))
            words += filter(None, [told[2]])
        else:
            words.append(word)
    return f"{author}/{'-'.join(words)}", tuple(version), tuple(date)


def _number(text: str) -> float:
    whole, _, rest = text.partition(".")
    return float(f"{whole}.{rest.replace('.', '')}")
