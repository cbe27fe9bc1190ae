"""How a key is shown, and where a URL points."""

import pytest

from wideband.canon.faults import Faulted
from wideband.catalog.rows import AuthStyle
from wideband.upstream.address import address_of, head_of
from wideband.upstream.auth import headers_for

SHOWN: dict[AuthStyle, dict[str, str]] = {
    "bearer": {"authorization": "Bearer k"},
    "x-api-key": {"x-api-key": "k"},
    "x-goog-api-key": {"x-goog-api-key": "k"},
    "api-key": {"api-key": "k"},
    "none": {},
}


@pytest.mark.parametrize("auth", SHOWN)
def test_every_style_shows_the_key_its_own_way(auth: AuthStyle) -> None:
    assert headers_for(auth, "k") == SHOWN[auth]
    assert headers_for(auth, " k\n") == SHOWN[auth]
    assert headers_for(auth, None) == {}


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "first_lines"),
    [
        ("http://a/v1?x=1", "a", 80, False, "POST /v1?x=1 HTTP/1.1\r\nhost: a\r\n"),
        ("https://a.example:8443", "a.example", 8443, True, "POST / HTTP/1.1\r\nhost: a.example:8443\r\n"),
        ("https://[::1]:1/x", "::1", 1, True, "POST /x HTTP/1.1\r\nhost: [::1]:1\r\n"),
        (
            "https://bücher.example/",
            "xn--bcher-kva.example",
            443,
            True,
            "POST / HTTP/1.1\r\nhost: xn--bcher-kva.example\r\n",
        ),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, tls: bool, first_lines: str) -> None:
    address = address_of(url)
    assert (address.host, address.port, address.tls, address.head.decode()) == (host, port, tls, first_lines)


@pytest.mark.parametrize(
    "url", ["", "a/b", "file:///etc/passwd", "http://", "http://a:x/", "http://a/b c", "http://a/é"]
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(Faulted, match="base URL"):
        address_of(url)


@pytest.mark.parametrize("value", ["a\r\nx-b: c", "a\nb", "a\rb", "a\0b"])
def test_a_header_cannot_break_out_of_its_line(value: str) -> None:
    with pytest.raises(Faulted) as caught:
        head_of(address_of("http://a/"), {"x-a": value}, 0)
    assert value not in caught.value.fault.message
