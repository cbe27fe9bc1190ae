"""The simulated prompt cache."""

from wideband.sandbox.prefix_cache import BLOCK_TOKENS, PrefixCache

BLOCK = BLOCK_TOKENS * 4


def test_whole_leading_blocks_are_known_the_second_time() -> None:
    cache = PrefixCache()
    prompt = "a" * BLOCK + "b" * BLOCK + "c" * 9
    assert cache.read(prompt) == 0
    assert cache.read(prompt) == 2 * BLOCK_TOKENS


def test_only_what_stands_at_the_start_is_shared() -> None:
    cache = PrefixCache()
    cache.read("a" * BLOCK + "b" * BLOCK)
    assert cache.read("a" * BLOCK + "c" * BLOCK) == BLOCK_TOKENS
    assert cache.read("c" * BLOCK + "b" * BLOCK) == 0


def test_the_longest_unused_blocks_are_forgotten() -> None:
    cache = PrefixCache(capacity_blocks=2)
    for letter in "abc":
        cache.read(letter * BLOCK)
    assert cache.read("a" * BLOCK) == 0
    assert cache.read("c" * BLOCK) == BLOCK_TOKENS
