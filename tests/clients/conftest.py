"""One gateway and one scripted provider for all clients, which are installed if they are not yet."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripts.clients import NODE, Client, cache, chosen, install, read_lock
from tests.clients.stage import Stage, config
from tests.clients.upstream.provider import Provider, providing
from tests.e2e.served import Served, serving


@pytest.fixture(scope="session")
def installed() -> dict[str, Client]:
    """The chosen clients, installed now if they are not yet."""
    clients = read_lock(cache(os.environ))
    wanted = chosen(clients, (), os.environ)
    problems = install(wanted, clients[NODE])
    assert problems == [], "\n".join(problems)
    return {client.name: client for client in wanted}


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    with providing() as running:
        yield running


@pytest.fixture(scope="session")
def gateway(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("gateway"), config(provider.url)) as running:
        yield running


@pytest.fixture
def stage(installed: dict[str, Client], provider: Provider, gateway: Served, tmp_path: Path) -> Stage:
    made = Stage(gateway, provider, installed, tmp_path)
    made.begin()
    return made
