"""Embeddings in the form in which they are wanted: numbers as JSON, or base64 of little-endian float32."""

import base64
import struct

import msgspec

from wideband.canon.request import Vector
from wideband.wire import jsons

_QUOTE = ord('"')


def is_base64(raw: msgspec.Raw) -> bool:
    """Tell in which form a provider wrote a vector."""
    return memoryview(raw)[0] == _QUOTE


def read_vector(raw: msgspec.Raw) -> Vector:
    """Take a vector as a provider wrote it, without reading its numbers."""
    if not is_base64(raw):
        return Vector(numbers=raw)
    try:
        return Vector(base64=jsons.decode(raw))
    except jsons.DecodeError:
        # No base64 either: it is given as it came.
        return Vector(numbers=raw)


def as_base64(vector: Vector) -> Vector:
    """Return the vector as base64; one that is no list of numbers stays as it is."""
    if vector.numbers is None:
        return vector
    try:
        values = jsons.decode_as(vector.numbers, list[float])
        packed = struct.pack(f"<{len(values)}f", *values)
    except (jsons.DecodeError, struct.error, OverflowError):
        return vector
    return Vector(base64=base64.b64encode(packed).decode())


def as_numbers(vector: Vector) -> Vector:
    """Return the vector as numbers; what is no base64 of them stays as it is."""
    if vector.base64 is None:
        return vector
    try:
        packed = base64.b64decode(vector.base64, validate=True)
        values = struct.unpack(f"<{len(packed) // 4}f", packed)
        return Vector(numbers=msgspec.Raw(jsons.encode(values)))
    except (ValueError, struct.error):
        return vector


def write_vector(vector: Vector) -> msgspec.Raw | str:
    """Return what stands for a vector in JSON."""
    return vector.numbers if vector.numbers is not None else vector.base64 or ""
