"""Where conversations lie in providers' prompt caches, so that they go on there while the caches hold.

All times are unix nanoseconds given from outside. The table is advice: whoever does not find it only pays more.
"""

import zlib
from collections import OrderedDict
from functools import lru_cache
from itertools import islice

import msgspec

from wideband.catalog.rows import Endpoint, Rates
from wideband.routing.plans import Warm

# How long a provider keeps a prompt that does not say so.
DEFAULT_TTL_S = 600
# What no caller's cache mark can exceed.
LONGEST_TTL_S = 86_400
# Providers cache no shorter prompts; a conversation that bears a name may grow, and sticks from its first turn.
LEAST_TOKENS = 1024
# So many conversations are kept in mind, about 280 bytes each; of so many a snapshot tells, which takes about 4 ms.
CAPACITY = 50_000
_SECOND_NS = 1_000_000_000
# Clocks of one machine agree; what claims to be later than this was noted before the clock was set back.
_FUTURE_NS = 5 * _SECOND_NS
TOLD = 10_000


class _Place(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Where a conversation last succeeded: `noted_ns` is when, `until_ns` when the cache there ends unless renewed."""

    key: int
    endpoint_id: str
    tokens: int
    noted_ns: int
    until_ns: int


_encode = msgspec.msgpack.Encoder().encode
_places = msgspec.msgpack.Decoder(list[_Place])


class Sticky:
    """The table of conversations; those longest without a success are forgotten first.

    `take_delta` gives what was noted since it was last taken, for the tables of other processes to `merge`; of two
    notes on a conversation the newer holds. What is merged is no delta of one's own.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._table: OrderedDict[int, _Place] = OrderedDict()
        self._fresh: dict[int, _Place] = {}

    def __len__(self) -> int:
        return len(self._table)

    def find(self, key: int, now_ns: int) -> Warm | None:
        """Return where a conversation is cached, None when nowhere that is known."""
        place = self._table.get(key)
        if place is None:
            return None
        if not _holds(place, now_ns):
            self._forget(key)
            return None
        return Warm(place.endpoint_id, place.tokens)

    def note(self, key: int, endpoint_id: str, tokens: int, now_ns: int, ttl_s: int) -> None:
        """Note a success: the prompt's tokens lie there now, for so long."""
        place = _Place(key, endpoint_id, tokens, now_ns, now_ns + ttl_s * _SECOND_NS)
        self._fresh[key] = place
        self._put(place)

    def take_delta(self) -> bytes | None:
        """Return what was noted since the last call, None when nothing was."""
        if not self._fresh:
            return None
        delta = _encode(list(self._fresh.values()))
        self._fresh.clear()
        return delta

    def merge(self, delta: bytes, now_ns: int) -> None:
        """Take another process's delta in. Raises `ValueError` when it cannot be read."""
        for place in _places.decode(delta):
            held = self._table.get(place.key)
            if held is not None and _holds(held, now_ns) and held.noted_ns >= place.noted_ns:
                continue
            if _holds(place, now_ns):
                self._fresh.pop(place.key, None)
                self._put(place)

    def snapshot(self) -> bytes:
        """Return the table, in a form for `restore`: of a large one the part that was used last."""
        newest = list(islice(reversed(self._table.values()), TOLD))
        return _encode(newest[::-1])

    def restore(self, data: bytes, now_ns: int) -> None:
        """Take a snapshot in, but what has ended. Raises `ValueError` when it cannot be read."""
        self.merge(data, now_ns)

    def _put(self, place: _Place) -> None:
        self._table[place.key] = place
        self._table.move_to_end(place.key)
        if len(self._table) > self._capacity:
            self._forget(next(iter(self._table)))

    def _forget(self, key: int) -> None:
        del self._table[key]
        self._fresh.pop(key, None)


def _holds(place: _Place, now_ns: int) -> bool:
    """Say whether a note is true at an instant: no cache lasts for years, whoever says so."""
    noted_ns = place.noted_ns
    return noted_ns - _FUTURE_NS <= now_ns < place.until_ns <= noted_ns + LONGEST_TTL_S * _SECOND_NS


def conversation_key(account_id: str, conversation: str) -> int:
    """Return 64 bits that tell an account's conversation from others, the same in every process."""
    return _bits(f"{account_id}\0{conversation}")


def place_key(conversation: int, model: str) -> int:
    """Return the key under which a conversation's place with a model is kept."""
    return conversation ^ _model_bits(model)


def _bits(text: str) -> int:
    data = text.encode("utf-8", "surrogatepass")
    return zlib.crc32(data) << 32 | zlib.adler32(data)


_model_bits = lru_cache(maxsize=4096)(_bits)


def lifetime_s(endpoint: Endpoint, asked_s: int | None) -> int:
    """Return how long an endpoint keeps a prompt that was just used, when the caller's marks ask for `asked_s`."""
    own = endpoint.cache_ttl_s or endpoint.provider.cache_ttl_s or DEFAULT_TTL_S
    return min(max(own, asked_s or 0), LONGEST_TTL_S)


def pays(rates: Rates) -> bool:
    """Say whether what an endpoint has cached costs less there than what it has not."""
    return rates.cache_read is not None and rates.cache_read < rates.prompt
