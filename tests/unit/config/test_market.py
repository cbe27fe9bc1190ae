"""What can be used on this machine: rows, keys, a user's file, and nothing secret shown."""

import re
from pathlib import Path

import pytest

from wideband.catalog.rows import Endpoint, Model, Price, Provider, Rates
from wideband.config import ConfigError, Market, Settings, load_market
from wideband.config.outside import without_providers

QUIET = {"WIDEBAND_DISCOVER": "0"}
ROWS = """
[[provider]]
slug = "box"
name = "My Box"
dialect = "openai_chat"
base_url = "http://10.0.0.5:8000/v1"
key_env = "BOX_KEY"

[[endpoint]]
provider = "box"
model = "acme/m1"
upstream_model = "m1"
context_length = 8192
price = { prompt = "0.30", completion = "1.20" }

[aliases]
fast = "acme/m1"
"""


def market(home: Path, text: str = "", **env: str) -> Market:
    file = home / "rows.toml"
    file.write_text(text)
    return load_market(Settings(home=home, config_file=file), environ={**QUIET, **env})


def test_without_keys_everything_is_known_and_nothing_usable(home: Path) -> None:
    bare = market(home)
    assert len(bare.known.providers) >= 40
    assert len(bare.known.models) >= 200
    assert (bare.found, bare.catalogue.models, bare.provider_keys) == ((), {}, {})
    reasons = {missing.slug: missing.reason for missing in bare.missing}
    assert reasons["openai"] == "set OPENAI_API_KEY"
    assert reasons["azure"] == "set AZURE_OPENAI_API_KEY and AZURE_OPENAI_RESOURCE"
    assert reasons["ollama"] == "nothing answers at http://127.0.0.1:11434/v1"


def test_the_first_variable_that_is_set_makes_a_provider_usable(home: Path) -> None:
    usable = market(home, GOOGLE_API_KEY="g-1", OPENAI_API_KEY="")
    assert [(found.slug, found.how) for found in usable.found] == [("google-ai-studio", "GOOGLE_API_KEY")]
    assert usable.provider_keys == {"google-ai-studio": "g-1"}
    assert set(usable.catalogue.providers) == {"google-ai-studio"}
    assert {model.author for model in usable.catalogue.models.values()} == {"google"}


def test_an_environment_without_providers_opens_none_and_still_runs_a_process(home: Path, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").touch()
    google = tmp_path / "google.json"
    google.touch()
    run = {"PATH": "/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "PYTHONPATH": "/src"}
    keys = {"OPENAI_API_KEY": "k", "AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_RESOURCE": "mine"}
    aws = {"AWS_REGION": "r", "AWS_ACCESS_KEY_ID": "k", "AWS_BEARER_TOKEN_BEDROCK": "k"}
    vertex = {"GOOGLE_APPLICATION_CREDENTIALS": str(google), "VERTEX_PROJECT": "p", "VERTEX_LOCATION": "global"}
    whole = {**run, **keys, **aws, **vertex, "WIDEBAND_DISCOVER": "1"}
    assert load_market(Settings(home=home), environ={**whole, **QUIET}).found != ()
    left = without_providers(whole)
    assert load_market(Settings(home=home), environ=left).found == ()
    assert left.items() >= run.items()


def test_fields_of_a_url_are_filled_from_the_environment(home: Path) -> None:
    usable = market(home, AZURE_OPENAI_API_KEY="k", AZURE_OPENAI_RESOURCE="mine")
    assert usable.catalogue.providers["azure"].base_url == "https://mine.openai.azure.com/openai/v1"


def test_deepseeks_peak_hours_are_on_working_days(home: Path) -> None:
    (endpoint,) = market(home, DEEPSEEK_API_KEY="k").catalogue.endpoints["deepseek/deepseek-v4-pro"]
    hours = [(override.utc_start, override.utc_end, len(override.utc_days)) for override in endpoint.price.overrides]
    assert hours == [(60, 240, 5), (360, 600, 5)]


def test_a_users_rows_are_added_and_used(home: Path) -> None:
    mine = market(home, ROWS, BOX_KEY="secret-1")
    (endpoint,) = mine.catalogue.endpoints["acme/m1"]
    assert (endpoint.provider.name, endpoint.price.base.prompt) == ("My Box", 300_000_000)
    assert (mine.catalogue.models["acme/m1"].name, mine.catalogue.resolve("fast")) == ("m1", "acme/m1")
    assert mine.provider_keys == {"box": "secret-1"}


def test_a_provider_whose_variable_is_unset_is_listed_and_not_used(home: Path) -> None:
    mine = market(home, ROWS)
    assert "acme/m1" in mine.known.models
    assert "acme/m1" not in mine.catalogue.models
    assert [(missing.needs, missing.reason) for missing in mine.missing if missing.slug == "box"] == [
        (("BOX_KEY",), "set BOX_KEY")
    ]


def test_a_provider_without_key_and_variable_needs_none(home: Path) -> None:
    mine = market(home, re.sub(r"key_env.*\n", "", ROWS))
    assert [found.how for found in mine.found] == ["needs no key"]
    assert (mine.provider_keys, mine.catalogue.providers["box"].auth) == ({}, "none")


def test_a_key_in_the_file_is_in_no_row_and_in_no_repr(home: Path) -> None:
    mine = market(home, ROWS.replace("key_env = ", "key = "))
    assert mine.provider_keys == {"box": "BOX_KEY"}
    assert "BOX_KEY" not in repr(mine)
    assert "BOX_KEY" not in repr(mine.catalogue) + repr(mine.known) + repr(mine.found)


def test_a_local_server_named_in_the_file_is_believed(home: Path) -> None:
    mine = market(home, '[[endpoint]]\nprovider = "vllm"\nmodel = "acme/m2"\n')
    assert [(found.slug, found.how) for found in mine.found] == [("vllm", "named in the file")]
    assert list(mine.catalogue.models) == ["acme/m2"]


def test_a_local_server_may_want_a_key(home: Path) -> None:
    text = '[[provider]]\nslug = "vllm"\nkey = "k1"\n[[endpoint]]\nprovider = "vllm"\nmodel = "acme/m2"\n'
    mine = market(home, text)
    assert mine.provider_keys == {"vllm": "k1"}
    assert mine.catalogue.providers["vllm"].auth == "bearer"


def test_a_key_without_the_rest_of_the_address_is_not_used(home: Path) -> None:
    bare = market(home, AZURE_OPENAI_API_KEY="k")
    assert bare.provider_keys == {}
    assert [missing.reason for missing in bare.missing if missing.slug == "azure"] == ["set AZURE_OPENAI_RESOURCE"]


def test_bad_rows_are_refused_with_file_line_row_and_remedy(home: Path) -> None:
    bad = ROWS.replace('provider = "box"', 'provider = "bix"').replace('"0.30"', "0.30")
    with pytest.raises(ConfigError) as caught:
        market(home, bad)
    advice = 'write prices as decimal strings, such as "0.3": numbers lose digits'
    assert [str(fix) for fix in caught.value.fixes] == [
        f"{home}/rows.toml:10: [[endpoint]] number 1 `provider`: `bix` is no provider; did you mean `box`?",
        f"{home}/rows.toml:14: [[endpoint]] number 1 `price.prompt`: {advice}",
        f"{home}/rows.toml:17: [aliases] `fast`: `acme/m1` is no model",
    ]


def simulated(slug: str, model: str) -> tuple[tuple[Provider, ...], tuple[Model, ...], tuple[Endpoint, ...]]:
    provider = Provider(
        slug=slug, name="Sim", dialect="openai_chat", base_url="http://127.0.0.1:1/v1", auth="none", simulated=True
    )
    endpoint = Endpoint(
        id="e", provider=provider, model=model, upstream_model="m", tag=slug, price=Price(base=Rates()), simulated=True
    )
    return (provider,), (Model(id=model, name="M", simulated=True),), (endpoint,)


def test_simulated_rows_are_usable_and_marked(home: Path) -> None:
    with_sandbox = load_market(Settings(home=home), simulated("sandbox-a", "sandbox/echo"), QUIET)
    assert [(found.slug, found.how) for found in with_sandbox.found] == [("sandbox-a", "simulated")]
    assert with_sandbox.catalogue.models["sandbox/echo"].simulated
    assert len(with_sandbox.catalogue.endpoints["sandbox/echo"]) == 1


@pytest.mark.parametrize(("slug", "model"), [("sandbox-a", "openai/gpt-5"), ("openai", "sandbox/echo")])
def test_simulated_rows_never_stand_under_a_real_name(home: Path, slug: str, model: str) -> None:
    with pytest.raises(ConfigError, match="is a real row's name"):
        load_market(Settings(home=home), simulated(slug, model), QUIET)


def test_a_provider_that_the_file_names_and_nobody_can_use_is_pointed_out(home: Path) -> None:
    pointed_out = [(each.slug, each.reason) for each in market(home, ROWS).missing if each.named]
    assert pointed_out == [("box", "set BOX_KEY")]
    assert not any(each.named for each in market(home, ROWS, BOX_KEY="k").missing)
