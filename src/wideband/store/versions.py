"""A counter in a file that every process of a home maps into memory, so that a change of keys is seen at once.

Whoever commits a change of keys or grants bumps it afterwards; whoever decides by keys compares it with the value
that it loaded at. Reading costs no system call.
"""

import fcntl
import mmap
import os
from pathlib import Path

FILE = "keys.version"

_SIZE = 8


class Versions:
    """The counter of one home."""

    def __init__(self, home: Path) -> None:
        self._fd = os.open(home / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        if os.fstat(self._fd).st_size < _SIZE:
            os.ftruncate(self._fd, _SIZE)
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        self._map = mmap.mmap(self._fd, _SIZE)
        # Native and aligned: the processor reads and writes it whole.
        self._count = memoryview(self._map).cast("Q")

    @property
    def current(self) -> int:
        return self._count[0]

    def bump(self) -> None:
        """Tell every process that keys or accounts have changed."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            self._count[0] += 1
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Unmap the file; the counter cannot be read afterwards."""
        self._count.release()
        self._map.close()
        os.close(self._fd)
