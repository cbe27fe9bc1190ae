"""Rows written in TOML: laid over what is known, and refused with every fault named."""

import tomllib
from typing import Any

import pytest

from wideband.catalog.joining import catalogue
from wideband.catalog.reading import Sheet, read_sheet
from wideband.catalog.rows import EndpointRow, Override, Price, Provider, Rates
from wideband.catalog.voices import Words

WORDS = Words(dialects={"openai_chat", "anthropic_messages"}, quirks={"no_stream_options", "max_completion_tokens"})
OPENAI = Provider(
    slug="openai",
    name="OpenAI",
    dialect="openai_chat",
    base_url="https://api.openai.com/v1",
    key_env=("OPENAI_API_KEY",),
)
GPT = EndpointRow(
    provider="openai", model="openai/gpt-5", upstream_model="gpt-5", tag="openai", price=Price(base=Rates(prompt=1))
)
KNOWN = Sheet(providers={"openai": OPENAI}, endpoints={("openai", "openai/gpt-5", "openai"): GPT})
BOX = '[[provider]]\nslug = "box"\ndialect = "openai_chat"\nbase_url = "http://10.0.0.5:8000/v1"\n'
ROW = BOX + '[[endpoint]]\nprovider = "box"\nmodel = "acme/m1"\n'


def read(text: str) -> Sheet:
    sheet, problems = read_sheet(tomllib.loads(text), KNOWN, WORDS)
    assert problems == []
    return sheet


def problems_of(text: str) -> list[tuple[str, int, str, str]]:
    _, problems = read_sheet(tomllib.loads(text), KNOWN, WORDS)
    return [(each.table, each.nth, each.field, each.text) for each in problems]


def test_a_new_provider_without_a_key_needs_none() -> None:
    box = read(BOX).providers["box"]
    assert (box.name, box.auth, box.key_env, box.key) == ("box", "none", (), None)


@pytest.mark.parametrize("line", ['key_env = "BOX_KEY"', 'key_env = ["BOX_KEY"]'])
def test_a_new_provider_with_a_variable_is_asked_as_openai_is(line: str) -> None:
    box = read(f"{BOX}{line}\n").providers["box"]
    assert (box.auth, box.key_env) == ("bearer", ("BOX_KEY",))


def test_a_providers_key_is_shown_as_its_protocol_has_it_unless_its_row_says_otherwise() -> None:
    row = BOX.replace("openai_chat", "anthropic_messages") + 'key = "k"\n'
    assert read(row).providers["box"].auth == "x-api-key"
    assert read(row + 'auth = "bearer"\n').providers["box"].auth == "bearer"


def test_a_known_provider_keeps_what_its_row_does_not_change() -> None:
    changed = read('[[provider]]\nslug = "openai"\nbase_url = "https://proxy.example/v1/"\n').providers["openai"]
    assert (changed.base_url, changed.key_env, changed.auth) == (
        "https://proxy.example/v1",
        ("OPENAI_API_KEY",),
        "bearer",
    )


@pytest.mark.parametrize(
    ("dialect", "url", "expected"),
    [
        ("anthropic_messages", "https://a.example", "https://a.example/v1"),
        ("anthropic_messages", "https://a.example/", "https://a.example/v1"),
        ("anthropic_messages", "https://a.example/anthropic/v1", "https://a.example/anthropic/v1"),
        ("openai_chat", "https://a.example", "https://a.example"),
    ],
)
def test_anthropics_version_is_added_where_there_is_no_path(dialect: str, url: str, expected: str) -> None:
    text = f'[[provider]]\nslug = "a"\ndialect = "{dialect}"\nbase_url = "{url}"\n'
    assert read(text).providers["a"].base_url == expected


def test_an_endpoint_row_holds_exact_prices_windows_and_limits() -> None:
    row = read(
        ROW
        + 'upstream_model = "m1-large"\ncontext_length = 8192\nmax_output = 1024\nquantization = "fp8"\n'
        + 'supported_parameters = ["tools"]\ninput_modalities = ["text", "image"]\nquirks = ["no_stream_options"]\n'
        + 'price = { prompt = "0.30", completion = "1.20", cache_read = "0.03", request = "0.001", '
        + 'windows = [{ utc_start = "1630", utc_end = "0030", utc_days = ["monday"], prompt = "0.15" }, '
        + '{ min_prompt_tokens = 200000, prompt = "0.60" }] }\n'
    ).endpoints["box", "acme/m1", "box"]
    assert row == EndpointRow(
        provider="box",
        model="acme/m1",
        upstream_model="m1-large",
        tag="box",
        context_length=8192,
        max_output=1024,
        quantization="fp8",
        supported_parameters=frozenset({"tools"}),
        input_modalities=("text", "image"),
        quirks=frozenset({"no_stream_options"}),
        price=Price(
            base=Rates(prompt=300_000_000, completion=1_200_000_000, cache_read=30_000_000, request=1_000_000),
            overrides=(
                Override(rates={"prompt": 150_000_000}, utc_start=990, utc_end=30, utc_days=("monday",)),
                Override(rates={"prompt": 600_000_000}, min_prompt_tokens=200_000),
            ),
        ),
    )


def test_a_known_endpoint_keeps_what_its_row_does_not_change() -> None:
    text = '[[endpoint]]\nprovider = "openai"\nmodel = "openai/gpt-5"\nprice = { prompt = "9" }\n'
    row = read(text).endpoints["openai", "openai/gpt-5", "openai"]
    assert (row.upstream_model, row.price.base.prompt) == ("gpt-5", 9_000_000_000)


def test_how_long_prompts_stay_cached_is_said_by_provider_and_endpoint() -> None:
    sheet = read(ROW.replace("\n[[endpoint]]", "\ncache_ttl_s = 7200\n[[endpoint]]") + "cache_ttl_s = 300\n")
    assert sheet.providers["box"].cache_ttl_s == 7200
    [joined] = catalogue(sheet).endpoints["acme/m1"]
    assert (joined.cache_ttl_s, joined.provider.cache_ttl_s) == (300, 7200)


def test_aliases_are_other_names_for_models_that_are_there() -> None:
    assert read('[aliases]\nfast = "openai/gpt-5"\n').aliases == {"fast": "openai/gpt-5"}
    # Models of the simulated market only show while it runs.
    assert read('[aliases]\n"*" = "sandbox/fast"\n').aliases == {"*": "sandbox/fast"}
    assert problems_of('[aliases]\nfast = "openai/gpt-55"\n') == [
        ("aliases", 0, "fast", "`openai/gpt-55` is no model; did you mean `openai/gpt-5`?")
    ]


def test_every_fault_of_every_row_is_told_at_once() -> None:
    found = problems_of(
        '[[provider]]\nslug = "a"\nbase_url = "ftp://a"\ndialect = "openai_caht"\nquirks = ["no_stream_option"]\n'
        '[[provider]]\nslug = "b"\nbase_urll = "http://b"\ndialect = 7\n'
    )
    assert found == [
        ("provider", 0, "quirks", "`no_stream_option` is no quirk; did you mean `no_stream_options`?"),
        ("provider", 0, "dialect", "`openai_caht` is no dialect; did you mean `openai_chat`?"),
        ("provider", 0, "base_url", "`ftp://a` is no http or https URL"),
        ("provider", 1, "base_urll", "unknown field; did you mean `base_url`?"),
        ("provider", 1, "dialect", "expected `str`, got `int`"),
        ("provider", 1, "base_url", "a new provider needs `base_url`"),
    ]


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (BOX + BOX, "slug", "stands twice"),
        (ROW + '[[endpoint]]\nprovider = "box"\nmodel = "acme/m1"\n', "model", "stands twice"),
        ('[[endpoint]]\nprovider = "opanai"\nmodel = "a/b"\n', "provider", "did you mean `openai`?"),
        (ROW.replace("acme/m1", "m1"), "model", "author/slug"),
        (BOX + "cache_ttl_s = 0\n", "cache_ttl_s", ">= 1"),
        (ROW + 'tag = "openai/x"\n', "tag", "begin with `box/`"),
        (BOX + 'key = "k"\nkey_env = "K"\n', "key", "not both"),
        (BOX.replace("http://", "http://user:pw@"), "base_url", "no user"),
        (ROW + "price = { prompt = 0.3 }\n", "price.prompt", 'decimal strings, such as "0.3"'),
        (ROW + "price = { prompt = 1 }\n", "price.prompt", "decimal strings"),
        (ROW + 'price = { prompt = "-1" }\n', "price.prompt", "negative"),
        (ROW + 'price = { prompt = "free" }\n', "price.prompt", "not a decimal number"),
        (ROW + 'price = { prompts = "1" }\n', "price.prompts", "did you mean `prompt`?"),
        (ROW + 'price = { windows = [{ prompt = "1" }] }\n', "price.windows[0]", "needs a condition"),
        (ROW + 'price = { windows = [{ utc_start = "0100" }] }\n', "price.windows[0]", "give both"),
        (
            ROW + 'price = { windows = [{ utc_start = "0100", utc_end = "0100" }] }\n',
            "price.windows[0]",
            "are the same",
        ),
        (
            ROW + 'price = { windows = [{ utc_start = "2400", utc_end = "0100" }] }\n',
            "price.windows[0].utc_start",
            "no time",
        ),
        (
            ROW + 'price = { windows = [{ utc_start = "1 am", utc_end = "0100" }] }\n',
            "price.windows[0].utc_start",
            "HHMM",
        ),
        (
            ROW + 'price = { windows = [{ utc_days = ["Montag"] }] }\n',
            "price.windows[0].utc_days",
            "weekdays in English",
        ),
        (ROW + "price = { windows = [{ min_prompt_tokens = -1 }] }\n", "price.windows[0].min_prompt_tokens", "tokens"),
        (ROW + "price = { windows = 1 }\n", "price.windows", "list of tables"),
        ('[[model]]\nid = "gpt"\n', "id", "author/slug"),
        ('[provider]\nslug = "a"\n', "", "two brackets"),
        ('provider = ["a"]\n', "", "must be a table"),
    ],
)
def test_a_bad_row_is_refused_in_words_that_help(text: str, field: str, words: str) -> None:
    found = problems_of(text)
    assert [each[2] for each in found] == [field]
    assert words in found[0][3]


def test_openrouters_names_of_prices_are_understood() -> None:
    price: Any = (
        read(ROW + 'price = { prompt = "1", input_cache_read = "0.5" }\n').endpoints["box", "acme/m1", "box"].price
    )
    assert price.base.cache_read == 500_000_000
