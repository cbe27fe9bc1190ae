"""Characters that a provider cut in two: the halves of a surrogate pair, told in one event and the next.

Who streams by UTF-16 units, as JavaScript does, may end a JSON string with the escape of a high half and begin the next
with that of the low one. Neither event can be read alone, and no decoder of JSON puts them together again.
"""

import re

import msgspec

from wideband.wire.sse import Frame

# The escapes of a high half at the end of a string and of a low half at its beginning. An even number of backslashes
# stands before the high one, else its own is escaped.
_HIGH_LAST = re.compile(rb'(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2})(?=")')
_LOW_FIRST = re.compile(rb'(?<=")(?=\\u[dD][c-fC-F][0-9a-fA-F]{2})')


class Mender:
    """Passes the frames of one stream on; a high half waits for the low one that it belongs to."""

    __slots__ = ("_high",)

    def __init__(self) -> None:
        self._high = b""

    def mend(self, frame: Frame) -> Frame:
        """Return the frame as it can be read."""
        data = frame.data
        if not (b"\\ud" in data or b"\\uD" in data):
            return frame
        if self._high:
            data, count = _LOW_FIRST.subn(self._high.replace(b"\\", rb"\\"), data, count=1)
            self._high = b"" if count else self._high
        if (found := _HIGH_LAST.search(data)) is not None:
            self._high = found[2]
            data = _HIGH_LAST.sub(rb"\1", data)
        return frame if data is frame.data else msgspec.structs.replace(frame, data=data)
