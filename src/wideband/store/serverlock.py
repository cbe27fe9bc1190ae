"""A home belongs to one server at a time: the lock that says so."""

import fcntl
import os
from pathlib import Path

FILE = "server.lock"


class HomeError(Exception):
    """Nothing can be served from a home; the text says why, and what to do."""


class HomeLockedError(HomeError):
    """Another server works in this home; the text says which, and what to do."""


class ServerLock:
    """Held while it exists; the operating system lets go of it when the process dies, however it dies."""

    def __init__(self, home: Path) -> None:
        """Take the lock. Raises `HomeLockedError` naming who has it."""
        self._fd = os.open(home / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise HomeLockedError(
                f"Another server (process {owner}) works in `{home}`. "
                "Stop it first, or give this one a home of its own with `--home`."
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, str(os.getpid()).encode())

    def release(self) -> None:
        """Let the next server in."""
        os.ftruncate(self._fd, 0)
        os.close(self._fd)
