"""The site's own files: named by their content, kept for long, zipped for those who take it."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from wideband.site import assets
from wideband.site.assets import asset, assets_route, favicon_route
from wideband.site.paths import STATIC


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=[assets_route(), favicon_route()])) as made:
        yield made


@pytest.mark.parametrize("name", sorted(path.name for path in STATIC.iterdir()))
def test_every_file_is_served_with_its_type_and_kept(client: TestClient, name: str) -> None:
    answer = client.get(asset(name))
    assert answer.status_code == 200
    assert answer.content == (STATIC / name).read_bytes()
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    kinds = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
    assert answer.headers["content-type"] == kinds[Path(name).suffix]


@pytest.mark.parametrize("address", ["/static/site.css", "/static/site.css?v=000000000000"])
def test_without_its_version_a_file_is_asked_for_again(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(address, headers={"If-None-Match": f'"other", W/{answer.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    assert client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("accepts", "zips"),
    [("gzip, br", True), ("br;q=1.0, gzip;q=0.5", True), ("*", True), ("identity", False), ("gzip;q=0", False)],
)
def test_a_file_is_zipped_for_those_who_take_it(client: TestClient, accepts: str, zips: bool) -> None:
    with client.stream("GET", "/static/site.css", headers={"Accept-Encoding": accepts}) as answer:
        raw = b"".join(answer.iter_raw())
    assert (answer.headers.get("content-encoding") == "gzip") is zips
    assert answer.headers["vary"] == "Accept-Encoding"
    whole = (STATIC / "site.css").read_bytes()
    assert (gzip.decompress(raw) if zips else raw) == whole
    assert int(answer.headers["content-length"]) == len(raw)
    assert not zips or len(raw) < len(whole) / 2


def test_zipped_and_plain_are_two_things_to_caches(client: TestClient) -> None:
    tags = {
        client.get("/static/site.css", headers={"Accept-Encoding": each}).headers["etag"] for each in ("gzip", "br")
    }
    assert len(tags) == 2


@pytest.mark.parametrize("name", ["no.css", "..%2fapp.py", "%2e%2e%2fpaths.py", "site.css%00", ".hidden"])
def test_nothing_but_these_files_is_served(client: TestClient, name: str) -> None:
    answer = client.get(f"/static/{name}")
    assert answer.status_code == 404
    assert b"import" not in answer.content


def test_browsers_that_ask_by_the_old_name_get_the_mark(client: TestClient) -> None:
    assert client.get("/favicon.ico").headers["content-type"] == "image/svg+xml"


def test_a_changed_file_has_another_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    (tmp_path / "changing.css").write_text("a {}")
    before = asset("changing.css")
    assert asset("changing.css") == before
    (tmp_path / "changing.css").write_text("b {}")
    os.utime(tmp_path / "changing.css", (1, 1))
    assert asset("changing.css") != before


def test_an_address_can_only_be_had_of_a_file_that_is_there() -> None:
    with pytest.raises(KeyError):
        asset("nothing.js")
