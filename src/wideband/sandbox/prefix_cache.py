"""A provider's simulated prompt cache: chains of 512-token blocks, forgotten when they are not used for long."""

from collections import OrderedDict

from wideband.sandbox.prose import CHARS_PER_TOKEN

BLOCK_TOKENS = 512
_BLOCK_CHARS = BLOCK_TOKENS * CHARS_PER_TOKEN


class PrefixCache:
    """Remembers the prefixes of prompts it was shown, block by block, for so long after their last use."""

    def __init__(self, capacity_blocks: int = 20_000, ttl_s: float = 600.0) -> None:
        self._capacity = capacity_blocks
        self._ttl_s = ttl_s
        self._blocks: OrderedDict[int, float] = OrderedDict()

    def read(self, text: str, at_s: float = 0.0) -> int:
        """Return how many leading tokens of a prompt are known at a time, and remember all of its whole blocks."""
        since_s = at_s - self._ttl_s
        known = 0
        unbroken = True
        chain = 0
        for at in range(0, len(text) - _BLOCK_CHARS + 1, _BLOCK_CHARS):
            chain = hash((chain, text[at : at + _BLOCK_CHARS]))
            unbroken = unbroken and self._blocks.get(chain, since_s) > since_s
            known += BLOCK_TOKENS if unbroken else 0
            self._blocks[chain] = at_s
            self._blocks.move_to_end(chain)
        while len(self._blocks) > self._capacity:
            self._blocks.popitem(last=False)
        return known
