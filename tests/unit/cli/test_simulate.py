"""`wideband simulate` as people call it."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from wideband.cli.simulate import command
from wideband.wire import jsons

SHORT = ("--hours", "0.01", "--ranker", "price", "--jobs", "1")


def simulate(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def figures(*arguments: str) -> Any:
    result = simulate(*SHORT, "--json", *arguments)
    assert result.exit_code == 0, result.output
    return jsons.decode(result.stdout)


def test_json_is_one_object_and_the_same_for_the_same_seed() -> None:
    one, same, other = (figures("steady", "--seed", seed) for seed in ("7", "7", "8"))
    for each in (one, same, other):
        each["results"][0].pop("wall_s")
    assert one == same
    assert one != other
    assert one["means"][0]["ranker"] == "price"


def test_more_runs_are_more_seeds() -> None:
    found = figures("--seed", "3", "--runs", "2")
    assert [row["seed"] for row in found["results"]] == [3, 4]
    assert [row["runs"] for row in found["means"]] == [2]


def test_tables_name_the_market_and_stand_each_ranker_beside_the_first() -> None:
    result = simulate(*SHORT, "--ranker", "latency", "--markdown", "steady", "limited")
    assert result.exit_code == 0, result.output
    assert "|  | price | latency |" in result.stdout
    assert "| steady | latency |" in result.stdout
    assert "| limited | latency |" in result.stdout
    assert "a minute and core" in result.stderr


def test_a_built_in_market_can_be_shown_changed_and_used(tmp_path: Path) -> None:
    shown = simulate("--show", "steady")
    mine = tmp_path / "mine.toml"
    mine.write_text(shown.stdout.replace('"0.20"', '"0.19"'))
    rows = figures(str(mine), "steady")["means"]
    assert rows[0]["cost_per_1000_usd"] < rows[1]["cost_per_1000_usd"]
    assert "steady" in simulate("--list").stdout


def test_what_is_wrong_with_a_market_file_is_told_with_its_line(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('[[provider]]\nname = "one"\nprice = { prompt = "1" }\nttft_s = 0\n')
    result = simulate(str(mine))
    assert result.exit_code == 1
    assert f"{mine}:4: [[provider]] number 1 `ttft_s`: must be more than 0" in result.stderr


def test_rates_come_from_a_column_of_a_file(tmp_path: Path) -> None:
    rates = tmp_path / "rates.csv"
    rates.write_text("t,small,large\n0,5,50\n86399,5,50\n")
    few, many = (figures("--rates", str(rates), "--column", each)["means"][0] for each in ("small", "large"))
    assert many["requests"] == pytest.approx(10 * few["requests"], rel=0.5)
    scaled = figures("--rates", str(rates), "--column", "small", "--requests-per-s", "50")["means"][0]
    assert scaled["requests"] == many["requests"]
    rates.write_text("t,small\n0,5\nlate,5\n")
    result = simulate(*SHORT, "--rates", str(rates))
    assert (result.exit_code, result.stderr) == (1, f"Error: {rates}:3: `late` must be a number, 0 or more\n")


def test_a_trace_of_replay_is_taken_too(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    lines = [f"2023-11-16 18:17:{at:02}.5,{100 + at},10" for at in range(60)]
    trace.write_text("\n".join(("TIMESTAMP,ContextTokens,GeneratedTokens", *lines)))
    result = simulate("--ranker", "price", "--jobs", "1", "--json", "--trace", str(trace))
    assert result.exit_code == 0, result.output
    assert jsons.decode(result.stdout)["means"][0]["requests"] == 60


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "nowhere is neither a file nor one of alike, broken,"),
        (("--weights", "tme=1"), "there is no weight `tme`; there are time, edge,"),
        (("--weights", "edge=100"), "--weights: Expected `float` <= 64.0 - at `$.edge`"),
        (("--weights", "time"), "`time` is not NAME=NUMBER"),
        (("--column", "m-mid"), "--column names a column of --rates, which is missing"),
        (("--trace", __file__, "--hours", "1"), "leave out --rates and --hours"),
        (("--sweep", "--ranker", "market"), "name another --ranker"),
        (("--show", "nowhere"), "There is no market `nowhere`"),
    ],
)
def test_what_is_asked_wrongly_is_said(arguments: tuple[str, ...], words: str) -> None:
    result = simulate(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
