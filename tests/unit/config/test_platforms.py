"""What the environment says of Bedrock and Vertex AI, without asking either."""

import re
from pathlib import Path

import pytest

from wideband.catalog.rows import Provider, Voice
from wideband.config import Settings, load_market, platforms
from wideband.config.platforms import filled, missing_library, unset_fields, way_in

ROOT = Path(__file__).resolve().parents[3]
VERTEX = "https://{VERTEX_LOCATION}-aiplatform.googleapis.com/v1/projects/{VERTEX_PROJECT}/locations/{VERTEX_LOCATION}"
AWS = Provider(slug="a", name="A", dialect="openai_chat", base_url="https://a.example", auth="aws-sigv4")
GOOGLE = Provider(slug="g", name="G", dialect="openai_chat", base_url="https://g.example", auth="google-adc")


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_every_location_of_vertex_has_its_host(location: str, host: str) -> None:
    env = {"GOOGLE_CLOUD_PROJECT": "p1", "VERTEX_LOCATION": location}
    assert filled(VERTEX, env) == f"https://{host}/v1/projects/p1/locations/{location}"


def test_fields_are_wanted_of_every_voice_and_other_names_for_them_count() -> None:
    row = Provider(
        slug="a",
        name="A",
        dialect="openai_chat",
        base_url="https://{AWS_REGION}.example",
        also={"openai_responses": Voice(base_url="https://{ELSE}.example")},
    )
    assert unset_fields(row, {}) == ["AWS_REGION", "ELSE"]
    assert unset_fields(row, {"AWS_DEFAULT_REGION": "r", "ELSE": ""}) == ["ELSE"]
    assert filled(row.base_url, {"AWS_DEFAULT_REGION": "r"}) == "https://r.example"


def test_what_the_page_on_platforms_shows_is_read_as_it_stands(home: Path) -> None:
    shown = re.findall(r"^```toml\n(.*?)^```", (ROOT / "docs/howto/platforms.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(shown) == 4
    for number, text in enumerate(shown):
        file = home / f"{number}.toml"
        file.write_text(text)
        load_market(Settings(home=home, config_file=file), environ={"WIDEBAND_DISCOVER": "0"})


def test_aws_credentials_are_found_in_variables_and_files(tmp_path: Path) -> None:
    bare = {"HOME": str(tmp_path)}
    assert way_in(AWS, bare, named=False) is None
    assert way_in(AWS, bare, named=True) == "named in the file"
    assert way_in(AWS, {**bare, "AWS_PROFILE": "work"}, named=True) == "AWS_PROFILE"
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").touch()
    assert way_in(AWS, bare, named=False) == str(tmp_path / ".aws/config")


def test_googles_credentials_are_found_in_a_file_and_nowhere_else_when_it_is_named(tmp_path: Path) -> None:
    bare = {"HOME": str(tmp_path)}
    assert way_in(GOOGLE, bare, named=False) is None
    file = tmp_path / ".config/gcloud/application_default_credentials.json"
    file.parent.mkdir(parents=True)
    file.touch()
    assert way_in(GOOGLE, bare, named=False) == str(file)
    assert way_in(GOOGLE, {**bare, "GOOGLE_APPLICATION_CREDENTIALS": str(file)}, named=False) == (
        "GOOGLE_APPLICATION_CREDENTIALS"
    )
    assert way_in(GOOGLE, {**bare, "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere"}, named=False) is None


def test_a_missing_library_is_named_by_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_library("bearer") is None
    assert missing_library("aws-sigv4") is None
    monkeypatch.setattr(platforms, "find_spec", lambda _: None)
    assert missing_library("aws-sigv4") == "pip install 'wideband[bedrock]'"
    assert missing_library("google-adc") == "pip install 'wideband[vertex]'"


def test_bedrock_is_listed_with_all_that_it_needs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def reason(**env: str) -> str:
        market = load_market(Settings(home=home), environ={"WIDEBAND_DISCOVER": "0", "HOME": str(home / "none"), **env})
        listed = {each.slug: each.reason for each in market.missing} | {each.slug: each.how for each in market.found}
        return listed["amazon-bedrock"]

    assert reason() == (
        "set AWS_BEARER_TOKEN_BEDROCK and AWS_REGION; "
        "in place of the token AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    )
    assert reason(AWS_PROFILE="work") == "set AWS_REGION"
    assert reason(AWS_PROFILE="work", AWS_REGION="eu-west-1") == "AWS_PROFILE"
    assert reason(AWS_BEARER_TOKEN_BEDROCK="k", AWS_REGION="eu-west-1") == "AWS_BEARER_TOKEN_BEDROCK"
    monkeypatch.setattr(platforms, "find_spec", lambda _: None)
    assert reason(AWS_PROFILE="work", AWS_REGION="eu-west-1") == "pip install 'wideband[bedrock]'"
    assert reason(AWS_BEARER_TOKEN_BEDROCK="k", AWS_REGION="eu-west-1") == "AWS_BEARER_TOKEN_BEDROCK"
