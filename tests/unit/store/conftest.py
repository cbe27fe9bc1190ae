"""A ledger in a home of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wideband.store.ledger import LocalLedger


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[LocalLedger]:
    made = LocalLedger(tmp_path, sweep_s=0.02)
    yield made
    await made.close()
