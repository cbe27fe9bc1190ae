"""Credentials of platforms: fetched off the event loop, kept, renewed ahead, and never a mystery when missing."""

import asyncio
import re
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from tests.e2e.clouds import ACCESS_KEY, SECRET_KEY, TOKEN, clouds, service_account
from tests.unit.gateway.stage import endpoint, stage
from tests.unit.upstream.signatures import signature_of

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.catalog.rows import AuthStyle
from wideband.dialects.registry import DIALECTS
from wideband.upstream.auth import PLATFORMS, headers_for
from wideband.upstream.aws import SigV4
from wideband.upstream.base import Call
from wideband.upstream.google import GoogleAdc
from wideband.upstream.kept import Age, Kept

URL = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/a%3A0/invoke"


def call(url: str = URL) -> Call:
    return Call(
        url=url, body=b"{}", headers={"content-type": "application/json", "x-own": "1"}, connect_s=1, first_byte_s=1
    )


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away what this machine knows of clouds."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.delenv("CLOUDSDK_CONFIG", raising=False)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)


@pytest.mark.parametrize("style", PLATFORMS)
def test_a_platforms_own_key_spares_its_credentials(style: AuthStyle) -> None:
    assert headers_for(style, "k") == {"authorization": "Bearer k"}
    assert headers_for(style, None) == {}


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("host", "region", "service"),
    [
        ("bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1", "bedrock"),
        ("bedrock-runtime-fips.us-gov-east-1.amazonaws.com", "us-gov-east-1", "bedrock"),
        ("vpce-1.bedrock-runtime.ap-southeast-3.vpce.amazonaws.com", "ap-southeast-3", "bedrock"),
        ("bedrock-mantle.us-east-2.api.aws", "us-east-2", "bedrock-mantle"),
        ("127.0.0.1:9", "eu-north-1", "bedrock"),
    ],
)
async def test_a_call_is_signed_for_the_region_and_service_of_its_host(
    monkeypatch: pytest.MonkeyPatch, host: str, region: str, service: str
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    headers = await SigV4().headers(call(f"https://{host}/model/a%3A0/invoke"))
    assert set(headers) == {"authorization", "x-amz-date"}
    assert f"/{region}/{service}/aws4_request" in headers["authorization"]
    assert "SignedHeaders=content-type;host;x-amz-date," in headers["authorization"]


@pytest.mark.usefixtures("keys")
async def test_a_signature_covers_path_body_and_time() -> None:
    headers = await SigV4().headers(call())
    assert headers["authorization"].endswith(
        signature_of(
            SECRET_KEY,
            headers["x-amz-date"],
            "eu-west-1",
            path="/model/a%253A0/invoke",
            host="bedrock-runtime.eu-west-1.amazonaws.com",
            body=b"{}",
        )
    )


@pytest.mark.usefixtures("keys")
async def test_a_session_token_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-1")
    assert (await SigV4().headers(call()))["x-amz-security-token"] == "session-1"


async def test_missing_credentials_say_what_to_set(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Faulted, match="AWS_ACCESS_KEY_ID") as caught:
        await SigV4().headers(call())
    assert caught.value.fault.kind is FaultKind.PROVIDER_AUTH
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(Faulted) as caught:
        await SigV4().headers(call())
    # Which profile is this server's affair, not its clients'.
    assert "nobody" not in caught.value.fault.message
    assert "nobody" in caplog.text


@pytest.mark.usefixtures("keys")
async def test_a_missing_region_is_told() -> None:
    with pytest.raises(Faulted, match="set AWS_REGION"):
        await SigV4().headers(call("http://127.0.0.1:9/model/a/invoke"))


async def test_a_service_accounts_token_is_shown_and_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with clouds() as seen:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account(tmp_path, seen.url)))
        adc = GoogleAdc()
        first, second = await asyncio.gather(adc.headers(call()), adc.headers(call()))
        assert first == second == {"authorization": f"Bearer {TOKEN}"}
        assert seen.tokens == 1


async def test_missing_tokens_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Faulted, match="GOOGLE_APPLICATION_CREDENTIALS") as caught:
        await GoogleAdc().headers(call())
    assert caught.value.fault.kind is FaultKind.PROVIDER_AUTH
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account(tmp_path, "http://127.0.0.1:9")))
    with pytest.raises(Faulted, match="service account's file"):
        await GoogleAdc().headers(call())


class Source:
    """Something to fetch, that can be made to age and to fail."""

    def __init__(self) -> None:
        self.age: Age = "fresh"
        self.fetched = 0
        self.fails = False
        self.threads = set[int]()

    def fetch(self, last: int | None) -> int:
        self.threads.add(threading.get_ident())
        self.fetched += 1
        if self.fails:
            raise Faulted(Fault(kind=FaultKind.PROVIDER_AUTH, message="no"))
        return (last or 0) + 1

    def kept(self) -> Kept[int]:
        return Kept(self.fetch, lambda _: self.age)


async def test_all_who_wait_share_one_fetch_in_another_thread() -> None:
    source = Source()
    kept = source.kept()
    assert await asyncio.gather(*(kept.get() for _ in range(5))) == [1] * 5
    assert source.fetched == 1
    assert threading.get_ident() not in source.threads


async def test_a_stale_value_serves_while_the_next_is_fetched() -> None:
    source = Source()
    kept = source.kept()
    await kept.get()
    source.age = "stale"
    assert [await kept.get(), await kept.get()] == [1, 1]
    while source.fetched < 2:
        await asyncio.sleep(0.001)
    source.age = "fresh"
    await asyncio.sleep(0.01)
    assert (await kept.get(), source.fetched) == (2, 2)


async def test_a_stale_value_outlives_a_failure_and_is_not_asked_for_at_once_again() -> None:
    source = Source()
    kept = source.kept()
    await kept.get()
    source.age, source.fails = "stale", True
    for _ in range(20):
        assert await kept.get() == 1
        await asyncio.sleep(0.001)
    assert source.fetched == 2


async def test_what_is_over_is_waited_for_and_its_failure_told_each_time() -> None:
    source = Source()
    kept = source.kept()
    await kept.get()
    source.age, source.fails = "over", True
    for _ in range(2):
        with pytest.raises(Faulted, match="no"):
            await kept.get()
    source.fails = False
    assert await kept.get() == 2


async def test_who_leaves_does_not_take_the_answer_from_the_others() -> None:
    source = Source()
    kept = source.kept()
    leaving, staying = asyncio.ensure_future(kept.get()), asyncio.ensure_future(kept.get())
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == 1


@pytest.mark.parametrize(
    ("authorizer", "module", "install"),
    [(SigV4, "botocore.exceptions", "wideband[bedrock]"), (GoogleAdc, "google.auth.exceptions", "wideband[vertex]")],
)
async def test_a_library_that_is_missing_is_named_by_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, authorizer: type[SigV4 | GoogleAdc], module: str, install: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(Faulted, match=re.escape(f"pip install '{install}'")):
        await authorizer().headers(call())


def test_only_platforms_without_a_key_of_ours_are_asked_for_headers() -> None:
    rows = [endpoint(slug) for slug in ("a", "b", "c")]
    signed, keyed, plain = (
        msgspec.structs.replace(row, provider=msgspec.structs.replace(row.provider, auth=auth))
        for row, auth in zip(rows, ("aws-sigv4", "aws-sigv4", "bearer"), strict=True)
    )
    exchange = stage({}, signed, keyed, plain).exchange
    exchange.provider_keys["b"] = "k"
    made, shown, none = (exchange.address(row, DIALECTS["openai_chat"]) for row in (signed, keyed, plain))
    assert isinstance(made.authorizer, SigV4)
    assert (shown.authorizer, shown.headers["authorization"]) == (None, "Bearer k")
    assert none.authorizer is None
