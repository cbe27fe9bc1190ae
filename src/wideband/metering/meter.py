"""Counts one generation from its events and their times; told everything, it asks nobody.

`at_ns` is monotonic time throughout; `unix_ns` and `created_ns` are unix time.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from wideband.canon.events import (
    MEANINGFUL,
    Counted,
    Event,
    Finished,
    FinishReason,
    OpaqueDelta,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    Started,
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.canon.faults import Fault
from wideband.canon.usage import Usage
from wideband.catalog.rows import Endpoint
from wideband.dialects.base import Offer
from wideband.metering.record import Generation, Try
from wideband.metering.verdicts import Heard, judge
from wideband.routing.plans import Verdict, Weighed

# What a token is worth in characters when the provider does not count: right within a fifth for English and code.
CHARS_A_TOKEN = 4

# A wait between two events that a reader would notice.
STALL_NS = 2_000_000_000
# Finishes of answers that are whole: the others were cut off, by a limit or a guard.
_WHOLE = frozenset({"stop", "tool_calls"})

_COUNTS = tuple(name for name in Usage.__struct_fields__ if name != "source")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a record needs beside what the meter saw: who asked, what was told and charged (nano-dollars).

    `served` is the endpoint whose try committed; without one the record names the model that was asked for. `at_ns` is
    the monotonic end of the request.
    """

    id: str
    created_ns: int
    at_ns: int
    account_id: str
    key_hash: str
    api_type: str
    dialect_in: str
    dialect_out: str | None
    lane: str
    requested_model: str
    streamed: bool
    status: int
    usage: Usage
    served: Endpoint | None = None
    fault: Fault | None = None
    cancelled: bool = False
    cost_nano: int = 0
    prompt_cost_nano: int = 0
    completion_cost_nano: int = 0
    cache_discount_nano: int = 0
    held_nano: int = 0
    rates: dict[str, int | None] = {}
    losses: tuple[str, ...] = ()
    session_id: str | None = None
    user: str | None = None
    app_url: str | None = None
    app_title: str | None = None
    user_agent: str | None = None
    strategy: str | None = None
    weighed: tuple[Weighed, ...] = ()
    is_warm: bool = False
    tool_verdict: str | None = None
    structured_verdict: str | None = None
    service_tier: str | None = None
    is_byok: bool = False
    upstream_cost_nano: int = 0
    is_insured: bool = False
    is_replayed: bool = False
    preset: str | None = None
    task_tag: str | None = None


class _Open:
    """A try that is under way."""

    __slots__ = ("at_ns", "endpoint", "headers_ns", "hedge", "status", "unix_ns", "upstream_id")

    def __init__(self, endpoint: Endpoint, at_ns: int, unix_ns: int, hedge: bool) -> None:
        self.endpoint = endpoint
        self.at_ns = at_ns
        self.unix_ns = unix_ns
        self.hedge = hedge
        self.status = 0
        self.headers_ns: int | None = None
        self.upstream_id: str | None = None


class Meter:
    """Feed it in the order of things; it keeps the counts of the newest try and the history of all."""

    def __init__(self, at_ns: int, heard: Heard | None = None) -> None:
        """Begin at the arrival of the request; what `heard` wants of answers is kept there."""
        self.tries: list[Try] = []
        self._heard = heard or Heard()
        self._began_ns = at_ns
        self._try: _Open | None = None
        self._forget(at_ns)

    def _forget(self, at_ns: int) -> None:
        self._heard.forget()
        self.tool_calls = 0
        self.stalls = 0
        self._quiet_ns = at_ns
        self._try_ns = at_ns
        self._first_ns: int | None = None
        self._last_ns = at_ns
        self._chars = 0
        self._reasoning_chars = 0
        self._said_unread = False
        self._counted: Usage | None = None
        self._finish: Finished | None = None

    # What is known so far, of the newest try.

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the model said that it is done, None as long as it has not."""
        return self._finish.reason if self._finish is not None else None

    @property
    def is_silent(self) -> bool:
        """Whether nothing was said: no word, no thinking, no call, nothing that only its dialect understands."""
        return not (self._chars or self._reasoning_chars or self.tool_calls or self._said_unread)

    @property
    def ttft_ns(self) -> int | None:
        """How long the endpoint took to its first meaningful event."""
        return None if self._first_ns is None else self._first_ns - self._try_ns

    @property
    def generation_ns(self) -> int | None:
        """How long it took from there to the newest event."""
        return None if self._first_ns is None else self._last_ns - self._first_ns

    # Tries.

    def beside(self) -> "Meter":
        """Return a meter for a try beside the one that this counts; both write into one history."""
        other = Meter(self._began_ns, self._heard.beside())
        other.tries = self.tries
        return other

    def try_started(self, endpoint: Endpoint, at_ns: int, unix_ns: int, *, hedge: bool = False) -> None:
        """Begin a call to an endpoint; what an earlier try said no longer counts."""
        self._forget(at_ns)
        self._try = _Open(endpoint, at_ns, unix_ns, hedge)

    def headers(self, status: int, at_ns: int) -> None:
        """Note the arrival of the response headers."""
        if self._try is not None:
            self._try.status = status
            self._try.headers_ns = at_ns

    def try_ended(self, fault: Fault | None, at_ns: int) -> None:
        """Close the current try, if one is open, with the fault that ended it."""
        current, self._try = self._try, None
        if current is None:
            return
        endpoint = current.endpoint
        self.tries.append(
            Try(
                endpoint_id=endpoint.row_id,
                provider=endpoint.provider.slug,
                provider_name=endpoint.provider.name,
                model=endpoint.model,
                status=current.status,
                fault=fault.kind.value if fault else None,
                message=fault.message if fault else None,
                counted_as_down=fault is not None and fault.rule.counts_as_down,
                started_ns=current.unix_ns,
                headers_ms=_ms(current.at_ns, current.headers_ns),
                ttft_ms=_ms(current.at_ns, self._first_ns),
                duration_ms=(at_ns - current.at_ns) / 1e6,
                upstream_id=current.upstream_id,
                is_byok=endpoint.own_key is not None,
                hedge=current.hedge,
            )
        )

    # Events.

    def saw(self, events: Iterable[Event], at_ns: int) -> None:
        """Take events of the current try that came at this time."""
        if at_ns - self._quiet_ns >= STALL_NS and self._first_ns is not None:
            self.stalls += 1
        self._quiet_ns = at_ns
        hears_text = self._heard.wants_text
        for event in events:
            kind = type(event)
            if self._first_ns is None and kind in MEANINGFUL:
                self._first_ns = at_ns
            if kind is TextDelta:
                self._chars += len(event.text)  # type: ignore[union-attr]  # kind says so
                if hears_text:
                    self._heard.said(event)
            elif (take := _TAKE.get(kind)) is not None:
                take(self, event)
        self._last_ns = at_ns

    def kept_waiting(self, ns: int) -> None:
        """Note for how long nobody listened, because the caller took its time: that is no stall of the endpoint."""
        self._quiet_ns += ns

    def _take_reasoning(self, event: ReasoningDelta) -> None:
        self._reasoning_chars += len(event.text)

    def _take_refusal(self, event: RefusalDelta) -> None:
        self._chars += len(event.text)
        self._heard.refused = True

    def _take_tool(self, event: ToolOpened) -> None:
        self.tool_calls += 1
        self._chars += len(event.name)
        self._heard.opened(event)

    def _take_args(self, event: ToolArgs) -> None:
        self._chars += len(event.fragment)
        self._heard.argued(event)

    def _take_unread(self, _event: OpaqueDelta | ReasoningSealed) -> None:
        self._said_unread = True

    def _take_finish(self, event: Finished) -> None:
        if self._finish is None or event.choice == 0:
            self._finish = event

    def _take_count(self, event: Counted) -> None:
        self._counted = event.usage if self._counted is None else _later(self._counted, event.usage)

    def _take_start(self, event: Started) -> None:
        if self._try is not None and event.id:
            self._try.upstream_id = event.id

    # Results.

    def verdicts(self, offered: Callable[[], Offer]) -> tuple[Verdict | None, Verdict | None]:
        """Judge the calls and the text of an answer that came to its end; what was offered is read only if need be."""
        reason = self.finish_reason
        calls = self._heard.calls if reason in _WHOLE else ()
        text = self._heard.text if reason == "stop" and not self.tool_calls else None
        return judge(offered(), calls, text) if calls or text is not None else (None, None)

    def usage(self, prompt_chars: int) -> Usage:
        """Return the tokens to charge for: the provider's counts, completed by estimates where it gave none.

        Estimates are tagged so. An answer that broke off has the provider's last counts or what was seen of it,
        whichever is more; one of which nothing was seen and nothing counted has used nothing.
        """
        counted = self._counted or Usage()
        reasoning = -(-self._reasoning_chars // CHARS_A_TOKEN)
        completion = -(-(self._chars + self._reasoning_chars) // CHARS_A_TOKEN)
        trusted = counted.completion_tokens > 0 if self._finish is not None else counted.completion_tokens >= completion
        if self._counted is not None and counted.prompt_tokens and (trusted or not completion):
            return counted
        if self._counted is None and self._first_ns is None:
            return Usage(source="estimated")
        if trusted:
            completion, reasoning = counted.completion_tokens, counted.reasoning_tokens
        return msgspec.structs.replace(
            counted,
            prompt_tokens=counted.prompt_tokens or -(-prompt_chars // CHARS_A_TOKEN),
            completion_tokens=completion,
            reasoning_tokens=max(reasoning, counted.reasoning_tokens),
            source="estimated",
        )

    def close(self, facts: Facts) -> Generation:
        """Return the one record of this generation, ending a try that is still open."""
        self.try_ended(facts.fault, facts.at_ns)
        served, fault, usage = facts.served, facts.fault, facts.usage
        fields = msgspec.structs.asdict(facts)
        for name in _READ_FACTS:
            del fields[name]
        fields |= self._answer() if served is not None else _NO_ANSWER
        for name in _RECORDED_COUNTS:
            fields[name] = getattr(usage, name)
        return Generation(
            model=served.model if served else facts.requested_model,
            provider=served.provider.slug if served else None,
            provider_name=served.provider.name if served else None,
            endpoint_id=served.row_id if served else None,
            simulated=served is not None and served.simulated,
            fault=fault.kind.value if fault else None,
            fault_message=fault.message if fault else None,
            tries=tuple(self.tries),
            usage_source=usage.source,
            duration_ms=(facts.at_ns - self._began_ns) / 1e6,
            **fields,
        )

    def _answer(self) -> dict[str, Any]:
        finish = self._finish
        return {
            "upstream_id": self.tries[-1].upstream_id if self.tries else None,
            "finish_reason": finish.reason if finish else None,
            "native_finish_reason": finish.native if finish else None,
            "tool_calls": self.tool_calls,
            "stalls": self.stalls,
            "latency_ms": _ms(self._began_ns, self._first_ns),
            "ttft_ms": _ms(self._try_ns, self._first_ns),
            "generation_ms": _ms(self._first_ns, self._last_ns),
        }


_TAKE: dict[type, Callable[[Meter, Any], None]] = {
    ReasoningDelta: Meter._take_reasoning,
    RefusalDelta: Meter._take_refusal,
    ToolOpened: Meter._take_tool,
    ToolArgs: Meter._take_args,
    OpaqueDelta: Meter._take_unread,
    ReasoningSealed: Meter._take_unread,
    Finished: Meter._take_finish,
    Counted: Meter._take_count,
    Started: Meter._take_start,
}

_NO_ANSWER = {
    "upstream_id": None,
    "finish_reason": None,
    "native_finish_reason": None,
    "tool_calls": 0,
    "stalls": 0,
    "latency_ms": None,
    "ttft_ms": None,
    "generation_ms": None,
}
_RECORDED_COUNTS = tuple(name for name in _COUNTS if name in Generation.__struct_fields__)
# Facts that a record holds in another form, if at all; it has all others by the same names.
_READ_FACTS = ("served", "fault", "usage", "at_ns")


def _later(held: Usage, new: Usage) -> Usage:
    """Let new counts win field by field, as `canon.events` says; one that is left out later stays what it was."""
    return Usage(**{name: getattr(new, name) or getattr(held, name) for name in _COUNTS})


def _ms(from_ns: int | None, to_ns: int | None) -> float | None:
    return None if from_ns is None or to_ns is None else (to_ns - from_ns) / 1e6
