"""A home whose catalogue is already built, so that each test starts in milliseconds."""

from pathlib import Path

import pytest

from wideband.config import Settings, load_market


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    load_market(Settings(home=folder), environ={"WIDEBAND_DISCOVER": "0"})
    return folder
