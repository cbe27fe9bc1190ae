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


def test_what_was_not_used_for_its_lifetime_is_forgotten() -> None:
    cache = PrefixCache(ttl_s=300)
    prompt = "a" * BLOCK + "b" * BLOCK
    assert cache.read(prompt, 0.0) == 0
    assert cache.read("a" * BLOCK, 299.0) == BLOCK_TOKENS
    assert cache.read(prompt, 301.0) == BLOCK_TOKENS, "only its first block was used since"
    assert cache.read(prompt, 600.0) == 2 * BLOCK_TOKENS
    assert cache.read(prompt, 900.0) == 0
