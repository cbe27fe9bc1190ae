"""Settings that say who may look are refused where they would let in nobody, or more than was meant."""

from pathlib import Path

import pytest

from wideband.config import ConfigError, load_settings
from wideband.config.entrance import client_secret

OIDC = '[site]\nurl = "https://w.example"\n[oidc]\nissuer = "https://id.example"\nclient_id = "w"\n'


def load(folder: Path, text: str) -> list[str]:
    path = folder / "w.toml"
    path.write_text(text)
    try:
        load_settings(config_file=path, environ={})
    except ConfigError as error:
        return [str(fix).partition(": ")[2] for fix in error.fixes]
    return []


def test_a_whole_entrance_is_read(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text(OIDC + 'client_secret_env = "W_SECRET"\nadmins = ["a@w.example"]\nroles = { ops = "admin" }\n')
    settings = load_settings(config_file=path, environ={})
    assert settings.site.url == "https://w.example"
    assert (settings.oidc.admins, settings.oidc.roles, settings.oidc.default_role) == (
        ("a@w.example",),
        {"ops": "admin"},
        "deny",
    )
    assert client_secret(settings.oidc, {"W_SECRET": "s"}) == "s"
    assert client_secret(settings.oidc, {}) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[site]\nurl = "wideband.example"\n', "must be the address people open"),
        ('[site]\nurl = "https://w.example/path"\n', "must be the address people open"),
        ('[site]\nurl = "http://["\n', "must be the address people open"),
        ('[site]\ntrusted_proxies = ["10.0.0.0/8", "proxy"]\n', "`proxy` is neither an address nor a network"),
        ("[site]\nsession_days = 0\n", "more than nothing"),
        (OIDC, "nobody could sign in"),
        (OIDC + 'admins = ["a@b.c"]\nscopes = ["email"]\n', "must hold `openid`"),
        (OIDC.replace("https://id", "http://id") + 'admins = ["a@b.c"]\n', "must be an https:// address"),
        (OIDC.replace("id.example", "id.example?x=1") + 'admins = ["a@b.c"]\n', "no query, fragment or user"),
        (OIDC.replace('client_id = "w"', "") + 'admins = ["a@b.c"]\n', "what the provider calls this server"),
        (OIDC.replace('url = "https://w.example"', "") + 'admins = ["a@b.c"]\n', "needs `[site] url`"),
        (OIDC + 'roles = { ops = "root" }\n', "invalid enum value"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in fix for fix in load(tmp_path, text)), load(tmp_path, text)


def test_a_provider_on_this_machine_needs_no_https(tmp_path: Path) -> None:
    assert (
        load(tmp_path, OIDC.replace("https://id.example", "http://127.0.0.1:8080/realm") + 'admins = ["a@b.c"]\n') == []
    )
