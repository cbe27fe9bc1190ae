"""Peers: other gateways on the same work, each installed by package name into a folder of its own under `.bench/`."""

from collections.abc import Callable
from pathlib import Path

from bench.peers.litellm import LiteLLM
from bench.peers.nginx import Nginx
from bench.peers.portkey import Portkey
from bench.peers.tensorzero import TensorZero
from bench.subjects import Subject, Upstreams

PEERS: dict[str, Callable[[Path, Upstreams], Subject]] = {
    "nginx": Nginx,
    "litellm": LiteLLM,
    "portkey": Portkey,
    "tensorzero": TensorZero,
}
