"""What health boards tell each other and leave behind, as bytes: msgpack, the version of its meaning first."""

import msgspec

from wideband.routing.breaker import LONGEST_ASKED_NS, LONGEST_REST_NS, Mark
from wideband.routing.minutes import MINUTE_NS, Count, Minute, Sum
from wideband.routing.recent import Recent

VERSION = 1


class Row(msgspec.Struct, array_like=True):
    """What is told of one endpoint, all of it to be added to what is known.

    `mark` is None where nothing changed. A snapshot has the faded sums in `recent` and the older minutes in `day`
    (number, tries, downs); others get the sums from the minutes.
    """

    minutes: list[Minute]
    mark: Mark | None = None
    recent: Recent | None = None
    day: list[tuple[Sum, Count, Count]] = []

    @property
    def newest(self) -> int:
        """The number of the newest minute; 0 where there is none."""
        return max([minute.number for minute in self.minutes] + [line[0] for line in self.day[-1:]], default=0)


def pack(rows: dict[str, Row]) -> bytes:
    """Write rows by endpoint id."""
    return msgspec.msgpack.encode((VERSION, rows))


def unpack(data: bytes) -> dict[str, Row]:
    """Read what `pack` wrote. Raises ValueError for anything else, and for other versions."""
    try:
        version, rows = _HEAD.decode(data)
        if version != VERSION:
            raise ValueError(f"this is version {version} of what health boards tell, not {VERSION}")
        return _ROWS.decode(rows)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"this is nothing that a health board told: {error}") from None


def is_news(mark: Mark, latest_ns: int) -> bool:
    """Say whether a mark can be true at an instant: one from the future would keep its endpoint waiting until then."""
    return (
        mark.changed_ns <= latest_ns
        and mark.rest_until_ns <= latest_ns + LONGEST_REST_NS
        and mark.wait_until_ns <= latest_ns + LONGEST_ASKED_NS
    )


def is_past(minute: Minute, latest_ns: int) -> bool:
    """Say whether a minute can have been seen at an instant."""
    return minute.at_ns <= latest_ns and minute.number <= latest_ns // MINUTE_NS


_HEAD = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw])
_ROWS = msgspec.msgpack.Decoder(dict[str, Row])
