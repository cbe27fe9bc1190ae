"""Figures stand beside targets and peers, and say plainly what was missed or not measured."""

import time
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from bench.machine import BenchError, Process, cpu_s, rss_kb, tree
from bench.peers import PEERS
from bench.probes import percentile
from bench.report import Results, show, write
from bench.targets import MEASURES, Measure
from rich.console import Console


def shown(results: Results) -> str:
    out = StringIO()
    show(results, Console(file=out, width=220))
    return out.getvalue()


def gone(pid: int) -> bool:
    """A killed orphan is reaped by the system a moment later."""
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize(
    ("value", "verdict"), [(150, "hit"), (151, "hit, not yet final"), (300, "hit, not yet final"), (300.1, "MISS")]
)
def test_a_verdict_names_which_target_is_reached(value: float, verdict: str) -> None:
    assert Measure(name="x", what="x", unit="us", first=300, final=150).verdict(value) == verdict


def test_measures_have_names_of_their_own() -> None:
    assert len({measure.name for measure in MEASURES}) == len(MEASURES)


def test_a_peer_is_shown_with_its_ratio() -> None:
    results = Results(thermometer_ms=[10.0])
    results.add("wideband", {"openai_1k": 100.0})
    results.add("wideband", {"openai_1k": 140.0})
    results.add("nginx", {"openai_1k": 25.0})
    (row,) = [line for line in shown(results).splitlines() if "OpenAI in and out, 1 kB  " in line]
    assert row.replace("│", " ").split()[-9:] == [
        "CPU",
        "100",
        "120",
        "300",
        "/",
        "150",
        "hit",
        "25",
        "x0.25",
    ]


def test_what_was_not_taken_is_not_passed_over() -> None:
    results = Results(thermometer_ms=[10.0, 14.0], unavailable={"litellm": "peer litellm: could not be installed"})
    text = shown(results)
    assert text.count("NOT TAKEN") == len(MEASURES)
    assert "NOT MEASURED: peer litellm: could not be installed" in text
    assert "NOISY" in text


@pytest.mark.parametrize(("upstream", "is_said"), [("own", True), ("nginx", False)])
def test_a_missing_nginx_is_said(upstream: str, is_said: bool) -> None:
    assert ("nginx is not on this machine" in shown(Results(upstream=upstream, thermometer_ms=[10.0]))) is is_said


def test_results_survive_the_way_to_a_file(tmp_path: Path) -> None:
    results = Results(quick=True, thermometer_ms=[1.0], figures={"wideband": {"start": [0.5]}})
    write(results, tmp_path / "new" / "results.json")
    assert msgspec.json.decode((tmp_path / "new/results.json").read_bytes(), type=Results) == results


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 2.0), (0.75, 3.0), (0.99, 4.0), (1.0, 4.0)])
def test_a_percentile_is_a_value_that_was_seen(share: float, expected: float) -> None:
    assert percentile((1.0, 2.0, 3.0, 4.0), share) == expected


def test_processor_time_and_memory_are_those_of_the_whole_tree(tmp_path: Path) -> None:
    busy = "while :; do :; done"
    process = Process(["sh", "-c", f"sh -c '{busy}' & wait"], tmp_path / "log")
    try:
        process.wait_until(lambda: len(tree(process.pid)) == 2, 5)
        process.wait_until(lambda: cpu_s(process.pid) > 0.03, 5)
        assert rss_kb(process.pid) > 0
        parent, child = tree(process.pid)
    finally:
        process.stop()
    assert gone(parent)
    assert gone(child)


def test_a_process_that_stops_is_said_with_its_last_words(tmp_path: Path) -> None:
    process = Process(["sh", "-c", "echo no such licence; exit 3"], tmp_path / "log")
    with pytest.raises(BenchError, match=r"(?s)`sh` stopped with 3:.*no such licence"):
        process.wait_until(lambda: False, 5)


def test_the_peers_are_those_the_readme_offers() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    assert [name for name in PEERS if name not in readme] == []
