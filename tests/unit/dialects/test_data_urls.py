"""Media inside a URL."""

import pytest

from wideband.dialects import data_urls


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("data:image/png;base64,AAAA", ("image/png", "AAAA")),
        ("data:text/plain;charset=utf-8;base64,AAAA", ("text/plain", "AAAA")),
        ("data:;base64,AAAA", (None, "AAAA")),
        ("data:text/plain,plain", None),
        ("data:image/png;base64", None),
        ("https://x.test/a.png", None),
    ],
)
def test_only_base64_is_taken_apart(url: str, told: tuple[str | None, str] | None) -> None:
    assert data_urls.split(url) == told


def test_what_is_joined_comes_apart_again() -> None:
    assert data_urls.split(data_urls.join("audio/wav", "AAAA")) == ("audio/wav", "AAAA")
