"""TensorZero: its Python wheel embeds the gateway, which serves OpenAI's shape on a port of its own choice."""

import re
from pathlib import Path

from bench.machine import Process, environment
from bench.peers.install import python_packages
from bench.peers.server import START_S, Server
from bench.subjects import Upstreams, model_name
from bench.traffic import SCRIPTS, Dialect, Lane, Route, Script

PACKAGES = ("tensorzero==2026.6.0",)
_TYPES: dict[Dialect, str] = {"openai_chat": "openai", "anthropic_messages": "anthropic"}

_PROGRAM = """
import sys, threading
from tensorzero import tensorzero
none = dict(clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False)
gateway = tensorzero._start_http_gateway(config_file=sys.argv[1], **none)
print(gateway.base_url, flush=True)
threading.Event().wait()
"""


class TensorZero(Server):
    """One TensorZero gateway, observability off: it has no records without ClickHouse."""

    name = "tensorzero"

    def __init__(self, folder: Path, upstreams: Upstreams) -> None:
        super().__init__(folder)
        self._programs = python_packages(self.name, PACKAGES)
        self._port = 0
        self._log = folder / "tensorzero.log"
        self._upstreams = upstreams

    def launch(self) -> Process:
        config, program = self.folder / "tensorzero.toml", self.folder / "gateway.py"
        config.write_text(self._config())
        program.write_text(_PROGRAM)
        self._log.unlink(missing_ok=True)
        command = [str(self._programs / "python"), str(program), str(config)]
        process = Process(command, self._log, environment(self.folder, BENCH_KEY="bench"))
        process.wait_until(self._has_port, START_S)
        return process

    def _has_port(self) -> bool:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self._log.read_text())
        self._port = int(found[1]) if found else 0
        return bool(found)

    def _config(self) -> str:
        rows = ["[gateway]", "observability.enabled = false"]
        for dialect, kind in _TYPES.items():
            for script in SCRIPTS:
                name = model_name(dialect, script).replace("/", "-")
                rows += [
                    f'[models."{name}"]\nrouting = ["mock"]\n[models."{name}".providers.mock]',
                    f'type = "{kind}"\nmodel_name = "{script}"\napi_key_location = "env::BENCH_KEY"',
                    f'api_base = "http://127.0.0.1:{self._upstreams.port(script)}/v1/"',
                ]
        return "\n".join(rows) + "\n"

    def route(self, lane: Lane, script: Script) -> Route | None:
        if lane.inside != "openai_chat" or lane.outside not in _TYPES:
            return None
        name = model_name(lane.outside, script).replace("/", "-")
        return Route(port=self._port, path="/openai/v1/chat/completions", model=f"tensorzero::model_name::{name}")
