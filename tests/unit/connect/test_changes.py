"""Settings go into other programs' files, and come out again: nothing of theirs is lost."""

import tomllib
from pathlib import Path

import pytest

from wideband.connect.changes import ConnectError, place, undo, write
from wideband.connect.clients import CLIENTS, Format, Link, Setting
from wideband.connect.formats import MISSING, UnreadableError, parse
from wideband.wire import jsons

LINK = Link(url="http://127.0.0.1:1", key="sk-wb-1 $x", model="acme/big", small_model="acme/small")
OTHER = Link(url="http://127.0.0.1:2", key="sk-wb-2", model="acme/big", small_model="acme/small")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "user")}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "home" / "connect" / "client.json"


def files(environ: dict[str, str]) -> dict[str, bytes]:
    root = Path(environ["HOME"])
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", [name for name, client in CLIENTS.items() if client.settings(LINK)])
def test_every_clients_settings_stand_where_it_reads_them_and_go_again(
    name: str, environ: dict[str, str], manifest: Path
) -> None:
    settings = CLIENTS[name].settings(LINK)
    written = write(settings, environ, manifest)
    for setting in settings:
        text = place(setting.file, environ).read_text()
        assert parse(setting.format, text).get(setting.path) == setting.value
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    undo(manifest)
    assert files(environ) == {}
    assert not manifest.exists()


def test_what_was_there_is_kept_and_comes_back_byte_for_byte(environ: dict[str, str], manifest: Path) -> None:
    file = place("~/.codex/config.toml", environ)
    file.parent.mkdir(parents=True)
    before = '# mine\nmodel = "gpt-5" # dear\n\n[mcp_servers.x]\ncommand = "y"\n'
    file.write_text(before)
    file.chmod(0o644)
    write(CLIENTS["codex"].settings(LINK), environ, manifest)
    found = tomllib.loads(file.read_text())
    assert (found["model"], found["model_provider"], found["mcp_servers"]) == (
        "acme/big",
        "wideband",
        {"x": {"command": "y"}},
    )
    assert found["model_providers"]["wideband"]["base_url"] == "http://127.0.0.1:1/v1"
    assert "# mine" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o644
    undo(manifest)
    assert file.read_text() == before


def test_connecting_again_still_leads_back_to_the_beginning(environ: dict[str, str], manifest: Path) -> None:
    file = place("~/.claude/settings.json", environ)
    file.parent.mkdir(parents=True)
    file.write_text('{"env":{"ANTHROPIC_BASE_URL":"https://elsewhere","X":"1"}}')
    for link in (LINK, OTHER):
        write(CLIENTS["claude-code"].settings(link), environ, manifest)
    assert jsons.decode(file.read_bytes())["env"]["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:2"
    undo(manifest)
    assert file.read_text() == '{"env":{"ANTHROPIC_BASE_URL":"https://elsewhere","X":"1"}}'


def test_what_others_changed_since_stays_and_only_our_values_go(environ: dict[str, str], manifest: Path) -> None:
    file = place("~/.claude/settings.json", environ)
    file.parent.mkdir(parents=True)
    file.write_text('{"env":{"ANTHROPIC_BASE_URL":"https://elsewhere"}}')
    write(CLIENTS["claude-code"].settings(LINK), environ, manifest)
    found = jsons.decode(file.read_bytes())
    found["theme"] = "dark"
    found["env"]["ANTHROPIC_MODEL"] = "their/own"
    file.write_bytes(jsons.encode(found))
    assert [done.how for done in undo(manifest)] == ["edited"]
    assert jsons.decode(file.read_bytes()) == {
        "env": {"ANTHROPIC_BASE_URL": "https://elsewhere", "ANTHROPIC_MODEL": "their/own"},
        "theme": "dark",
    }


def test_a_file_that_is_gone_is_no_trouble(environ: dict[str, str], manifest: Path) -> None:
    for path in write(CLIENTS["pi"].settings(LINK), environ, manifest):
        path.unlink()
    assert [done.how for done in undo(manifest)] == ["gone"]


def test_files_that_cannot_be_read_are_left_alone_all_of_them(environ: dict[str, str], manifest: Path) -> None:
    broken = place("~/.gemini/settings.json", environ)
    broken.parent.mkdir(parents=True)
    broken.write_text('{"a": 1, // why\n}')
    with pytest.raises(ConnectError, match=r"settings\.json is left alone: it is not plain JSON"):
        write(CLIENTS["gemini-cli"].settings(LINK), environ, manifest)
    assert files(environ) == {".gemini/settings.json": b'{"a": 1, // why\n}'}
    assert not manifest.exists()


def test_a_link_is_followed_and_not_replaced(environ: dict[str, str], manifest: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    file = place("~/.pi/agent/models.json", environ)
    file.parent.mkdir(parents=True)
    file.symlink_to(real)
    write(CLIENTS["pi"].settings(LINK), environ, manifest)
    assert file.is_symlink()
    assert "wideband" in real.read_text()


def test_nothing_is_undone_that_was_not_done(manifest: Path) -> None:
    with pytest.raises(ConnectError, match="Nothing of this client is remembered"):
        undo(manifest)


def test_clients_that_keep_their_files_elsewhere_are_followed(tmp_path: Path) -> None:
    environ = {"HOME": "/nowhere", "CODEX_HOME": str(tmp_path)}
    assert place("~/.codex/config.toml", environ) == tmp_path / "config.toml"
    assert place("~/.gemini/.env", environ) == Path("/nowhere/.gemini/.env")


def test_lines_of_variables_are_found_however_they_are_written() -> None:
    document = parse("env", "# a\nexport A = 'x y' # note\nB=\n")
    assert [document.get((name,)) for name in ("A", "B", "C")] == ["x y", "", MISSING]
    document.put(("A",), "it's")
    document.put(("C",), "3")
    document.drop(("B",))
    document.drop(("D",))
    assert document.text() == "# a\nA='it'\"'\"'s'\nC=3\n"


@pytest.mark.parametrize(("form", "text"), [("json", "[1]"), ("json", "{"), ("toml", "a = ")])
def test_what_is_not_of_its_format_is_said_to_be_so(form: Format, text: str) -> None:
    with pytest.raises(UnreadableError):
        parse(form, text)


def test_a_value_where_a_table_should_be_is_not_overwritten(environ: dict[str, str], manifest: Path) -> None:
    file = place("~/x.json", environ)
    file.parent.mkdir(parents=True)
    file.write_text('{"env": "yes"}')
    with pytest.raises(ConnectError, match="`env` is no table"):
        write((Setting("~/x.json", "json", ("env", "A"), "1"),), environ, manifest)
