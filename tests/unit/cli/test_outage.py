"""`wideband outage` breaks and mends the simulated providers of the server that runs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wideband.cli.outage import command
from wideband.wire import jsons


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose server is said to run with a real sandbox."""
    line = [sys.executable, "-m", "wideband", "sandbox", "--with-parent"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        tell(tmp_path, jsons.decode(process.stdout.readline())["url"])
        yield tmp_path
        process.terminate()


def tell(home: Path, sandbox_url: str | None) -> None:
    (home / "run").mkdir()
    (home / "run" / "server.json").write_bytes(jsons.encode({"url": "http://x", "sandbox_url": sandbox_url}))


def run(home: Path, *arguments: str) -> Result:
    return CliRunner(env={"WIDEBAND_CONFIG": ""}).invoke(command, [*arguments, "--home", str(home)])


def test_a_provider_is_broken_until_it_is_mended(home: Path) -> None:
    assert run(home).output == "No simulated provider is broken.\n"
    assert run(home, "sim-aurora", "503").output == "sim-aurora: 503\n"
    assert run(home, "sim-ember", "hang").output == "sim-aurora: 503\nsim-ember: hang\n"
    assert run(home, "sim-aurora", "--end").output == "sim-ember: hang\n"
    assert run(home).output == "sim-ember: hang\n"
    for nobody in ("sim-nobody", "a b/\u00e9", "../outages"):
        wrong = run(home, nobody, "503")
        assert wrong.exit_code == 1
        assert "sim-aurora" in wrong.output


@pytest.mark.parametrize(
    "arguments", [["sim-aurora"], ["sim-aurora", "503", "--end"], ["--end"], ["sim-aurora", "bored"]]
)
def test_a_half_order_is_refused_before_anybody_is_asked(tmp_path: Path, arguments: list[str]) -> None:
    assert run(tmp_path, *arguments).exit_code == 2


def test_without_a_server_or_a_sandbox_it_says_so(tmp_path: Path) -> None:
    assert "start `wideband serve`" in run(tmp_path).output
    tell(tmp_path, None)
    assert "only simulated providers" in run(tmp_path).output


def test_a_file_of_a_server_that_is_cut_off_tells_of_none(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "server.json").write_text("{")
    assert "start `wideband serve`" in run(tmp_path).output
