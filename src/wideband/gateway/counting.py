"""Counts a prompt's tokens: by the provider where it can, else by estimate."""

import asyncio
from collections.abc import Mapping

from wideband.canon.faults import Faulted, FaultKind
from wideband.dialects.base import Counter, Dialect
from wideband.dialects.registry import COUNTERS
from wideband.gateway import metadata
from wideband.gateway.exchange import Address, Exchange
from wideband.gateway.sink import Sink
from wideband.gateway.watch import Watch
from wideband.routing.variants import find_model
from wideband.upstream.base import Call

MAX_COUNT_BYTES = 64 * 1024


async def count_tokens(
    exchange: Exchange, dialect: Dialect, body: bytes, passed: Mapping[str, str], sink: Sink
) -> bytes:
    """Return the body of the answer. Raises `Faulted`: a body not understood, an unknown model, a client that left.

    `passed` are headers of the client's that a provider gets too; when the client of `sink` leaves, the provider is
    hung up on at once.
    """
    counter = COUNTERS[dialect.name]
    ask = counter.read(body)
    # A model that only an account's own key opens is counted by estimate.
    named = find_model(ask.model, exchange.catalogue) or find_model(ask.model, exchange.known or exchange.catalogue)
    if named is None:
        raise Faulted(metadata.unknown_model(ask.model, exchange.catalogue))
    watch = Watch(exchange.terms.total_s)
    sink.on_gone(watch.client_gone)
    try:
        for endpoint in exchange.catalogue.endpoints.get(named.model, ()):
            if dialect.name not in endpoint.provider.dialects(endpoint.model):
                continue
            address = exchange.address(endpoint, dialect)
            # A platform that packs the dialect in its own way counts in its own way too, if at all.
            if address.packing is None and "no_count_tokens" not in address.target.quirks:
                draft = address.packed(counter.encode(ask, address.target), passed, stream=False)
                call = address.call(draft, exchange.terms.connect_s, exchange.terms.keepalive_s)
                counted = await _ask(exchange, counter, address, call, watch)
                if counted is not None:
                    return counter.encode_reply(counted)
    finally:
        watch.close()
    return counter.encode_reply(counter.estimate(body))


async def _ask(exchange: Exchange, counter: Counter, address: Address, call: Call, watch: Watch) -> int | None:
    """Return the provider's count, or None when it gives none: an estimate is then better than an error.

    Raises `Faulted` (cancelled) when the client left.
    """
    watch.check()
    answer = None
    try:
        watch.arm(call.connect_s + call.first_byte_s, FaultKind.PROVIDER_TIMEOUT)
        watch.phase = "reading"
        answer = await exchange.upstream.send(await address.authorized(call))
        if answer.status == 200:
            return counter.decode(await answer.read(MAX_COUNT_BYTES))
    except Faulted:
        return None
    except asyncio.CancelledError:
        fault = watch.fault()
        if fault is None:
            raise
        if fault.kind is FaultKind.CANCELLED:
            raise Faulted(fault) from None
    finally:
        watch.phase = "idle"
        if answer is not None:
            answer.release()
    return None
