"""nginx, where the machine has it: as an upstream that costs almost nothing, and as the physical limit of proxying."""

import os
import shutil
from pathlib import Path

from bench.answers import REPLIES
from bench.machine import Process
from bench.traffic import path_of

_FRAME = """
{user}worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  tcp_nodelay on;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  client_max_body_size 64m;
  client_body_buffer_size 1m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{rest}
}}
"""

_MOCK = """
    location = {path} {{ default_type application/json; return 200 '{reply}'; }}"""

_PROXY = """
    location /{name}/ {{
      proxy_pass http://{name}/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 300s;
    }}"""

_POOL = "  upstream {name} {{ server 127.0.0.1:{port}; keepalive 1024; keepalive_requests 1000000000; }}\n"


def available() -> str | None:
    """Return where nginx is, or None."""
    return shutil.which("nginx", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin")


def mock(folder: Path, port: int) -> Process:
    """Start an nginx that answers every protocol with its fixed whole reply."""
    locations = "".join(
        _MOCK.format(path=path_of(name, "reply", "reply"), reply=reply.decode()) for name, reply in REPLIES.items()
    )
    return _start(folder, f"  server {{\n    listen 127.0.0.1:{port} backlog=2048;{locations}\n  }}")


def proxy(folder: Path, port: int, upstreams: dict[str, int]) -> Process:
    """Start an nginx that passes `/NAME/...` on to the port of that name, and does nothing else."""
    pools = "".join(_POOL.format(name=name, port=to) for name, to in upstreams.items())
    locations = "".join(_PROXY.format(name=name) for name in upstreams)
    return _start(folder, f"{pools}  server {{\n    listen 127.0.0.1:{port} backlog=2048;{locations}\n  }}")


def _start(folder: Path, rest: str) -> Process:
    binary = available()
    assert binary is not None
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nginx.conf"
    # A master that runs as root would give its worker to a user who cannot enter our folder.
    config.write_text(_FRAME.format(user="user root;\n" if os.geteuid() == 0 else "", folder=folder, rest=rest))
    return Process([binary, "-c", str(config), "-p", str(folder), "-e", "stderr"], folder / "nginx.log")
