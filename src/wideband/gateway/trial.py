"""One try: a call to one endpoint, until it commits or is refused, and on to the end of its answer."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping

import msgspec

from wideband.canon.events import MEANINGFUL, Event, Failed, Finished
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.reply import Reply, unfold
from wideband.canon.request import Loss
from wideband.catalog.rows import Endpoint
from wideband.clock import monotonic_ns, now_ns
from wideband.dialects.base import Envelope
from wideband.dialects.carriages import Frames, Packing
from wideband.gateway.lanes import EncodedWriter, Lane, Writer, told_tier
from wideband.gateway.watch import Watch
from wideband.gateway.work import Work
from wideband.metering.meter import Meter
from wideband.upstream.base import Answer
from wideband.wire.eventstream import BrokenError
from wideband.wire.halves import Mender
from wideband.wire.sse import Decoder, Frame, TooLargeError

MAX_FAULT_BYTES = 64 * 1024
# Opening frames held back before the first meaningful event; more than this commits.
MAX_HELD_BYTES = 256 * 1024

_NOTHING = Frame(b"")


class _Reader:
    """Turns the upstream's bytes into the client's, telling the meter and the try what was in them."""

    def __init__(self, trial: "Trial", writer: Writer) -> None:
        self._trial, self._writer = trial, writer
        self._saw = trial.meter.saw
        if trial.said is not None:
            self._saw = trial.saw
        self._frames: Frames = trial.packing.frames() if trial.packing else Decoder()
        self._events = trial.dialect.stream_decoder()
        self._mend = Mender().mend

    def take(self, chunk: bytes | None, at_ns: int) -> bytes:
        """Return what the client gets for a chunk, None being the end. Raises `Faulted`."""
        try:
            frames = self._frames.close() if chunk is None else self._frames.feed(chunk)
        except (TooLargeError, BrokenError) as error:
            raise Faulted(Fault(kind=FaultKind.PROVIDER_GARBLED, message=str(error))) from None
        pieces = [self._pass(frame, self._events.feed(frame), at_ns) for frame in map(self._mend, frames)]
        if chunk is None:
            pieces.append(self._pass(_NOTHING, self._events.close(), at_ns))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _pass(self, frame: Frame, events: list[Event], at_ns: int) -> bytes:
        trial = self._trial
        if trial.broke is not None:
            return b""
        if events:
            self._saw(events, at_ns)
            if trial.look(events):
                # Words before the failure still go out; the failure itself is told at the end, in our own words.
                events = [event for event in events if type(event) is not Failed]
                return self._writer.feed(_NOTHING, events) if events else b""
        return self._writer.feed(frame, events)


class Trial:
    """A try in progress. After `run` returned None the caller is being answered by it; how it broke is in `broke`.

    `watch` guards the task that runs it, `meter` counts it. `claim` is asked before it commits, and raises `Faulted`
    when another try has. `heard` says that something of the answer's body has come, `wait_told` that the health board
    knows how long its first token took.
    """

    def __init__(self, work: Work, endpoint: Endpoint, lane: Lane, watch: Watch, meter: Meter) -> None:
        self.work = work
        self.endpoint = endpoint
        self.lane = lane
        self.watch = watch
        self.meter = meter
        self.claim: Callable[[Trial], None] | None = None
        self.losses: tuple[Loss, ...] = ()
        self.heard = self.wait_told = False
        self._cut_s = 0.0
        self.dialect = lane.outward
        self.envelope = Envelope(
            id=work.id,
            model=endpoint.model,
            provider=endpoint.provider.name,
            provider_slug=endpoint.provider.slug,
            asked=work.ask.fields,
            created_s=work.created_ns // 1_000_000_000,
            include_usage=work.ask.include_usage,
            hides_reasoning=work.ask.hides_reasoning,
            service_tier=told_tier(work.ask, endpoint),
        )
        self.committed = False
        self.broke: Fault | None = None
        self.writer: Writer | None = None
        self.whole: tuple[bytes, Reply] | None = None
        self.packing: Packing | None = None
        # What the provider says, where the answer is to be kept.
        self.said: list[Event] | None = [] if work.slot is not None else None
        self._held: list[bytes] = []
        self._held_size = 0
        self._choices_left = work.ask.n

    async def run(self) -> Fault | None:
        """Make the call and carry its answer. Returns the fault when nothing of it reached the caller."""
        work, watch, terms = self.work, self.watch, self.work.exchange.terms
        answer: Answer | None = None
        try:
            watch.check()
            address = work.exchange.address(self.endpoint, self.dialect, work.secrets)
            passed = work.caller.passed.get(self.dialect.name, {})
            draft = address.packed(self.lane.draft(address.target), passed, stream=work.ask.stream)
            self.losses = draft.losses
            call = address.call(draft, terms.connect_s, work.first_token_s)
            self.packing = address.packing
            watch.arm(work.first_token_s, FaultKind.PROVIDER_TIMEOUT)
            watch.phase = "reading"
            if address.authorizer is not None:
                call = await address.authorized(call)
            answer = await work.exchange.upstream.send(call)
            self.meter.headers(answer.status, monotonic_ns())
            await self._take(answer)
        except Faulted as error:
            return self._failed(error.fault)
        except asyncio.CancelledError:
            fault = watch.fault()
            if fault is None:
                raise
            return self._failed(fault)
        finally:
            watch.phase = "idle"
            if answer is not None:
                answer.release()
        return None

    def _failed(self, fault: Fault) -> Fault | None:
        if self.committed:
            self.broke = self.broke or fault
            return None
        return fault

    async def _take(self, answer: Answer) -> None:
        if not 200 <= answer.status < 300:
            raise Faulted(await self._refusal(answer))
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind in {"text/html", "text/xml"}:
            raise Faulted(Fault(kind=FaultKind.PROVIDER_GARBLED, message=f"The provider answered with {kind}."))
        if self.work.ask.stream and kind != "application/json":
            await self._take_stream(answer)
        else:
            await self._take_whole(answer)

    async def _refusal(self, answer: Answer) -> Fault:
        """Read an error answer. Its status says most of it, so it does not matter what of its body is missing."""
        pieces, size = [], 0
        with contextlib.suppress(Faulted, TimeoutError):
            async with asyncio.timeout(self.work.exchange.terms.tail_s):
                while size < MAX_FAULT_BYTES and (piece := await answer.chunk()):
                    pieces.append(piece)
                    size += len(piece)
        body = b"".join(pieces)[:MAX_FAULT_BYTES]
        if self.packing is not None:
            body = self.packing.refusal(body)
        fault = self.dialect.decode_fault(answer.status, body)
        retry_after_s = _retry_after(answer.headers)
        return fault if retry_after_s is None else msgspec.structs.replace(fault, retry_after_s=retry_after_s)

    async def _take_whole(self, answer: Answer) -> None:
        """Take an answer that comes as one JSON body, also when a stream was asked for."""
        body = await answer.read(self.work.exchange.terms.max_reply_bytes)
        reply = self.dialect.decode_reply(body)
        if reply.fault is not None and not reply.choices:
            raise Faulted(reply.fault)
        events = unfold(reply)
        self._commit()
        self.meter.saw(events, monotonic_ns())
        self.broke = reply.fault
        if self.work.ask.stream:
            if self.said is not None:
                self.said.extend(events)
            encoder = self.work.dialect.stream_encoder(self.envelope)
            self.writer = EncodedWriter(encoder, self.lane.losses, self.envelope.provider_slug)
            await self._send(self.writer.feed(_NOTHING, events))
        else:
            self.whole = (body, reply)

    async def _take_stream(self, answer: Answer) -> None:
        watch, terms = self.watch, self.work.exchange.terms
        self.writer = self.lane.writer(self.envelope)
        reader = _Reader(self, self.writer)
        chunk: bytes | None = b""
        while chunk is not None and self.broke is None:
            watch.phase = "reading"
            chunk = await self._next(answer)
            came_ns = monotonic_ns()
            data = reader.take(chunk, came_ns)
            if self.committed and not self.wait_told:
                self._tell_wait()
            await self._send(data)
            self.meter.kept_waiting(monotonic_ns() - came_ns)
            if self.committed:
                watch.arm(terms.inter_token_s if self._choices_left > 0 else terms.tail_s, FaultKind.PROVIDER_STALLED)
            elif not self.heard:
                self._hear()
        if not self.committed:
            raise Faulted(
                Fault(kind=FaultKind.PROVIDER_CUT, message="The provider ended the stream without an answer.")
            )

    async def _next(self, answer: Answer) -> bytes | None:
        """Return the next bytes, None at the end.

        What comes after every choice has finished is no part of the answer: a connection that then stays open, or
        ends otherwise than HTTP says, has ended.
        """
        try:
            return await answer.chunk() or None
        except Faulted:
            if self._choices_left > 0:
                raise
            return None
        except asyncio.CancelledError:
            if self._choices_left > 0 or (fault := self.watch.fault()) is None:
                raise
            if fault.kind is FaultKind.CANCELLED:
                raise Faulted(fault) from None
            return None

    def saw(self, events: Iterable[Event], at_ns: int) -> None:
        """Count what the provider says, and keep it."""
        self.meter.saw(events, at_ns)
        if self.said is not None:
            self.said.extend(events)

    def look(self, events: list[Event]) -> bool:
        """Find out whether these events commit the try; returns whether they broke it off.

        Raises `Faulted` when it failed before it committed.
        """
        for event in events:
            kind = type(event)
            if kind in MEANINGFUL:
                if kind is Finished and not self.committed and event.reason == "error":  # type: ignore[union-attr]  # kind says so
                    raise Faulted(Fault(kind=FaultKind.PROVIDER_ERROR, message="The provider gave up on the answer."))
                if not self.committed:
                    self._commit()
                self._choices_left -= kind is Finished
            elif kind is Failed:
                fault: Fault = event.fault  # type: ignore[union-attr]  # kind says so
                if not self.committed:
                    raise Faulted(fault)
                self.broke = fault
                return True
        return False

    def hurry(self, after_s: float) -> None:
        """Give up after so long, unless something of the answer's body has come or comes until then."""
        if not self.heard and not self.committed and after_s < (left_s := self.watch.wait_s):
            self._cut_s = left_s - after_s
            self.watch.wait_s = after_s

    def _tell_wait(self) -> None:
        """Let the health board know how long the first token took, unless the answer came in one piece."""
        ttft_ns = self.meter.ttft_ns
        if self._choices_left > 0 and ttft_ns is not None:
            self.work.exchange.health.answering(self.endpoint.id, ttft_ns, now_ns())
            self.wait_told = True

    def _hear(self) -> None:
        """Take the first bytes of a body as a sign of life, though they say nothing yet."""
        self.heard = True
        if self._cut_s:
            self.watch.wait_s += self._cut_s

    def _commit(self) -> None:
        """Make this the try that answers. Raises `Faulted` when another one is that already."""
        if self.claim is not None:
            self.claim(self)
        self.committed = True
        self.work.losses[:] = self.losses

    async def _send(self, data: bytes) -> None:
        """Hand bytes to the caller, or hold them back until the try has committed."""
        if not self.committed:
            self._held.append(data)
            self._held_size += len(data)
            if self._held_size > MAX_HELD_BYTES:
                raise Faulted(Fault(kind=FaultKind.PROVIDER_GARBLED, message="The provider sent no content at length."))
            return
        if self._held:
            data = b"".join((*self._held, data))
            self._held = []
        if data:
            self.watch.phase = "writing"
            await self.work.send(data)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "").strip()
    try:
        return max(0.0, min(float(text), 3600.0)) if text else None
    except ValueError:  # An HTTP date: providers of models send seconds; a date is not worth a clock here.
        return None
