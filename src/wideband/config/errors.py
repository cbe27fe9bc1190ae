"""What is wrong with a configuration, said all at once, each fault with its file, line, row and field."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from wideband.catalog.tables import Problem

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_SYNTAX_LINE = re.compile(r"at line (\d+)")


class Fix(msgspec.Struct, frozen=True):
    """One thing to put right; `line` counts from 1, 0 is the file as a whole. `source` may be a variable or flag."""

    source: Path | str
    line: int
    row: str
    field: str
    text: str

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}" if self.line else str(self.source)
        what = " ".join(part for part in (self.row, f"`{self.field}`" if self.field else "") if part)
        return f"{where}: {what}: {self.text}" if what else f"{where}: {self.text}"


class ConfigError(Exception):
    """The configuration cannot be used; `fixes` lists everything that is wrong with it."""

    def __init__(self, fixes: Sequence[Fix]) -> None:
        super().__init__("\n".join(map(str, fixes)))
        self.fixes = tuple(fixes)


def located(problems: Sequence[Problem], path: Path, text: str) -> list[Fix]:
    """Turn problems of parsed tables into fixes with line numbers of the text they were parsed from."""
    fixes = [
        Fix(path, line_of(text, each.table, each.nth, each.field), _row(each), each.field, each.text)
        for each in problems
    ]
    return sorted(fixes, key=lambda fix: fix.line)


def line_of(text: str, table: str, nth: int, field: str) -> int:
    """Return the line of a field of the nth (from 0) table of a name, or of its header; 0 when there is none.

    tomllib keeps no positions. Of a path such as `price.overrides[0].utc_start`, the deepest part found counts.
    """
    found, inside, prefix, seen = 0, False, "", -1
    wanted = re.split(r"\.|\[\d+\]\.?", field) if field else []
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            name = _plain(header[2])
            if name == table:
                seen += 1
                inside, prefix = seen == nth, ""
                found = number if inside else found
            elif inside and name.startswith(f"{table}."):
                prefix = name[len(table) + 1 :]
            else:
                inside = False
        elif inside:
            for length in range(len(wanted), depth, -1):
                if _assigns(line, prefix, wanted[:length]):
                    found, depth = number, length
                    break
    return found


def line_of_syntax_error(message: str, text: str) -> int:
    """Return the line tomllib names, or the last when it only says that the document ended."""
    found = _SYNTAX_LINE.search(message)
    return int(found[1]) if found else max(1, len(text.splitlines()))


def _assigns(line: str, prefix: str, path: Sequence[str]) -> bool:
    key = _plain(line.partition("=")[0])
    full = f"{prefix}.{key}" if prefix else key
    if "=" in line and full == ".".join(path):
        return True
    # The last part may stand in an inline table on the line of its parent.
    inline = rf"[{{,]\s*\"?{re.escape(path[-1])}\"?\s*="
    return len(path) > 1 and full == path[0] and re.search(inline, line) is not None


def _plain(name: str) -> str:
    return name.replace('"', "").replace("'", "").replace(" ", "").strip()


def _row(problem: Problem) -> str:
    if problem.table in ("provider", "model", "endpoint", "preset"):
        return f"[[{problem.table}]] number {problem.nth + 1}"
    return f"[{problem.table}]"
