"""The HTTP clients that can call providers, each loaded only when it is chosen."""

from collections.abc import Callable

from wideband.upstream.base import Upstream


def _raw() -> Upstream:
    from wideband.upstream.raw import RawUpstream  # noqa: PLC0415  one of two is needed, and loading both costs 130 ms

    return RawUpstream()


def _aiohttp() -> Upstream:
    from wideband.upstream.http import HttpUpstream  # noqa: PLC0415  as above

    return HttpUpstream()


CLIENTS: dict[str, Callable[[], Upstream]] = {"raw": _raw, "aiohttp": _aiohttp}
