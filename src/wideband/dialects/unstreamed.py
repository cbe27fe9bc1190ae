"""What stands for streams in the protocols of tasks that have none: embeddings and rankings come whole.

`read` never asks for a stream there, so the gateway calls none of this; who does is told so.
"""

from typing import NoReturn

from wideband.canon.events import Event, Failed
from wideband.canon.faults import Fault, FaultKind
from wideband.dialects.base import Envelope
from wideband.dialects.excerpts import excerpt
from wideband.wire.sse import Frame


class NoStreamDecoder:
    """Implements `dialects.base.StreamDecoder`: any stream is one that cannot be read."""

    def __init__(self) -> None:
        self._failed = False

    def feed(self, frame: Frame) -> list[Event]:
        return self._fail(excerpt(frame.data))

    def close(self) -> list[Event]:
        return self._fail(None)

    def _fail(self, raw: str | None) -> list[Event]:
        if self._failed:
            return []
        self._failed = True
        message = "The provider streamed what comes whole."
        return [Failed(Fault(kind=FaultKind.PROVIDER_GARBLED, message=message, raw=raw))]


def no_stream(envelope: Envelope) -> NoReturn:
    """Stand where a dialect's stream encoder and relay are made. Raises `RuntimeError`."""
    raise RuntimeError(f"the answer {envelope.id} comes whole: its task has no streams")
