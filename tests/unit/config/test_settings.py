"""Settings come from flags, then the environment, then the file, then us; a bad file is refused whole."""

from pathlib import Path

import pytest

from wideband.config import ConfigError, Settings, load_settings
from wideband.routing.policy import Policy, Weights


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder, so that no wideband.toml of the machine is found."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def fixes_of(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(config_file=path, environ={})
    return [str(fix).removeprefix(f"{path}:") for fix in caught.value.fixes]


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, environ={})
    assert settings == Settings(home=tmp_path)
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8484, 1)
    assert (settings.deadlines.connect_s, settings.limits.max_tries, settings.sandbox.mode) == (10, 6, "auto")
    assert load_settings(environ={}).home == Path.home() / ".wideband"


def test_flags_win_over_variables_and_those_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    file.write_text('[server]\nhost = "0.0.0.0"\nport = 1\nworkers = 2\n[limits]\nmax_tries = 3\n')
    env = {"WIDEBAND_CONFIG": str(file), "WIDEBAND_PORT": "5", "WIDEBAND_HOME": str(tmp_path), "WIDEBAND_WORKERS": ""}
    settings = load_settings(environ=env)
    assert (settings.host, settings.port, settings.workers, settings.home) == ("0.0.0.0", 5, 2, tmp_path)
    assert settings.limits.max_tries == 3
    assert load_settings(port=7, home=tmp_path / "other", environ=env).port == 7


def test_a_file_here_wins_over_one_in_the_home(tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "wideband.toml").write_text("[server]\nport = 1\n")
    assert load_settings(home=tmp_path, environ={}).port == 1
    (elsewhere / "wideband.toml").write_text("[server]\nport = 2\n")
    assert load_settings(home=tmp_path, environ={}).port == 2


def test_every_fault_of_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    text = '[server]\nprot = 1\nport = 70000\n\n[deadlines]\nconnect_s = "1"\n[sandbx]\n[holds]\nhold_s = 0\n'
    assert fixes_of(tmp_path / "w.toml", text) == [
        "2: [server] `prot`: unknown field; did you mean `port`?",
        "3: [server] `port`: expected `int` <= 65535",
        "6: [deadlines] `connect_s`: expected `float`, got `str`",
        "7: [sandbx]: unknown table; did you mean `sandbox`?",
        "9: [holds] `hold_s`: expected `float` > 0.0",
    ]


def test_a_hold_must_outlive_the_longest_request(tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    assert fixes_of(file, "[holds]\nhold_s = 60\n")[0].startswith("2: [holds] `hold_s`: a hold (60 s) must outlive")
    assert fixes_of(file, "[deadlines]\ntotal_s = 9000\n")[0].startswith("2: [deadlines] `total_s`: a hold (3600 s)")
    file.write_text("[holds]\nhold_s = 9001\n[deadlines]\ntotal_s = 9000\n")
    assert load_settings(config_file=file, environ={}).holds.hold_s == 9001


def test_the_house_has_its_own_way_of_routing(tmp_path: Path) -> None:
    assert load_settings(home=tmp_path, environ={}).routing == Policy()
    file = tmp_path / "w.toml"
    file.write_text('[routing]\nranker = "price"\nhedge = true\n[routing.weights]\ntime = 1\nedge = 4.5\n')
    routing = load_settings(config_file=file, environ={}).routing
    assert routing == Policy(ranker="price", hedge=True, weights=Weights(time=1, edge=4.5))


def test_a_mistake_in_how_to_route_is_named_with_its_line(tmp_path: Path) -> None:
    text = '[routing]\nranker = "prize"\nhedge_share = 2\n\n[routing.weights]\nexplore = 0\nedg = 1\n'
    assert fixes_of(tmp_path / "w.toml", text) == [
        "2: [routing] `ranker`: `prize` is no ranker; did you mean `price`?",
        "3: [routing] `hedge_share`: expected `float` <= 1.0",
        "6: [routing] `weights.explore`: expected `float` >= 0.001",
        "7: [routing] `weights.edg`: unknown field; did you mean `edge`?",
    ]
    assert fixes_of(tmp_path / "w.toml", "[routing]\nweights = 3\n") == [
        "2: [routing] `weights`: must be a table: write `[routing.weights]`"
    ]


def test_a_file_that_is_no_toml_says_where(tmp_path: Path) -> None:
    (fix,) = fixes_of(tmp_path / "w.toml", "[server]\nport = \n")
    assert fix.startswith("2: is no TOML: ")


def test_a_missing_or_unreadable_file_is_an_error_when_it_was_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_settings(config_file=tmp_path / "gone.toml", environ={})
    (tmp_path / "latin.toml").write_bytes(b'[server]\nhost = "\xe9"\n')
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_settings(config_file=tmp_path / "latin.toml", environ={})


def test_a_bad_variable_or_flag_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="WIDEBAND_PORT: `many` will not do"):
        load_settings(home=tmp_path, environ={"WIDEBAND_PORT": "many"})
    with pytest.raises(ConfigError, match="--workers: `0` will not do"):
        load_settings(home=tmp_path, workers=0, environ={})


def test_rows_in_the_file_are_left_to_the_market(tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    file.write_text('[[provider]]\nslug = "x"\n[aliases]\nfast = "a/b"\n')
    assert load_settings(home=tmp_path, config_file=file, environ={}).config_file == file
