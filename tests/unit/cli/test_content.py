"""`wideband content drop` forgets what was said: of one request, or of all that are older than an age."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from wideband.cli.content import command
from wideband.clock import now_ns
from wideband.store.contents import Content, Contents

HOUR_NS = 3_600_000_000_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    kept = Contents(tmp_path, days=7)
    for hours in (1, 5, 30):
        kept.put(Content(id=f"gen-{hours}h", at_ns=now_ns() - hours * HOUR_NS, request=b"{}", answer=b""))
    kept.close()
    return tmp_path


def left(home: Path) -> list[str]:
    kept = Contents(home, days=7)
    found = [f"gen-{hours}h" for hours in (1, 5, 30) if kept.find(f"gen-{hours}h") is not None]
    kept.close()
    return found


def run(home: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, ["drop", "--home", str(home), *arguments])
    return done.exit_code, done.output


def test_what_is_older_is_forgotten_and_counted(home: Path) -> None:
    assert run(home, "--older-than", "4h") == (0, "forgotten: what 2 requests said\n")
    assert left(home) == ["gen-1h"]


def test_one_request_is_forgotten(home: Path) -> None:
    assert run(home, "--id", "gen-5h") == (0, "forgotten\n")
    assert run(home, "--id", "gen-5h") == (0, "nothing was kept of it\n")
    assert left(home) == ["gen-1h", "gen-30h"]


@pytest.mark.parametrize("arguments", [(), ("--older-than", "1h", "--id", "gen-1h"), ("--older-than", "soon")])
def test_what_is_unclear_forgets_nothing(home: Path, arguments: tuple[str, ...]) -> None:
    assert run(home, *arguments)[0] == 2
    assert left(home) == ["gen-1h", "gen-5h", "gen-30h"]


def test_a_home_without_contents_has_nothing_to_forget(tmp_path: Path) -> None:
    assert run(tmp_path, "--older-than", "0d") == (0, "forgotten: what 0 requests said\n")
