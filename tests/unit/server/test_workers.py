"""Counters of workers: each leaves its own in a file, and any of them answers for all."""

import asyncio
from pathlib import Path

import pytest
from tests.unit.gateway.stage import stage

from wideband.server import workers
from wideband.server.metrics import Metrics
from wideband.server.workers import Counters
from wideband.tasks import spawn


async def test_counters_are_written_again_once_the_disk_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "METRICS_EVERY_S", 0.01)
    run = tmp_path / "run"
    run.write_text("in the way")
    exchange = stage({"a": []}).exchange
    exchange.open_requests = 3
    writer = spawn(Counters(tmp_path, 0).keep_writing(Metrics(), exchange), name="counters")
    await asyncio.sleep(0.05)
    assert caplog.text.count("cannot be written") == 1
    run.unlink()
    async with asyncio.timeout(2):
        while not (run / "metrics-0.json").exists():
            await asyncio.sleep(0.01)
    writer.cancel()
    text = Counters(tmp_path, 1).text(Metrics(), stage({"a": []}).exchange)
    assert "wideband_open_requests 3" in text
