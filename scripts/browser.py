"""Look at every page of the site in a real browser: install what that needs, then run `tests/site`.

Usage: python -m scripts.browser [PYTEST ARGUMENTS]. The driver (Playwright) and the accessibility rules (axe-core) go
into the cache that every checkout shares, at locked versions; the browser is the system's Chromium, or the one that
WIDEBAND_CHROMIUM names. npm's and pip's own settings (mirrors, proxies) are obeyed.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.clients import NODE, QUIET, InstallError, cache, install, read_lock

ROOT = Path(__file__).resolve().parent.parent
LOCK = Path(__file__).resolve().with_name("browser.lock")
DRIVER_LOCK = ROOT / "requirements-site.lock"
AXE = "axe-core"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APT = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium")
LIMIT_S = 900


def find_browser(environ: Mapping[str, str]) -> str | None:
    """Return the browser to use: the one that is named, or one on PATH."""
    named = environ.get("WIDEBAND_CHROMIUM")
    if named:
        if not os.access(named, os.X_OK):
            raise InstallError(f"WIDEBAND_CHROMIUM names {named}, which is no program")
        return named
    return next((found for name in BROWSERS if (found := shutil.which(name, path=environ.get("PATH")))), None)


def browser(environ: Mapping[str, str]) -> str:
    """Return the browser, installed where this may do that. Raises `InstallError`."""
    found = find_browser(environ)
    if found:
        return found
    if shutil.which("apt-get") and os.geteuid() == 0:
        _say("installing chromium with apt-get")
        for words in (("apt-get", "update", "--quiet"), APT):
            done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
            if done.returncode:
                raise InstallError(f"{' '.join(words)} failed:\n{done.stderr.strip()}")
        found = find_browser(environ)
        if found:
            return found
    raise InstallError(
        "no Chromium was found. Debian: apt-get install chromium. macOS: brew install --cask chromium. Or name a"
        " Chromium or Chrome: WIDEBAND_CHROMIUM=/path/to/chrome make test-site"
    )


def driver(root: Path) -> Path:
    """Return the folder with the browser's driver, installed from the lock file. Raises `InstallError`."""
    told = repr((DRIVER_LOCK.read_text(encoding="utf-8"), sys.base_prefix, sys.version))
    folder = root / f"driver-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    root.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            _say("installing the browser's driver")
            words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--require-hashes"]
            words += ["--target", str(folder), "--requirement", str(DRIVER_LOCK)]
            env = {**os.environ, **QUIET}
            done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False)
            if done.returncode:
                raise InstallError(f"pip could not install {DRIVER_LOCK.name}:\n{done.stderr.strip()}")
            (folder / "done").touch()
    return folder


def rules(root: Path) -> Path:
    """Return axe-core's script, installed from the lock file. Raises `InstallError`."""
    rows = read_lock(root, LOCK)
    problems = install([rows[AXE]], rows[NODE])
    if problems:
        raise InstallError("\n".join(problems))
    return rows[AXE].folder / "node_modules" / AXE / "axe.min.js"


def _say(text: str) -> None:
    print(f"wideband: {text}", file=sys.stderr, flush=True)


def main(words: list[str]) -> int:
    """Install, then become the tests."""
    root = cache(os.environ)
    try:
        found = {"WIDEBAND_CHROMIUM": browser(os.environ), "WIDEBAND_AXE": str(rules(root))}
        path = [str(driver(root.parent / "browser")), os.environ.get("PYTHONPATH", "")]
        found["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    except (InstallError, OSError, subprocess.SubprocessError) as error:
        _say(str(error))
        return 1
    os.chdir(ROOT)
    words = words if any(word.startswith("tests/") for word in words) else ["tests/site", *words]
    return os.execve(sys.executable, [sys.executable, "-m", "pytest", *words], {**os.environ, **found})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
