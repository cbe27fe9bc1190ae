"""Signing in by a provider: what a real one says is taken, what nobody should believe is not."""

import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from tests.unit.site.doors import HERE, Built, sign_in

from wideband.accounts.people import OidcTerms, SiteTerms, role_of
from wideband.clock import now_ns
from wideband.site import oidc, providerclient, visit
from wideband.site.oidc import BACK, BEGIN
from wideband.wire import jsons

CLIENT, SECRET = "wideband", "a secret: of/ours"
RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8))


def rsa_jwk(key: rsa.RSAPrivateKey, **more: str) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), "use": "sig", **more}


def ec_jwk() -> dict[str, str]:
    numbers = EC.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32), "kid": "ec"}


def ed_jwk() -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(ED.public_key().public_bytes_raw()), "kid": "ed"}


def by_rsa(signed: bytes, key: rsa.RSAPrivateKey = RSA) -> bytes:
    return key.sign(signed, padding.PKCS1v15(), SHA256())


def by_ec(signed: bytes) -> bytes:
    r, s = decode_dss_signature(EC.sign(signed, ec.ECDSA(SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


class FakeProvider:
    """A provider on this machine that says what a test has it say."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [rsa_jwk(RSA, kid="one"), ec_jwk(), ed_jwk()]
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "one"}
        self.sign: Callable[[bytes], bytes] = by_rsa
        self.claims: dict[str, Any] = {}
        self.description: dict[str, Any] = {}
        self.asked: list[str] = []
        self.url = self.challenge = self.nonce = ""

    async def described(self, _request: web.Request) -> web.Response:
        self.asked.append("description")
        found = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?tenant=a",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }
        return web.json_response(found | self.description)

    async def shown_keys(self, _request: web.Request) -> web.Response:
        self.asked.append("keys")
        return web.json_response({"keys": self.keys})

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        expected = "Basic " + base64.b64encode(b"wideband:a%20secret%3A%20of%2Fours").decode()
        proof = b64(hashlib.sha256(str(form["code_verifier"]).encode()).digest())
        right = (request.headers.get("authorization"), form["code"], proof, form["redirect_uri"], form["grant_type"])
        if right != (expected, "a code", self.challenge, HERE + BACK, "authorization_code"):
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"access_token": "x", "token_type": "Bearer", "id_token": self.id_token()})

    def id_token(self) -> str:
        now = now_ns() // 1_000_000_000
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "7",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "Ada@Example.com",
            "email_verified": True,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        signed = f"{b64(jsons.encode(self.header))}.{b64(jsons.encode(claims))}"
        return f"{signed}.{b64(self.sign(signed.encode()))}"


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    fake = FakeProvider()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", fake.described)
    app.router.add_get("/keys", fake.shown_keys)
    app.router.add_post("/token", fake.token)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@pytest.fixture
def built(tmp_path: Path, provider: FakeProvider) -> Iterator[Built]:
    terms = SiteTerms(url=HERE)
    built = Built(tmp_path, terms)
    oidc = OidcTerms(issuer=provider.url, client_id=CLIENT, admins=("ada@example.com",), members=("@example.com",))
    built.ask_provider(oidc, terms, SECRET)
    yield built
    built.close()


async def begin(browser: httpx.AsyncClient, provider: FakeProvider, going: str = "/make") -> dict[str, str]:
    """Go to the provider and return what it was asked."""
    answer = await browser.get(BEGIN, params={"next": going})
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{provider.url}/authorize?tenant=a&")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    provider.challenge, provider.nonce = asked["code_challenge"], asked["nonce"]
    return asked


async def through(browser: httpx.AsyncClient, provider: FakeProvider) -> httpx.Response:
    """Go to the provider, be signed in there, and come back."""
    asked = await begin(browser, provider)
    return await browser.get(BACK, params={"code": "a code", "state": asked["state"]})


async def who(browser: httpx.AsyncClient) -> str:
    answer = await browser.get("/")
    return answer.text if answer.status_code == 200 else "nobody"


# -- what works --------------------------------------------------------------------------------------------------------


async def test_a_provider_signs_people_in_and_they_go_on_where_they_wanted(
    built: Built, provider: FakeProvider
) -> None:
    async with built.browser() as browser:
        assert (await browser.get("/make")).headers["location"] == "/sign-in?next=%2Fmake"
        assert f"{BEGIN}?next=/make" in (await browser.get("/sign-in?next=%2Fmake")).text
        asked = await begin(browser, provider)
        assert asked["code_challenge_method"] == "S256"
        assert (asked["redirect_uri"], asked["scope"]) == (HERE + BACK, "openid email profile")
        answer = await browser.get(BACK, params={"code": "a code", "state": asked["state"], "iss": provider.url})
        assert (answer.status_code, answer.headers["location"]) == (303, "/make")
        assert await who(browser) == "ada@example.com admin local"
        assert "wb_flow" not in browser.cookies


@pytest.mark.parametrize(
    ("header", "sign"),
    [
        ({"alg": "RS256"}, by_rsa),
        ({"alg": "ES256", "kid": "ec"}, by_ec),
        ({"alg": "EdDSA", "kid": "ed"}, ED.sign),
    ],
)
async def test_three_kinds_of_signatures_are_known(
    built: Built, provider: FakeProvider, header: dict[str, Any], sign: Callable[[bytes], bytes]
) -> None:
    provider.header, provider.sign = header, sign
    async with built.browser() as browser:
        assert (await through(browser, provider)).status_code == 303
        assert await who(browser) == "ada@example.com admin local"


async def test_what_the_provider_says_now_is_what_counts(built: Built, provider: FakeProvider) -> None:
    async with built.browser() as browser:
        await through(browser, provider)
    provider.claims = {"email": "bob@example.com"}  # the same subject
    async with built.browser() as browser:
        await through(browser, provider)
        assert await who(browser) == "ada@example.com member local"
    assert len(built.people.all()) == 1


async def test_signing_in_again_ends_the_session_there_was(built: Built, provider: FakeProvider) -> None:
    async with built.browser() as browser:
        await through(browser, provider)
        old = browser.cookies["wb_session"]
        await through(browser, provider)
        assert await who(browser) == "ada@example.com admin local"
    async with built.browser(cookie=f"wb_session={old}") as stale:
        assert await who(stale) == "nobody"


async def test_who_stays_away_too_long_begins_anew(
    built: Built, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with built.browser() as browser:
        asked = await begin(browser, provider)
        later_ns = now_ns() + (oidc.FLOW_S + 1) * 1_000_000_000
        monkeypatch.setattr(visit, "now_ns", lambda: later_ns)
        answer = await browser.get(BACK, params={"code": "a code", "state": asked["state"]})
        assert answer.status_code == 400
        assert await who(browser) == "nobody"


async def test_a_provider_cannot_give_the_name_of_somebody_with_a_password(
    built: Built, provider: FakeProvider
) -> None:
    built.add("ada@example.com")
    async with built.browser() as browser, built.browser() as other:
        await through(browser, provider)
        assert (await who(browser)).startswith("ada@example.com (")
        assert (await sign_in(other, "ada@example.com")).status_code == 303


async def test_a_provider_that_changes_its_keys_is_asked_for_the_new_ones(
    built: Built, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(providerclient, "monotonic_s", lambda: now[0])
    async with built.browser() as browser:
        assert (await through(browser, provider)).status_code == 303
        provider.keys = [rsa_jwk(OTHER_RSA, kid="two")]
        provider.header, provider.sign = {"alg": "RS256", "kid": "two"}, lambda signed: by_rsa(signed, OTHER_RSA)
        now[0] += providerclient.ROTATION_S + 1
        assert (await through(browser, provider)).status_code == 303
        assert provider.asked == ["description", "keys", "keys"]
        # Tokens with made-up names of keys do not make us ask again and again.
        provider.header = {"alg": "RS256", "kid": "three"}
        for _ in range(3):
            assert (await through(browser, provider)).status_code == 403
        assert provider.asked == ["description", "keys", "keys"]


# -- what nobody should believe ----------------------------------------------------------------------------------------

NOW_S = now_ns() // 1_000_000_000


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": 7},
        {"aud": "another"},
        {"aud": None},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": NOW_S - 3600},
        {"exp": None},
        {"exp": "2099-01-01"},
        {"exp": True},
        {"iat": NOW_S - 3600},
        {"iat": NOW_S + 3600},
        {"iat": None},
        {"nbf": NOW_S + 3600},
        {"nbf": "soon"},
        {"sub": None},
        {"sub": ""},
        {"sub": "7\nhttps://evil.example"},
    ],
    # The same in every run, whatever time it is.
    ids=", ".join,
)
async def test_a_token_that_is_not_for_us_now_is_refused(
    built: Built, provider: FakeProvider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    async with built.browser() as browser:
        assert (await through(browser, provider)).status_code == 403
        assert await who(browser) == "nobody"
    assert built.people.all() == []


def by_secret(signed: bytes) -> bytes:
    """HS256 with the public key, which everybody knows, as the secret: the oldest attack on signed tokens."""
    import hmac

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hmac.digest(public, signed, "sha256")


@pytest.mark.parametrize(
    ("header", "sign"),
    [
        ({"alg": "none"}, lambda _: b""),
        ({"alg": "None", "kid": "one"}, lambda _: b""),
        ({"alg": "HS256", "kid": "one"}, by_secret),
        ({"alg": "RS256", "kid": "one"}, lambda _: b""),
        ({"alg": "RS256", "kid": "one"}, lambda signed: by_rsa(signed, OTHER_RSA)),
        ({"alg": "RS256", "kid": "one"}, lambda signed: by_rsa(signed + b"x")),
        ({"alg": "ES256", "kid": "one"}, by_rsa),
        ({"alg": "ES256", "kid": "ec"}, lambda _: b"\0" * 64),
        ({"alg": "ES256", "kid": "ec"}, lambda signed: EC.sign(signed, ec.ECDSA(SHA256()))),
        ({"alg": "EdDSA", "kid": "ed"}, lambda _: b"\0" * 64),
        ({"alg": ["RS256"], "kid": "one"}, by_rsa),
        ({"kid": "one"}, by_rsa),
        ({"alg": "RS256", "kid": "one", "crit": ["b64"], "b64": False}, by_rsa),
        ({"alg": "RS256", "jwk": rsa_jwk(OTHER_RSA)}, lambda signed: by_rsa(signed, OTHER_RSA)),
    ],
)
async def test_a_token_that_the_provider_did_not_sign_is_refused(
    built: Built, provider: FakeProvider, header: dict[str, Any], sign: Callable[[bytes], bytes]
) -> None:
    provider.header, provider.sign = header, sign
    async with built.browser() as browser:
        assert (await through(browser, provider)).status_code == 403
        assert await who(browser) == "nobody"


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [rsa_jwk(RSA, kid="one") | {"use": "enc"}],
        [rsa_jwk(RSA, kid="one", alg="RS512")],
        [{"kty": "RSA", "kid": "one"}],
        [{"kty": "RSA", "kid": "one", "n": "!", "e": "AQAB"}],
        ["one"],
    ],
    ids=range(6),
)
async def test_keys_that_are_none_check_nothing(built: Built, provider: FakeProvider, keys: list[Any]) -> None:
    provider.keys = keys
    async with built.browser() as browser:
        assert (await through(browser, provider)).status_code in (403, 503)
        assert await who(browser) == "nobody"


async def test_a_key_that_can_be_factored_checks_nothing(built: Built, provider: FakeProvider) -> None:
    small = rsa.generate_private_key(65537, 1024)
    provider.keys, provider.sign = [rsa_jwk(small, kid="one")], lambda signed: by_rsa(signed, small)
    async with built.browser() as browser:
        assert (await through(browser, provider)).status_code == 403
        assert await who(browser) == "nobody"


async def test_somebody_elses_sign_in_cannot_be_ended_in_my_browser(built: Built, provider: FakeProvider) -> None:
    """The attacker begins, and has the reader's browser come back with the attacker's code."""
    async with built.browser() as attacker, built.browser() as reader:
        asked = await begin(attacker, provider)
        back = {"code": "a code", "state": asked["state"]}
        assert (await reader.get(BACK, params=back)).status_code == 400
        await begin(reader, provider)
        assert (await reader.get(BACK, params=back)).status_code == 400
        assert await who(reader) == "nobody"


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"code": "a code"},
        {"code": "a code", "state": ""},
        {"code": "a code", "state": "0" * 64},
        {"state": "right"},
        {"code": "another", "state": "right"},
        {"error": "access_denied", "state": "right"},
        {"code": "a code", "state": "right", "iss": "https://evil.example"},
    ],
    ids=str,
)
async def test_coming_back_without_what_was_asked_for_signs_nobody_in(
    built: Built, provider: FakeProvider, query: dict[str, str]
) -> None:
    async with built.browser() as browser:
        asked = await begin(browser, provider)
        query = query | ({"state": asked["state"]} if query.get("state") == "right" else {})
        assert (await browser.get(BACK, params=query)).status_code in (400, 403, 503)
        assert await who(browser) == "nobody"


async def test_what_a_browser_keeps_for_the_way_back_cannot_be_made_up(built: Built, provider: FakeProvider) -> None:
    async with built.browser() as browser:
        asked = await begin(browser, provider)
        body = b64(jsons.encode(["s", "n", "v", "https://evil.example/", 2**60]))
        for cookie in ("", ".", f"{body}.{'0' * 64}", f"{body}.", "x" * 10):
            headers = {"cookie": f"wb_flow={cookie}"}
            browser.cookies.clear()
            answer = await browser.get(BACK, params={"code": "a code", "state": "s"}, headers=headers)
            assert answer.status_code == 400
        assert asked["state"] != "s"


async def test_the_way_back_leads_to_no_other_site(built: Built, provider: FakeProvider) -> None:
    async with built.browser() as browser:
        asked = await begin(browser, provider, "//evil.example/")
        answer = await browser.get(BACK, params={"code": "a code", "state": asked["state"]})
        assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://another.example"},
        {"token_endpoint": "http://id.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"x": "x" * 600_000},
    ],
    ids=range(6),
)
async def test_a_provider_whose_description_makes_no_sense_is_not_used(
    built: Built, provider: FakeProvider, description: dict[str, Any]
) -> None:
    provider.description = description
    async with built.browser() as browser:
        assert (await browser.get(BEGIN)).status_code == 503


# -- roles -------------------------------------------------------------------------------------------------------------

TERMS = OidcTerms(
    issuer="https://id.example",
    roles={"ops": "admin", "staff": "viewer"},
    admins=("ada@example.com",),
    members=("@example.com",),
)


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"email": "ada@example.com", "email_verified": True}, "admin"),
        ({"email": "bob@EXAMPLE.com", "email_verified": True}, "member"),
        ({"email": "ada@example.com", "email_verified": False}, None),
        ({"email": "ada@example.com"}, None),
        ({"email": "eve@notexample.com", "email_verified": True}, None),
        ({"email": "eve@evil.example@example.com", "email_verified": True}, None),
        ({"email": ["ada@example.com"], "email_verified": True}, None),
        ({"groups": ["staff", "ops"]}, "admin"),
        ({"groups": "staff"}, "viewer"),
        ({"groups": ["Ops", {"ops": 1}, None]}, None),
        ({"groups": ["staff"], "email": "bob@example.com", "email_verified": True}, "member"),
        ({}, None),
    ],
    ids=str,
)
def test_roles_follow_from_verified_addresses_and_groups(claims: dict[str, Any], role: str | None) -> None:
    assert role_of(claims, TERMS) == role


async def test_who_has_no_role_is_told_so_and_stays_outside(built: Built, provider: FakeProvider) -> None:
    provider.claims = {"email": "eve@elsewhere.example"}
    async with built.browser() as browser:
        answer = await through(browser, provider)
        assert answer.status_code == 403
        assert "eve@elsewhere.example, who has no role here" in answer.text
        assert await who(browser) == "nobody"
