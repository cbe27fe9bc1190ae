"""LiteLLM's proxy in its default mode with a configuration file: master key set, no database."""

from pathlib import Path

from bench.machine import Process, environment, free_port
from bench.peers.install import python_packages
from bench.peers.server import Server
from bench.subjects import Upstreams, model_name
from bench.traffic import SCRIPTS, Dialect, Lane, Route, Script, path_of

PACKAGES = ("litellm[proxy]==1.106.2",)
_KEY = "sk-bench-4bY7kQ2mXw9ZrT5vHc8LnJ3s"
# LiteLLM's name of a protocol's provider, and what it adds to the base address by itself.
_PROVIDERS: dict[Dialect, tuple[str, str]] = {"openai_chat": ("openai", "/v1"), "anthropic_messages": ("anthropic", "")}


class LiteLLM(Server):
    """One LiteLLM worker."""

    name = "litellm"

    def __init__(self, folder: Path, upstreams: Upstreams) -> None:
        super().__init__(folder)
        self._programs = python_packages(self.name, PACKAGES)
        self._port = free_port()
        self._upstreams = upstreams

    def launch(self) -> Process:
        config = self.folder / "litellm.yaml"
        config.write_text(self._config())
        # Without the first it asks the network for prices at every start.
        env = environment(
            self.folder, LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_MASTER_KEY=_KEY, LITELLM_LOG="ERROR"
        )
        command = [
            str(self._programs / "litellm"),
            "--config",
            str(config),
            "--host",
            "127.0.0.1",
            "--port",
            str(self._port),
        ]
        return Process(command, self.folder / "litellm.log", env)

    def _config(self) -> str:
        rows = ["model_list:"]
        for dialect, (provider, suffix) in _PROVIDERS.items():
            for script in SCRIPTS:
                base = f"http://127.0.0.1:{self._upstreams.port(script)}{suffix}"
                parameters = f"model: {provider}/{script}, api_base: '{base}', api_key: bench"
                rows.append(f"  - {{model_name: {model_name(dialect, script)}, litellm_params: {{{parameters}}}}}")
        return "\n".join(rows) + "\n"

    def route(self, lane: Lane, script: Script) -> Route | None:
        # It sends Messages requests for OpenAI models to the upstream's Responses API, which the mock does not speak.
        if lane.inside == "anthropic_messages" and lane.translated:
            return None
        if not {lane.inside, lane.outside} <= _PROVIDERS.keys():
            return None
        return Route(
            port=self._port,
            path=path_of(lane.inside, script, script),
            model=model_name(lane.outside, script),
            headers={"authorization": f"Bearer {_KEY}"},
        )
