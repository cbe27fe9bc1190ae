"""The server that runs on a home: where it is, and asking it."""

from pathlib import Path
from typing import Any
from urllib import error, request

import click

from wideband.server.process import running_file
from wideband.wire import jsons

TIMEOUT_S = 10.0


def running(home: Path) -> dict[str, Any] | None:
    """Return what the server of a home told about itself; None without one. One that was killed left it behind."""
    try:
        facts = jsons.decode(running_file(home).read_bytes())
    except (OSError, jsons.DecodeError):
        return None
    return facts if isinstance(facts, dict) else None


def answer_of(call: request.Request) -> Any:
    """Return the JSON a server answers. Raises `ClickException` with what it refuses, `OSError` when none is there."""
    try:
        with request.urlopen(call, timeout=TIMEOUT_S) as answer:
            return jsons.decode(answer.read())
    except error.HTTPError as refused:
        raise click.ClickException(jsons.decode(refused.read())["error"]["message"]) from None
