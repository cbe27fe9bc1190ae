"""Verdicts on what a model wrote for programs: calls of tools, and text under a schema."""

import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from wideband.canon.events import TextDelta, ToolArgs, ToolOpened
from wideband.dialects.base import Offer
from wideband.metering.schemas import MOST_SCHEMA_BYTES, compiled
from wideband.metering.verdicts import MOST_CHARS, Call, Heard, judge

WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
}
OFFER = Offer(tools={"weather": WEATHER, "clock": {"type": "object", "properties": {}}, "free": None}, output=WEATHER)


def call(name: str, *pieces: str) -> Call:
    return Call(name, list(pieces))


def calls(*said: Call, offer: Offer = OFFER) -> str | None:
    return judge(offer, said, None)[0]


def text(said: str, schema: dict[str, Any] | None = WEATHER) -> str | None:
    return judge(Offer(output=schema), (), said)[1]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (call("weather", '{"city": ', '"Rome", "days": 2}'), "valid"),
        (call("weather", '{"city": "Rome"'), "invalid_json"),
        (call("weather", '{"city": "Rome"} and more'), "invalid_json"),
        (call("weather", "{'city': 'Rome'}"), "invalid_json"),
        (call("forecast", '{"city": "Rome"}'), "unknown_name"),
        (call("forecast"), "unknown_name"),
        (call("Weather", '{"city": "Rome"}'), "unknown_name"),
        (call("forecast", "{"), "invalid_json"),
        (call("weather", '{"days": 2}'), "schema_mismatch"),
        (call("weather", '{"city": "Rome", "days": 0}'), "schema_mismatch"),
        (call("weather", '{"city": "Rome", "unit": "C"}'), "schema_mismatch"),
        (call("weather", '["Rome"]'), "schema_mismatch"),
        (call("clock", ""), "valid"),
        (call("clock"), "valid"),
        (call("clock", " "), "valid"),
        (call("weather", ""), "invalid_json"),
        (call("free", '{"what": "ever"}'), "valid"),
        (call("free", "what ever"), "invalid_json"),
        (call("free"), "valid"),
    ],
)
def test_a_call_is_judged_by_its_json_its_name_and_its_schema(said: Call, verdict: str) -> None:
    assert calls(said) == verdict


def test_calls_are_as_bad_as_the_first_bad_one_among_them() -> None:
    good, unknown, wrong = call("clock", "{}"), call("forecast", "{}"), call("weather", "{}")
    assert calls(good, good) == "valid"
    assert calls(good, unknown, wrong) == "unknown_name"
    assert calls(wrong, unknown) == "schema_mismatch"


def test_without_calls_or_a_schema_there_is_nothing_to_judge() -> None:
    assert judge(OFFER, (), None) == (None, None)
    assert text('{"city": 1}', None) is None


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ('{"city": "Rome"}', "valid"),
        (' \n{"city": "Rome"}\n', "valid"),
        ('```json\n{"city": "Rome"}\n```', "invalid_json"),
        ('Here you are: {"city": "Rome"}', "invalid_json"),
        ("", "invalid_json"),
        ('{"city": 7}', "schema_mismatch"),
        ('"Rome"', "schema_mismatch"),
    ],
)
def test_text_under_a_schema_must_be_json_that_fits_it(said: str, verdict: str) -> None:
    assert text(said) == verdict


def test_the_seventh_draft_counts_and_formats_are_notes() -> None:
    draft: dict[str, Any] = {"items": [{"type": "string"}], "additionalItems": False, "prefixItems": [{"type": "null"}]}
    assert text('["a"]', draft) == "valid"
    assert text('["a", 1]', draft) == "schema_mismatch"
    assert text("true", {"if": {"type": "boolean"}, "then": {"const": False}}) == "schema_mismatch"
    assert text('"yesterday"', {"format": "date"}) == "valid"


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "OBJECT"},
        {"properties": 7},
        {"pattern": "(?<=a)b"},
        {"pattern": "("},
        {"$ref": "#/definitions/none"},
        {"minimum": "1"},
    ],
)
def test_anything_fits_a_schema_that_cannot_be_compiled(broken: dict[str, Any]) -> None:
    assert text("[1]", broken) == "valid"


def test_nothing_is_ever_fetched_for_a_schema() -> None:
    """A schema may name any address: here somebody listens, and nobody comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        for schema in ({"$ref": address}, {"properties": {"a": {"$ref": address}}}, {"$schema": address}):
            assert text('{"a": 1}', schema) == "valid"
        with pytest.raises(TimeoutError):
            server.accept()
    assert text("1", {"$ref": "file:///etc/hostname"}) == "valid"


def test_a_schema_may_refer_to_itself() -> None:
    tree: dict[str, Any] = {
        "$ref": "#/definitions/node",
        "definitions": {
            "node": {
                "type": "object",
                "properties": {"value": {"type": "integer"}, "children": {"items": {"$ref": "#/definitions/node"}}},
                "required": ["value"],
            }
        },
    }
    assert text('{"value": 1, "children": [{"value": 2, "children": []}]}', tree) == "valid"
    assert text('{"value": 1, "children": [{"value": 2, "children": [{}]}]}', tree) == "schema_mismatch"


def doubling(steps: int) -> dict[str, Any]:
    """Make a schema that doubles the work at each of its steps."""
    rows = {f"s{at}": {"allOf": [{"$ref": f"#/definitions/s{at + 1}"}] * 2} for at in range(steps)}
    return {"$ref": "#/definitions/s0", "definitions": {**rows, f"s{steps}": {}}}


BRANCHING: dict[str, Any] = {"anyOf": [{"items": {"$ref": "#"}, "maxItems": 0}, {"items": {"$ref": "#"}}] * 2}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (doubling(40), "1"),
        ({"$ref": "#"}, "1"),
        ({"allOf": [{"$ref": "#"}]}, "1"),
        (BRANCHING, "[" * 30 + "]" * 30),
        ({"allOf": [{"items": {"type": "integer"}}] * 1000}, "[" + "1," * 40_000 + "1]"),
        ({"allOf": [{"pattern": f"a{{{at}}}z"} for at in range(101)]}, '"a"'),
        ({"pattern": "[a-z]*[a-m]{400}z"}, '"' + "ab" * 60_000 + '"'),
        ({"definitions": {"a": {"$id": "x", "$ref": "#/y"}}, "$ref": "#/definitions/a"}, "1"),
        ({"description": "x" * MOST_SCHEMA_BYTES}, "1"),
    ],
)
def test_what_would_keep_the_judge_busy_is_not_judged(schema: dict[str, Any], said: str) -> None:
    began = time.monotonic()
    assert text(said, schema) in (None, "valid")
    assert time.monotonic() - began < 1
    if "$id" not in str(schema):
        assert text(said, schema) is None
        assert calls(call("t", said), offer=Offer(tools={"t": schema})) is None


def test_patterns_run_in_a_time_that_grows_with_the_text_alone() -> None:
    began = time.monotonic()
    assert text('"' + "a" * 20_000 + 'b"', {"pattern": "^(a+)+$"}) == "schema_mismatch"
    assert time.monotonic() - began < 0.5


def test_one_call_that_cannot_be_judged_leaves_the_others_unjudged_unless_one_is_bad() -> None:
    offer = Offer(tools={"big": {"$ref": "#"}, "clock": {"type": "object"}})
    assert calls(call("big", "{}"), call("clock", "{}"), offer=offer) is None
    assert calls(call("big", "{}"), call("clock", "7"), offer=offer) == "schema_mismatch"


def test_a_schema_is_compiled_once() -> None:
    assert compiled(WEATHER) is compiled(dict(WEATHER))


def test_what_is_heard_is_what_is_wanted() -> None:
    heard = Heard(wants_calls=True)
    heard.opened(ToolOpened(0, "c1", "weather"))
    heard.argued(ToolArgs(0, '{"city"'))
    heard.opened(ToolOpened(1, "c2", "clock"))
    heard.argued(ToolArgs(0, ': "Rome"}'))
    heard.opened(ToolOpened(0, "c3", "patch", choice=1, custom=True))
    heard.argued(ToolArgs(0, "*** free text", choice=1))
    heard.said(TextDelta("not wanted"))
    assert [(one.name, one.arguments) for one in heard.calls] == [("weather", '{"city": "Rome"}'), ("clock", "")]
    assert heard.text is None
    heard.forget()
    assert heard.calls == ()


def test_no_more_is_kept_than_is_judged() -> None:
    heard = Heard(wants_calls=True, wants_text=True)
    heard.opened(ToolOpened(0, "c1", "weather"))
    for _ in range(MOST_CHARS // 1000 + 1):
        heard.argued(ToolArgs(0, "x" * 1000))
        heard.said(TextDelta("y" * 1000))
    assert (heard.calls, heard.text) == ((), None)


def test_the_library_is_loaded_by_who_judges_and_not_before() -> None:
    program = (
        "import sys, wideband.server.app, wideband.metering.verdicts as v\n"
        "assert 'jsonschema_rs' not in sys.modules\n"
        "from wideband.dialects.base import Offer\n"
        "assert v.judge(Offer(output={'type': 'string'}), (), '1')[1] == 'schema_mismatch'\n"
        "assert 'jsonschema_rs' in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=20, check=False).returncode == 0


def test_all_calls_of_an_answer_share_what_judging_may_cost() -> None:
    offer = Offer(tools={"f": {"items": {"allOf": [{"minimum": -bound} for bound in range(900)]}}})
    # Some 6,000,000 visits: one such call is judged, two are not.
    call = Call("f", [f"[{','.join(['1'] * 700)}]"])
    assert judge(offer, [call], None) == ("valid", None)
    assert judge(offer, [call, call], None) == (None, None)
    assert judge(offer, [call, call, Call("g", ["{}"])], None) == ("unknown_name", None)
