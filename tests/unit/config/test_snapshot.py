"""The shipped catalogue is built once, kept, loaded fast, and built again whenever what is kept is no good."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wideband.catalog.voices import Words
from wideband.config import ConfigError, snapshot
from wideband.config.pricelists import price_lists
from wideband.config.snapshot import build, load_snapshot
from wideband.dialects.quirks import QUIRKS
from wideband.dialects.registry import DIALECTS
from wideband.wire import jsons

WORDS = Words(dialects=DIALECTS, quirks=QUIRKS)

LOADING = """
import sys, time
from pathlib import Path
from wideband.catalog.voices import Words
from wideband.config.snapshot import load_snapshot
from wideband.dialects.quirks import QUIRKS
from wideband.dialects.registry import DIALECTS
words = Words(dialects=DIALECTS, quirks=QUIRKS)
times = []
for _ in range(5):
    start = time.perf_counter()
    load_snapshot(Path(sys.argv[1]), words)
    times.append(time.perf_counter() - start)
print(min(times), "genai_prices" in sys.modules, "pydantic" in sys.modules)
"""


def kept(home: Path) -> Path:
    (file,) = (home / "cache").glob("catalogue-*.json")
    return file


def test_loading_what_was_kept_is_fast_and_imports_no_price_lists(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADING, str(home)], capture_output=True, text=True, check=True, timeout=30
    )
    seconds, prices, pydantic = done.stdout.split()
    assert (prices, pydantic) == ("False", "False")
    assert float(seconds) < 0.03


@pytest.mark.parametrize("damage", [b"", b"{", b'[[],[],[],{},"not a row"'])
def test_a_damaged_copy_is_built_again(tmp_path: Path, home: Path, damage: bytes) -> None:
    copy = tmp_path / "cache" / kept(home).name
    copy.parent.mkdir()
    copy.write_bytes(damage)
    assert load_snapshot(tmp_path, WORDS) == load_snapshot(home, WORDS)
    assert jsons.decode(copy.read_bytes())


def test_a_copy_is_not_used_on_the_day_its_prices_change(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_snapshot(tmp_path, WORDS)
    rows = jsons.decode(kept(tmp_path).read_bytes())
    days: list[str] = []

    def counted(lists: list[dict[str, Any]], day: str, words: Words) -> object:
        days.append(day)
        return build(lists, day, words)

    monkeypatch.setattr(snapshot, "price_lists", list)
    monkeypatch.setattr(snapshot, "build", counted)
    kept(tmp_path).write_bytes(jsons.encode([*rows[:4], "9999-01-01"]))
    load_snapshot(tmp_path, WORDS)
    assert days == []
    kept(tmp_path).write_bytes(jsons.encode([*rows[:4], "2000-01-01"]))
    load_snapshot(tmp_path, WORDS)
    assert len(days) == 1


def test_a_home_that_cannot_be_written_only_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "price_lists", list)
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert load_snapshot(tmp_path, WORDS).providers


def test_a_wrong_shipped_row_cannot_be_overlooked() -> None:
    with pytest.raises(ConfigError, match=r"providers\.toml:\d+: .*is no dialect"):
        build([], "2026-11-22", Words(dialects={"other"}, quirks=QUIRKS))


def test_a_quirk_nobody_knows_cannot_be_overlooked() -> None:
    fewer = Words(dialects=DIALECTS, quirks=QUIRKS.keys() - {"adaptive_thinking"})
    with pytest.raises(ConfigError, match=r"models\.toml: .*`adaptive_thinking` is no quirk"):
        build([], "2026-11-22", fewer)


def test_the_shipped_rows_and_the_installed_price_lists_make_a_market() -> None:
    built = build(price_lists(), "2026-11-22", WORDS)
    models = {model.id: model for model in built.models}
    endpoints = {(row.provider, row.model): row for row in built.endpoints}
    opus = models["anthropic/claude-opus-4.5"]
    assert (opus.name, opus.context_length, opus.max_output, opus.reasoning) == (
        "Claude Opus 4.5",
        200_000,
        64_000,
        True,
    )
    assert endpoints["anthropic", opus.id].upstream_model == "claude-opus-4-5"
    assert len([row for row in built.endpoints if row.model == "z-ai/glm-5.3"]) >= 5
    assert all(row.price.base.prompt >= 0 and "/" in row.model for row in built.endpoints)
