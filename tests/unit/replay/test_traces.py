"""Reading traces: three formats, their times, and errors that name the line."""

from collections.abc import Iterable

import pytest

from wideband.canon.faults import Faulted
from wideband.replay.traces import Arrival, Format, detect, read

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
"""
MOONCAKE = """{"timestamp": 3000, "input_length": 700, "output_length": 5, "hash_ids": [0, 7]}
{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]}
"""
NDJSON = """{"at_ms": 10, "prompt_tokens": 1, "completion_tokens": 2}
{"at_ms": 12.5, "prompt_tokens": 3, "completion_tokens": 4, "model": "sandbox/fast"}
"""


def lines(text: str) -> Iterable[str]:
    return text.splitlines(keepends=True)


def test_azure_times_keep_all_seven_digits() -> None:
    assert read("t", lines(AZURE)) == [
        Arrival(at_ns=0, prompt_tokens=374, completion_tokens=44),
        Arrival(at_ns=4_314_579_000, prompt_tokens=396, completion_tokens=109),
    ]


def test_azure_files_may_have_windows_line_ends_and_a_byte_order_mark() -> None:
    assert read("t", lines("\ufeff" + AZURE.replace("\n", "\r\n"))) == read("t", lines(AZURE))


def test_mooncake_keeps_its_blocks_and_is_put_in_order() -> None:
    first, second = read("t", lines(MOONCAKE))
    assert (first.at_ns, first.prompt_tokens, first.blocks) == (0, 6758, (0, 1))
    assert (second.at_ns, second.completion_tokens, second.blocks) == (3_000_000_000, 5, (0, 7))


def test_plain_lines_may_name_a_model_and_give_milliseconds_or_instants() -> None:
    first, second = read("t", lines(NDJSON))
    assert (first.at_ns, first.model) == (0, None)
    assert (second.at_ns, second.model) == (2_500_000, "sandbox/fast")
    row = '{"timestamp": "%s", "prompt_tokens": 1, "completion_tokens": 1}\n'
    zoned = read("t", [row % "2026-01-01T00:00:00Z", row % "2026-01-01T02:00:00.25+01:00"])
    assert [arrival.at_ns for arrival in zoned] == [0, 3_600_250_000_000]


@pytest.mark.parametrize(("text", "form"), [(AZURE, "azure"), (MOONCAKE, "mooncake"), (NDJSON, "ndjson")])
def test_the_format_shows_in_the_first_line(text: str, form: Format) -> None:
    assert detect(next(iter(lines(text)))) == form


def test_a_limit_takes_rows_from_the_start() -> None:
    assert len(read("t", lines(AZURE), limit=1)) == 1


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("hello\n", "t:1", "--format"),
        (AZURE + "2023-11-16 18:16:00,1\n", "t:4", "GeneratedTokens"),
        (AZURE + "yesterday,1,2\n", "t:4", "yesterday"),
        (AZURE + "2023-13-45 18:16:00,1,2\n", "t:4", "2023-13-45"),
        (AZURE + "\n2023-11-16 18:16:00,-1,2\n", "t:5", "ContextTokens"),
        (MOONCAKE + "{\n", "t:3", "JSON"),
        (MOONCAKE + '{"timestamp": 1, "input_length": "x", "output_length": 1}\n', "t:3", "input_length"),
        (NDJSON + '{"prompt_tokens": 1, "completion_tokens": 1}\n', "t:3", "at_ms"),
        (NDJSON + '{"at_ms": 1, "prompt_tokens": 1, "completion_tokens": -1}\n', "t:3", "between"),
        ("", "t", "no request"),
    ],
)
def test_errors_name_the_file_and_the_line(text: str, place: str, word: str) -> None:
    with pytest.raises(Faulted) as caught:
        read("t", lines(text))
    assert caught.value.fault.message.startswith(f"{place}: ")
    assert word in caught.value.fault.message
