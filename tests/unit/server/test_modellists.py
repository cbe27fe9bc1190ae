"""The list of models in the shape of whoever asks."""

from typing import Any

import pytest
from starlette.requests import Request
from tests.unit.gateway.stage import catalogue, endpoint

from wideband.canon.faults import Faulted
from wideband.server import listing, modellists

ROWS = catalogue(endpoint("a", "acme/one"), endpoint("a", "acme/two"), endpoint("b", "zen/m"))
ALIASES = {"claude-sonnet-4-5": "acme/two", "claude-*": "acme/one", "gone": "no/such"}


def rows() -> list[dict[str, Any]]:
    return listing.models(ROWS, {}, 0)


def asked(path: str = "/v1/models", query: str = "", **headers: str) -> Request:
    told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": told}
    return Request(scope)


@pytest.mark.parametrize(
    ("request_", "dialect"),
    [
        (asked(), "openai_chat"),
        (asked(authorization="Bearer k"), "openai_chat"),
        (asked(anthropic_version="2023-06-01"), "anthropic_messages"),
        (asked(x_goog_api_key="k"), "gemini_generate"),
        (asked("/v1beta/models"), "gemini_generate"),
        (asked(query="key=k"), "gemini_generate"),
    ],
)
def test_who_asks_is_told_from_the_headers_and_the_path(request_: Request, dialect: str) -> None:
    assert modellists.asks_in(request_) == dialect


def test_openai_and_those_who_grew_from_it_get_one_object_for_all() -> None:
    shown = modellists.openai_models(rows(), "/v1/models", {})
    assert (shown["object"], shown["total_count"], shown["links"]) == ("list", 3, {"next": None})
    assert {"object", "canonical_slug", "capabilities", "supported_voices"} <= shown["data"][0].keys()


def test_anthropics_list_begins_with_the_names_that_stand_for_models() -> None:
    shown = modellists.anthropic_models(rows(), ALIASES, {"limit": "1000"})
    assert [row["id"] for row in shown["data"]] == ["claude-sonnet-4-5", "acme/one", "acme/two", "zen/m"]
    assert shown["data"][0]["display_name"] == "claude-sonnet-4-5 (acme/two)"
    assert (shown["first_id"], shown["last_id"], shown["has_more"]) == ("claude-sonnet-4-5", "zen/m", False)


def test_anthropics_pages() -> None:
    first = modellists.anthropic_models(rows(), {}, {"limit": "2"})
    assert ([row["id"] for row in first["data"]], first["has_more"]) == (["acme/one", "acme/two"], True)
    second = modellists.anthropic_models(rows(), {}, {"limit": "2", "after_id": first["last_id"]})
    assert ([row["id"] for row in second["data"]], second["has_more"]) == (["zen/m"], False)
    back = modellists.anthropic_models(rows(), {}, {"limit": "1", "before_id": "zen/m"})
    assert ([row["id"] for row in back["data"]], back["has_more"]) == (["acme/two"], True)
    with pytest.raises(Faulted, match="after_id"):
        modellists.anthropic_models(rows(), {}, {"after_id": "no/such"})


def test_geminis_pages_and_names() -> None:
    first = modellists.gemini_models(rows(), {"pageSize": "2"})
    assert [row["name"] for row in first["models"]] == ["models/acme/one", "models/acme/two"]
    assert first["models"][0]["supportedGenerationMethods"] == [
        "generateContent",
        "streamGenerateContent",
        "countTokens",
    ]
    second = modellists.gemini_models(rows(), {"pageSize": "2", "pageToken": first["nextPageToken"]})
    assert [row["name"] for row in second["models"]] == ["models/zen/m"]
    assert "nextPageToken" not in second
    with pytest.raises(Faulted, match="pageToken"):
        modellists.gemini_models(rows(), {"pageToken": "x"})
