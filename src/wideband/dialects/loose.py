"""Values of untyped JSON, taken for what they should be; what is something else counts as absent."""

from typing import Any


def obj(value: Any) -> dict[str, Any]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a JSON array, or none for anything else."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """Return a string that says something, or None for anything else."""
    return value if isinstance(value, str) and value else None
