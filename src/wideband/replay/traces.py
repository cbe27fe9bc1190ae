"""Traffic traces, read: when a request came, how long its prompt was, how long its answer.

Three formats: Azure's CSV (TIMESTAMP, ContextTokens, GeneratedTokens), Mooncake's JSON lines (with prefix blocks), and
plain JSON lines. Pure: it is given lines, not files.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal

import msgspec

from wideband.canon.faults import Faulted, invalid
from wideband.wire import jsons

Format = Literal["azure", "mooncake", "ndjson"]
MAX_TOKENS = 10_000_000
_MS_NS = 1_000_000


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a trace; `at_ns` counts from the trace's first request.

    `blocks` name the prompt's 512-token blocks: equal leading names are a shared prefix.
    """

    at_ns: int
    prompt_tokens: int
    completion_tokens: int
    model: str | None = None
    blocks: tuple[int, ...] = ()


class _Mooncake(msgspec.Struct):
    timestamp: float
    input_length: int
    output_length: int
    hash_ids: tuple[int, ...] = ()


class _Plain(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    at_ms: float | None = None
    timestamp: str | None = None
    model: str | None = None


def detect(first_line: str) -> Format:
    """Tell a trace's format from its first line. Raises `Faulted` when it is none of them."""
    line = first_line.lstrip("\ufeff").strip()
    if line.upper().startswith("TIMESTAMP,"):
        return "azure"
    if line.startswith("{"):
        return "mooncake" if '"input_length"' in line else "ndjson"
    raise invalid("The trace's format cannot be told from its first line; name it with --format")


def read(name: str, lines: Iterable[str], form: Format | None = None, limit: int | None = None) -> list[Arrival]:
    """Read a trace in the order of its times, at most `limit` rows. Raises `Faulted` naming `name:line`."""
    rows: list[Arrival] = []
    reader: Callable[[str], Arrival | None] | None = _READERS[form] if form else None
    for number, line in enumerate(lines, 1):
        line = line.lstrip("\ufeff").strip()
        if not line:
            continue
        try:
            reader = reader or _READERS[detect(line)]
            row = reader(line)
            if row is not None:
                rows.append(_checked(row))
        except Faulted as faulted:
            raise invalid(f"{name}:{number}: {faulted.fault.message}") from None
        if limit is not None and len(rows) >= limit:
            break
    if not rows:
        raise invalid(f"{name}: there is no request in this trace")
    return list(_from_first(rows))


def _checked(row: Arrival) -> Arrival:
    if not 0 <= row.prompt_tokens <= MAX_TOKENS or not 0 <= row.completion_tokens <= MAX_TOKENS:
        raise invalid(f"token counts must lie between 0 and {MAX_TOKENS}")
    return row


def _from_first(rows: list[Arrival]) -> Iterator[Arrival]:
    first_ns = min(row.at_ns for row in rows)
    for row in sorted(rows, key=lambda row: row.at_ns):
        yield msgspec.structs.replace(row, at_ns=row.at_ns - first_ns)


def _azure(line: str) -> Arrival | None:
    columns = [column.strip() for column in line.split(",")]
    if len(columns) != 3:
        raise invalid("a row needs TIMESTAMP, ContextTokens and GeneratedTokens")
    if columns[0].upper() == "TIMESTAMP":
        return None
    prompt, completion = _count(columns[1], "ContextTokens"), _count(columns[2], "GeneratedTokens")
    return Arrival(at_ns=_instant_ns(columns[0]), prompt_tokens=prompt, completion_tokens=completion)


def _count(text: str, column: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise invalid(f"{column} must be a whole number, not {text[:40]!r}")
    return int(text)


_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?")


def _instant_ns(text: str) -> int:
    """Read a date and time with up to nine digits of fraction; without a zone it is UTC."""
    found = _INSTANT.fullmatch(text)
    try:
        if found is None:
            raise ValueError(text)
        moment = datetime.fromisoformat(found[1] + (found[3] or ""))
    except ValueError:
        raise invalid(f"{text[:40]!r} is no date and time") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000 + int((found[2] or "0").ljust(9, "0"))


def _mooncake(line: str) -> Arrival:
    try:
        row = jsons.decode_as(line, _Mooncake)
    except jsons.DecodeError as error:
        raise invalid(f"this is no row of JSON: {error}") from None
    return Arrival(
        at_ns=round(row.timestamp * _MS_NS),
        prompt_tokens=row.input_length,
        completion_tokens=row.output_length,
        blocks=row.hash_ids,
    )


def _plain(line: str) -> Arrival:
    try:
        row = jsons.decode_as(line, _Plain)
    except jsons.DecodeError as error:
        raise invalid(f"this is no row of JSON: {error}") from None
    if (row.at_ms is None) == (row.timestamp is None):
        raise invalid("a row needs either at_ms or timestamp")
    at_ns = round(row.at_ms * _MS_NS) if row.at_ms is not None else _instant_ns(str(row.timestamp))
    return Arrival(
        at_ns=at_ns, prompt_tokens=row.prompt_tokens, completion_tokens=row.completion_tokens, model=row.model
    )


_READERS: dict[str, Callable[[str], Arrival | None]] = {"azure": _azure, "mooncake": _mooncake, "ndjson": _plain}
