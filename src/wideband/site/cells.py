"""Cells of files for spreadsheets."""

import csv
import io
from collections.abc import Iterable
from typing import Any


def plain(value: Any) -> Any:
    """Keep a spreadsheet from taking somebody's text for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def sheet(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Write rows as CSV under a line of names; nothing is written for None, and no text is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([plain(cell) for cell in row] for row in rows)
    return text.getvalue()


def dollars(nano: int) -> str:
    """Write nano-dollars to the last digit, without a sign of the currency."""
    sign = "-" if nano < 0 else ""
    return f"{sign}{abs(nano) // 10**9}.{abs(nano) % 10**9:09d}"
