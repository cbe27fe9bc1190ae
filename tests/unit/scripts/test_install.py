"""Installing says what is missing and how to get it, costs nothing when done, and never leaves its folder."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


class Checkout:
    """A copy of what installing needs, with programs of the test's own in front of the path."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a check out"
        (self.root / "scripts").mkdir(parents=True)
        for name in ("Makefile", "scripts/install", "requirements.lock", "requirements-dev.lock", "pyproject.toml"):
            shutil.copy(ROOT / name, self.root / name)
        self.programs = folder / "programs"
        self.programs.mkdir()
        for name in ("sh", "dirname", "cat", "cksum", "grep", "rm", "mkdir", "make", "sed"):
            found = shutil.which(name)
            assert found is not None
            (self.programs / name).symlink_to(found)

    def program(self, name: str, script: str) -> Path:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def python(self, *, pip: str = "exit 0") -> None:
        """Install a Python that fits; its virtual environments hold a pip that runs `pip`."""
        inner = self.programs / "inner"
        self.program("inner", f'case "$1" in -c) exit 0 ;; -m) echo "$@" >> "{self.log}"; {pip} ;; esac')
        self.program(
            "python3",
            'case "$1" in\n-c) exit 0 ;;\n--version) echo Python 3.12.1 ;;\n'
            '-m) mkdir -p .venv/bin; echo "#!$PWD/.venv/bin/python" > .venv/bin/pip\n'
            f"cat {inner} > .venv/bin/python\n"
            f"cat {inner} > .venv/bin/wideband; {shutil.which('chmod')} +x .venv/bin/* ;;\nesac",
        )

    @property
    def log(self) -> Path:
        return self.programs / "pip.log"

    def install(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", "-f", str(self.root / "Makefile"), *(arguments or ("install",))],
            env={"PATH": str(self.programs), **variables},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_without_a_python_it_says_which_is_needed_and_how_to_get_it(checkout: Checkout) -> None:
    checkout.program("python3", 'case "$1" in --version) echo Python 3.9.2 ;; *) exit 1 ;; esac')
    done = checkout.install()
    assert done.returncode != 0
    assert "needs Python 3.11 or newer and found Python 3.9.2" in done.stderr
    assert "apt-get install python3" in done.stderr


def test_a_python_that_is_named_must_fit(checkout: Checkout) -> None:
    checkout.python()
    old = checkout.program("old", "exit 1")
    done = checkout.install("install", f"PYTHON={old}")
    assert done.returncode != 0
    assert f"PYTHON={old} is not a working Python 3.11 or newer" in done.stderr


def test_a_python_without_venv_is_said_with_its_remedy(checkout: Checkout) -> None:
    checkout.program("python3", 'case "$1" in -m) echo "ensurepip is not available" >&2; exit 1 ;; esac')
    done = checkout.install()
    assert done.returncode != 0
    assert "ensurepip is not available" in done.stderr
    assert "apt-get install python3-venv" in done.stderr
    assert not (checkout.root / ".venv").exists()


def test_a_registry_that_cannot_be_reached_is_said_with_its_remedies(checkout: Checkout) -> None:
    checkout.python(pip="echo connection refused >&2; exit 1")
    done = checkout.install()
    assert done.returncode != 0
    assert "connection refused" in done.stderr
    assert "PIP_INDEX_URL" in done.stderr
    # What failed is tried again.
    assert "locked packages" in checkout.install().stderr


def test_it_installs_what_is_locked_with_hashes_and_then_itself(checkout: Checkout) -> None:
    checkout.python()
    done = checkout.install()
    assert done.returncode == 0, done.stderr
    locked, itself = checkout.log.read_text().splitlines()
    assert locked.endswith("--require-hashes -r requirements.lock")
    assert itself.endswith("--no-deps --no-build-isolation --editable .")


def test_done_already_it_runs_nothing_and_says_nothing(checkout: Checkout) -> None:
    checkout.python()
    checkout.install("dev")
    checkout.log.unlink()
    for target in ("dev", "install"):
        done = checkout.install(target)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not checkout.log.exists()


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", "scripts/install"])
def test_a_change_of_what_it_depends_on_installs_anew(checkout: Checkout, name: str) -> None:
    checkout.python()
    checkout.install()
    checkout.log.unlink()
    with (checkout.root / name).open("a") as file:
        file.write("\n")
    checkout.install()
    assert checkout.log.exists()


def test_a_moved_checkout_gets_a_new_environment(checkout: Checkout) -> None:
    checkout.python()
    checkout.install()
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    done = checkout.install()
    assert "making .venv" in done.stderr


def test_the_help_names_every_target(checkout: Checkout) -> None:
    text = checkout.install("help").stdout
    for target in ("install", "run", "test", "bench", "lock", "clean"):
        assert f"make {target} " in text


def test_settings_for_other_installations_do_not_lead_pip_astray(checkout: Checkout) -> None:
    checkout.python(pip=f"{shutil.which('env')} >> '{checkout.programs}/seen'")
    checkout.install(PIP_TARGET="/elsewhere", PIP_USER="1", PYTHONPATH="/elsewhere", PIP_INDEX_URL="mirror")
    seen = (checkout.programs / "seen").read_text()
    assert "/elsewhere" not in seen
    assert "PIP_USER" not in seen
    assert "PIP_INDEX_URL=mirror" in seen


def test_ci_runs_what_developers_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-2:] == ["make test", "make test-clients"]
