"""Files that other processes read while they are written anew."""

from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in a folder of this user's, so that whoever reads it finds all of it. Raises `OSError`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)
