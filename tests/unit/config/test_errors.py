"""Problems of parsed TOML find their way back to a line of the text."""

import pytest

from wideband.config.errors import line_of, line_of_syntax_error

TEXT = """\
# A comment that mentions [[provider]].
[server]
port = 1

[[provider]]
slug = "a"

[[endpoint]]
provider = "a"
price = { prompt = "1", completion = 2 }

[[provider]]  # the second
slug = "b"
"base_url" = "x"

[[endpoint]]
provider = "b"
[endpoint.price]
prompt = 0.3
[[endpoint.price.overrides]]
utc_start = "x"

[aliases]
fast = "a/b"
"""


@pytest.mark.parametrize(
    ("table", "nth", "field", "line"),
    [
        ("server", 0, "port", 3),
        ("server", 0, "", 2),
        ("provider", 0, "slug", 6),
        ("provider", 1, "slug", 13),
        ("provider", 1, "base_url", 14),
        ("provider", 1, "dialect", 12),
        ("endpoint", 0, "price.completion", 10),
        ("endpoint", 1, "price.prompt", 19),
        ("endpoint", 1, "price.overrides[0].utc_start", 21),
        ("endpoint", 1, "price.overrides[0]", 16),
        ("aliases", 0, "fast", 24),
        ("model", 0, "id", 0),
    ],
)
def test_a_field_is_found_in_its_table(table: str, nth: int, field: str, line: int) -> None:
    assert line_of(TEXT, table, nth, field) == line


def test_a_syntax_error_is_at_the_line_the_parser_names_or_at_the_end() -> None:
    assert line_of_syntax_error("Expected '=' (at line 7, column 3)", "a\n") == 7
    assert line_of_syntax_error("Unclosed array (at end of document)", "a\nb\n") == 2
