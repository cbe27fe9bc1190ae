"""Chunks of a Gemini upstream's answers, written short, and the goldens of them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

GOLDENS = sorted(path.parent for path in (Path(__file__).parents[2] / "golden/gemini_generate").glob("*/stream.sse"))

case = pytest.mark.parametrize("golden", GOLDENS, ids=lambda path: path.name)


def plain(value: Any) -> Any:
    """Say a canonical value as JSON: each struct with its name and what differs from its defaults."""
    if isinstance(value, msgspec.Struct):
        told = {name: getattr(value, name) for name in value.__struct_fields__}
        fresh = {field.name: defaults(field) for field in msgspec.structs.fields(value)}
        return {"is": type(value).__name__} | {k: plain(v) for k, v in told.items() if v != fresh[k]}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def defaults(field: msgspec.structs.FieldInfo) -> Any:
    return field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default


def candidate(*parts: dict[str, Any], finish: str | None = None, index: int = 0, **beside: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"index": index, **beside}
    if parts:
        told["content"] = {"parts": [*parts], "role": "model"}
    return told | ({"finishReason": finish} if finish else {})


def chunk(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"candidates": [candidate(*parts, **fields)], "modelVersion": "gemini-x", "responseId": "r1"}
