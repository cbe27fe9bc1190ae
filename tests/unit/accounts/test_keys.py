"""How secrets are hashed and shown."""

import hashlib

import pytest

from wideband.accounts.keys import hash_secret, label
from wideband.ids import key_secret


def test_only_the_sha_256_of_a_secret_is_kept() -> None:
    assert hash_secret("sk-wb-v1-abc") == hashlib.sha256(b"sk-wb-v1-abc").hexdigest()
    assert hash_secret("\udcff") != hash_secret("")


def test_a_label_shows_enough_to_recognise_a_key_and_no_more() -> None:
    secret = key_secret()
    assert label(secret) == f"sk-wb-v1-{secret[9:12]}...{secret[-3:]}"


@pytest.mark.parametrize(
    ("secret", "shown"),
    [("", "..."), ("short", "..."), ("a-passphrase-of-words", "a-p...rds"), ("x" * 32, "xxx...xxx")],
)
def test_a_secret_of_another_shape_is_masked_as_well(secret: str, shown: str) -> None:
    assert label(secret) == shown
