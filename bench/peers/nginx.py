"""nginx passing bytes on: no key, no route, no record. The physical reference."""

from pathlib import Path

from bench import nginx
from bench.machine import BenchError, Process, free_port
from bench.peers.server import Server
from bench.subjects import Upstreams
from bench.traffic import Lane, Route, Script, path_of


class Nginx(Server):
    """nginx as a plain reverse proxy."""

    name = "nginx"

    def __init__(self, folder: Path, upstreams: Upstreams) -> None:
        super().__init__(folder)
        if nginx.available() is None:
            raise BenchError("peer nginx: not on this machine (Debian: apt-get install nginx-light)")
        self._ports = {"replies": upstreams.reply_port, "streams": upstreams.stream_port}
        self._port = free_port()

    def launch(self) -> Process:
        return nginx.proxy(self.folder / "nginx-proxy", self._port, self._ports)

    def route(self, lane: Lane, script: Script) -> Route | None:
        if lane.translated:
            return None
        server = "replies" if script == "reply" else "streams"
        return Route(port=self._port, path=f"/{server}{path_of(lane.inside, script, script)}", model=script)
