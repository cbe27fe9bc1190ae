"""What can be put under the load: Wideband itself, the mock without anything between, and (bench/peers) others."""

import socket
import sys
from functools import partial
from pathlib import Path
from typing import Protocol

from bench import nginx
from bench.machine import Process, environment, free_port
from bench.traffic import DIALECTS, OPENAI, SCRIPTS, SHORT, Dialect, Lane, Route, Script, path_of, request

START_S = 60
# What whole replies come from.
NGINX_UPSTREAM, OWN_UPSTREAM = "nginx", "own"


class Upstreams:
    """The mock upstreams: one for whole replies, nginx if there is one, and our own for streams."""

    def __init__(self, folder: Path) -> None:
        self.whole = NGINX_UPSTREAM if nginx.available() else OWN_UPSTREAM
        self.stream_port, self.reply_port = free_port(), free_port()
        own = [sys.executable, "-m", "bench.mock"]
        self._processes = [Process([*own, str(self.stream_port)], folder / "mock.log")]
        if self.whole == NGINX_UPSTREAM:
            self._processes.append(nginx.mock(folder / "nginx-mock", self.reply_port))
        else:
            self._processes.append(Process([*own, str(self.reply_port)], folder / "mock-replies.log"))
        for process, port in zip(self._processes, (self.stream_port, self.reply_port), strict=True):
            process.wait_until(partial(listens, port), 10)

    def port(self, script: Script) -> int:
        return self.reply_port if script == "reply" else self.stream_port

    def stop(self) -> None:
        for process in self._processes:
            process.stop()


class Subject(Protocol):
    """One thing under the load. `route` is None where it cannot do the work; `pid` is the root of its processes."""

    name: str

    @property
    def pid(self) -> int: ...
    def start(self) -> None:
        """Start it and return once it has answered a chat completion. Raises `BenchError`."""
        ...

    def stop(self) -> None: ...
    def route(self, lane: Lane, script: Script) -> Route | None: ...


class Direct:
    """No gateway: the caller and the mock, to know what of a latency is not the gateway's."""

    name = "direct"

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    def route(self, lane: Lane, script: Script) -> Route | None:
        if lane.translated:
            return None
        return Route(port=self._upstreams.port(script), path=path_of(lane.inside, script, script), model=script)


class Wideband:
    """The gateway of this checkout with everything on: key, plan, hold, settle and record."""

    name = "wideband"

    def __init__(self, folder: Path, upstreams: Upstreams) -> None:
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self._log = folder / "wideband.log"
        self._config = self.home / "wideband.toml"
        self._config.write_text(_rows(upstreams))
        self._port = free_port()
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def launch(self) -> Process:
        """Start the process and return at once."""
        program = Path(sys.executable).with_name("wideband")
        options = ["--home", str(self.home), "--port", str(self._port), "--config", str(self._config)]
        self._process = Process([str(program), "serve", *options], self._log, environment(self.home))
        return self._process

    def start(self) -> None:
        self.launch().wait_until(self.answers, START_S, every_s=0.002)

    def answers(self) -> bool:
        """Ask once; True when a whole chat completion came back."""
        if not (self.home / "local.key").exists():
            return False
        return ask(self._port, request(self.route(OPENAI, "reply"), "openai_chat", "reply"))

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def route(self, lane: Lane, script: Script) -> Route:
        key = (self.home / "local.key").read_text().strip()
        model = model_name(lane.outside, script)
        return Route(
            port=self._port,
            path=path_of(lane.inside, model, script),
            model=model,
            headers={"authorization": f"Bearer {key}"},
        )


def model_name(outside: Dialect, script: Script) -> str:
    """Return what the subjects call the model that plays a script behind a protocol."""
    return f"bench/{SHORT[outside]}-{script}"


def _rows(upstreams: Upstreams) -> str:
    rows = []
    for dialect in DIALECTS:
        for server, port, scripts in (
            ("replies", upstreams.reply_port, SCRIPTS[:1]),
            ("streams", upstreams.stream_port, SCRIPTS[1:]),
        ):
            provider = f"bench-{SHORT[dialect]}-{server}"
            rows.append(
                f'[[provider]]\nslug = "{provider}"\nname = "{provider}"\ndialect = "{dialect}"\n'
                f'base_url = "http://127.0.0.1:{port}/v1"\nkey = "bench"\n'
            )
            rows.extend(
                f'[[endpoint]]\nprovider = "{provider}"\nmodel = "{model_name(dialect, script)}"\n'
                f'upstream_model = "{script}"\nprice = {{ prompt = "0.50", completion = "1.50" }}\n'
                for script in scripts
            )
    return "\n".join(rows)


def listens(port: int) -> bool:
    """Tell whether anybody takes connections on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port: int, payload: bytes) -> bool:
    """Send one request and tell whether the answer is a 200, whole or begun."""
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(payload)
            return connection.recv(65536).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
