"""Portkey's gateway: the route stands in each request's headers; no keys, no records."""

import os
from pathlib import Path

from bench.machine import Process, environment, free_port
from bench.peers.install import node_packages
from bench.peers.server import Server
from bench.subjects import Upstreams
from bench.traffic import Dialect, Lane, Route, Script, path_of

PACKAGES = {"@portkey-ai/gateway": "1.15.2"}
# With a newer one its streaming is broken.
OVERRIDES = {"@hono/node-server": "1.13.7"}

_PROVIDERS: dict[Dialect, str] = {"openai_chat": "openai", "anthropic_messages": "anthropic"}

# It has no option to listen on the loopback address only.
_LOOPBACK = """
const { Server } = require("net");
const listen = Server.prototype.listen;
Server.prototype.listen = function (port, ...rest) {
  const ready = rest.find((one) => typeof one === "function");
  return listen.call(this, { port: typeof port === "object" ? port.port : port, host: "127.0.0.1" }, ready);
};
"""


class Portkey(Server):
    """One Portkey process."""

    name = "portkey"

    def __init__(self, folder: Path, upstreams: Upstreams) -> None:
        super().__init__(folder)
        self._modules = node_packages(self.name, PACKAGES, OVERRIDES)
        self._port = free_port()
        self._upstreams = upstreams

    def launch(self) -> Process:
        preload = self.folder / "loopback.cjs"
        preload.write_text(_LOOPBACK)
        program = self._modules / "@portkey-ai/gateway/build/start-server.js"
        command = ["node", "-r", str(preload), str(program), "--headless", f"--port={self._port}"]
        return Process(command, self.folder / "portkey.log", environment(self.folder, PATH=os.environ["PATH"]))

    def route(self, lane: Lane, script: Script) -> Route | None:
        if lane.inside == "anthropic_messages" and lane.translated:
            return None
        if not {lane.inside, lane.outside} <= _PROVIDERS.keys():
            return None
        return Route(
            port=self._port,
            path=path_of(lane.inside, script, script),
            model=script,
            headers={
                "authorization": "Bearer bench",
                "x-portkey-provider": _PROVIDERS[lane.outside],
                "x-portkey-custom-host": f"http://127.0.0.1:{self._upstreams.port(script)}/v1",
            },
        )
