"""Cells of files for spreadsheets."""

from typing import Any


def plain(value: Any) -> Any:
    """Keep a spreadsheet from taking somebody's text for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def dollars(nano: int) -> str:
    """Write nano-dollars to the last digit, without a sign of the currency."""
    sign = "-" if nano < 0 else ""
    return f"{sign}{abs(nano) // 10**9}.{abs(nano) % 10**9:09d}"
