"""What all peers have in common: a folder, a port, a process that is started and asked until it answers."""

from pathlib import Path

from bench.machine import Process
from bench.subjects import ask
from bench.traffic import OPENAI, Lane, Route, Script, request

# LiteLLM took up to 28 s on a busy machine.
START_S = 120


class Server:
    """A peer's process; a subclass says how to start it and how it is asked.

    Making one installs it, and raises `BenchError` when it is not to be had here.
    """

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def launch(self) -> Process:
        """Start the process and return at once."""
        raise NotImplementedError

    def route(self, lane: Lane, script: Script) -> Route | None:
        raise NotImplementedError

    def start(self) -> None:
        self._process = self.launch()
        self._process.wait_until(self.answers, START_S, every_s=0.02)

    def answers(self) -> bool:
        """Ask once; True when a whole chat completion came back."""
        route = self.route(OPENAI, "reply")
        return route is not None and ask(route.port, request(route, "openai_chat", "reply"))

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None
