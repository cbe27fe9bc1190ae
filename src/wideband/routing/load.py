"""How many tries a second an endpoint bears, learned from its rate limits."""

from math import exp

SECOND_NS = 1_000_000_000
# Starts and rate limits are counted as of about the last two seconds.
_FADING_S = 2.0
# Rate limits that are so many of the tries, and more than one, come from load; fewer may come from chance.
HEAVY_SHARE = 0.2
HEAVY_LIMITS = 1.5
LEAST_CAP = 0.2
_CUT = 0.8
# All rate limits of one overload come at once and are one reason to cut. Where they may be chance, time must pass in
# which the cap grows by more than a cut takes.
_BETWEEN_HEAVY_CUTS_S = 1.0
_BETWEEN_LIGHT_CUTS_S = 5.0
# The cap grows by a twentieth a second, and the faster the longer nothing cuts it.
_GROWTH_A_S = 0.05
_FASTER_A_S = 0.005
# A cap that is so many times the rate at which it was set bounds nothing.
_FAR_ABOVE = 2.0


class Load:
    """The starts of one endpoint in this process, and the cap on them while there is one."""

    __slots__ = ("_at_ns", "_cut_ns", "_cut_rate", "_from", "_limits", "_starts")

    def __init__(self) -> None:
        self._at_ns = 0
        self._starts = 0.0
        self._limits = 0.0
        self._from = 0.0  # the cap right after the last cut; 0 while there is none
        self._cut_ns = 0
        self._cut_rate = 0.0

    def started(self, at_ns: int) -> None:
        """Count the start of a try."""
        self._fade(at_ns)
        self._starts += 1.0

    def limited(self, at_ns: int) -> float:
        """Take a rate limit to heart; returns the share of the tries of late that met one, 1 where none is known."""
        self._fade(at_ns)
        self._limits += 1.0
        if self._starts <= 0.0:
            return 1.0
        share = min(1.0, self._limits / self._starts)
        is_heavy = share >= HEAVY_SHARE and self._limits >= HEAVY_LIMITS
        pause_s = _BETWEEN_HEAVY_CUTS_S if is_heavy else _BETWEEN_LIGHT_CUTS_S
        if not self._from or at_ns - self._cut_ns >= pause_s * SECOND_NS:
            # What a heavy overload let pass says more than how much was asked for.
            self._cut(at_ns, 1.0 - share if is_heavy else 1.0)
        return share

    def cap(self, now_ns: int) -> float | None:
        """Return how many starts a second are borne now; None when that is not known."""
        if not self._from:
            return None
        age_s = max(0, now_ns - self._cut_ns) / SECOND_NS
        cap = self._from * exp(min(age_s * (_GROWTH_A_S + _FASTER_A_S * age_s), 50.0))
        if cap < _FAR_ABOVE * max(self._cut_rate, self._rate(now_ns)):
            return cap
        self._from = 0.0
        return None

    def is_full(self, now_ns: int) -> bool:
        """Say whether the starts of late are all that is borne."""
        cap = self.cap(now_ns)
        return cap is not None and self._rate(now_ns) >= cap

    def _cut(self, at_ns: int, passed: float) -> None:
        rate = self._starts / _FADING_S
        self._from = max(LEAST_CAP, _CUT * rate * passed)
        self._cut_rate = max(rate, LEAST_CAP)
        self._cut_ns = at_ns

    def _rate(self, now_ns: int) -> float:
        return self._starts * exp(-max(0, now_ns - self._at_ns) / SECOND_NS / _FADING_S) / _FADING_S

    def _fade(self, at_ns: int) -> None:
        age_ns = at_ns - self._at_ns
        if age_ns > 0:
            left = exp(-age_ns / SECOND_NS / _FADING_S)
            self._starts *= left
            self._limits *= left
            self._at_ns = at_ns
