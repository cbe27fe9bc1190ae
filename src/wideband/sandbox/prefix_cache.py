"""A provider's simulated prompt cache: chains of 512-token blocks, the longest unused forgotten first."""

from collections import OrderedDict

from wideband.sandbox.prose import CHARS_PER_TOKEN

BLOCK_TOKENS = 512
_BLOCK_CHARS = BLOCK_TOKENS * CHARS_PER_TOKEN


class PrefixCache:
    """Remembers the prefixes of prompts it was shown, block by block."""

    def __init__(self, capacity_blocks: int = 20_000) -> None:
        self._capacity = capacity_blocks
        self._blocks: OrderedDict[int, None] = OrderedDict()

    def read(self, text: str) -> int:
        """Return how many leading tokens of a prompt were known, and remember all of its whole blocks."""
        known = 0
        unbroken = True
        chain = 0
        for at in range(0, len(text) - _BLOCK_CHARS + 1, _BLOCK_CHARS):
            chain = hash((chain, text[at : at + _BLOCK_CHARS]))
            if chain in self._blocks:
                self._blocks.move_to_end(chain)
                known += BLOCK_TOKENS if unbroken else 0
            else:
                unbroken = False
                self._blocks[chain] = None
        while len(self._blocks) > self._capacity:
            self._blocks.popitem(last=False)
        return known
