"""One answer seen from the client's side: when its words came, and whether it is whole."""

from wideband.canon.events import (
    MEANINGFUL,
    Counted,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
)
from wideband.canon.faults import Fault
from wideband.canon.request import Request
from wideband.canon.usage import Usage
from wideband.clock import monotonic_ns
from wideband.replay.prompts import CHARS_PER_TOKEN, SANDBOX_PREFIX
from wideband.replay.tally import Result

# Failures only the client can see, beside the kinds of faults the server tells it.
UNFINISHED = "unfinished"
UNCOUNTED = "uncounted"
WRONG_LENGTH = "wrong_length"
# Words that came closer together than this came in one burst, whose speed says nothing.
_BURST_NS = 10_000_000


class Watch:
    """Is shown an answer's events as they come, and judges them at the end."""

    def __init__(self, request: Request, due_ns: int) -> None:
        self._request = request
        self._sent_ns = monotonic_ns()
        self._late_ms = max(0.0, (self._sent_ns - due_ns) / 1e6)
        self._first_ns: int | None = None
        self._last_ns = self._sent_ns
        self._first_chars = 0
        self._chars = 0
        self._is_finished = False
        self._usage: Usage | None = None
        self._generation_id: str | None = None
        self._fault: str | None = None

    def see(self, event: Event) -> None:
        """Take in one event, now."""
        kind = type(event)
        if kind in MEANINGFUL:
            self._last_ns = monotonic_ns()
            if isinstance(event, TextDelta | ReasoningDelta):
                self._chars += len(event.text)
            elif isinstance(event, Finished):
                self._is_finished = event.reason != "error"
            if self._first_ns is None:
                self._first_ns, self._first_chars = self._last_ns, self._chars
        elif isinstance(event, Started):
            self._generation_id = event.id
        elif isinstance(event, Counted):
            self._usage = event.usage
        elif isinstance(event, Failed):
            self.refused(event.fault)

    def refused(self, fault: Fault) -> None:
        """Note that there is no answer, or not all of it."""
        self._fault = fault.kind.value

    def result(self, *, is_streamed: bool) -> Result:
        """Judge the answer as it stands; the times of one in a single piece say nothing of its words."""
        usage = self._usage or Usage()
        return Result(
            late_ms=self._late_ms,
            fault=self._fault or self._flaw(),
            generation_id=self._generation_id,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            ttft_ms=(self._first_ns - self._sent_ns) / 1e6 if is_streamed and self._first_ns else None,
            tokens_per_s=self._speed(usage) if is_streamed else None,
        )

    def _flaw(self) -> str | None:
        if not self._is_finished:
            return UNFINISHED
        if self._usage is None:
            return UNCOUNTED
        wanted = self._request.max_tokens
        if self._request.model.startswith(SANDBOX_PREFIX) and wanted is not None:
            # Simulated models say exactly what they were told to: a lost or doubled piece shows.
            is_exact = self._chars == wanted * CHARS_PER_TOKEN and self._usage.completion_tokens == wanted
            return None if is_exact else WRONG_LENGTH
        return None

    def _speed(self, usage: Usage) -> float | None:
        """Return tokens a second after the first delivery, None when all came in one burst."""
        if self._first_ns is None or self._chars <= self._first_chars or self._last_ns - self._first_ns < _BURST_NS:
            return None
        share = (self._chars - self._first_chars) / self._chars
        return usage.completion_tokens * share * 1e9 / (self._last_ns - self._first_ns)
