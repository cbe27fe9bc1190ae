"""One server for all tests that only ask it things; those that break it start their own."""

from collections.abc import Iterator

import pytest
from tests.e2e.served import Served, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home")) as running:
        yield running
