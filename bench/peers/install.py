"""How a peer gets onto this machine: its own virtual environment or its own node_modules, once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.machine import ROOT, BenchError
from bench.traffic import compact

_MINUTES = 15


def python_packages(name: str, packages: Sequence[str]) -> Path:
    """Return the `bin` folder of a virtual environment that holds the packages. Raises `BenchError`."""
    folder = ROOT / ".bench" / name
    done = folder / "installed"
    wanted = "\n".join(packages)
    if not done.exists() or done.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)], name, ROOT)
        _run([str(folder / "bin/python"), "-m", "pip", "install", "-qq", *packages], name, ROOT)
        done.write_text(wanted)
    return folder / "bin"


def node_packages(name: str, packages: dict[str, str], overrides: dict[str, str]) -> Path:
    """Return the `node_modules` folder that holds the packages. Raises `BenchError`."""
    folder = ROOT / ".bench" / name
    manifest = folder / "package.json"
    wanted = compact({"private": True, "dependencies": packages, "overrides": overrides})
    if not (folder / "installed").exists() or manifest.read_bytes() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        manifest.write_bytes(wanted)
        _run(["npm", "install", "--no-audit", "--no-fund", "--silent"], name, folder)
        (folder / "installed").touch()
    return folder / "node_modules"


def _run(command: list[str], name: str, cwd: Path) -> None:
    if shutil.which(command[0]) is None:
        raise BenchError(f"peer {name}: needs `{command[0]}`, which this machine does not have")
    print(f"installing peer {name} ...", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(
            command, cwd=cwd, env=dict(os.environ), capture_output=True, text=True, timeout=_MINUTES * 60, check=False
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"peer {name}: still installing after {_MINUTES} minutes") from None
    if done.returncode:
        tail = "\n  ".join((done.stderr or done.stdout).splitlines()[-5:])
        raise BenchError(f"peer {name}: could not be installed:\n  {tail}")
