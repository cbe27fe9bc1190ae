"""The shipped rows of providers hold what every row needs."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROVIDERS = tomllib.loads((ROOT / "src/wideband/catalog/providers.toml").read_text())["provider"]


def test_base_urls_end_where_a_dialects_path_begins_and_are_encrypted_off_this_machine() -> None:
    for row in PROVIDERS:
        assert not row["base_url"].endswith("/")
        assert row["base_url"].startswith("http://127.0.0.1:" if row.get("local") else "https://")


def test_every_remote_provider_names_a_variable_or_has_googles_tools_find_it() -> None:
    unnamed = [row for row in PROVIDERS if not row.get("local") and not row.get("key_env")]
    assert {row.get("auth") for row in unnamed} == {"google-adc"}
