"""Every client protocol in front of every provider protocol, through a real server: nothing is lost on the way.

The simulated providers are as strict as real ones: what they answer 200 to, they understood. What was sent to them is
read from the requests they keep; what came back, from what a client of each protocol makes of it.
"""

import base64
import json
from itertools import permutations
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.e2e.served import Served
from tests.e2e.speakers import PICTURE, SPEAKERS, TOOLS, Fields, Heard, Speaker, Wish, events_of

PROVIDERS = ("chat", "messages", "responses", "gemini")
# Who seals thinking, and the name under which the seal stands in a request.
SEALED_AS = {"messages": "signature", "responses": "encrypted_content", "gemini": "thoughtSignature"}
# What a client is told of faults before the first word; in a stream some protocols only say that they are overloaded.
STATUSES = {"500": {502}, "429": {429}, "503": {503}, "200_error": {502, 503}, "cut": {502}}
WHOLE_OR_STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


class Talk:
    """One conversation of a client with the model that one provider protocol serves."""

    def __init__(self, served: Served, client: str, provider: str) -> None:
        self.speaker: Speaker = SPEAKERS[client]()
        self.model = f"sandbox/{provider}-only"
        self.turns: list[Fields] = []
        self._served = served
        self._name = uuid4().hex

    def say(self, text: str, words: str, picture: str | None = None) -> None:
        """Add what the user says, with a direction to the sandbox."""
        self.turns.append(self.speaker.user(f"{text} [[sandbox keep={self._name} {words}]]", picture))

    def post(self, wish: Wish) -> httpx.Response:
        """Ask, whatever comes of it."""
        path = self.speaker.path(self.model, stream=wish.stream)
        with self._served.http() as http:
            return http.post(path, json=self.speaker.body(self.model, self.turns, wish))

    def ask(self, wish: Wish) -> Heard:
        """Ask, understand the answer and keep it in the conversation."""
        answer = self.post(wish)
        assert answer.status_code == 200, answer.text
        if wish.stream:
            assert answer.headers["content-type"].startswith("text/event-stream")
            heard = self.speaker.stream(events_of(answer.text))
        else:
            heard = self.speaker.whole(answer.json())
        self.turns += heard.turns
        return heard

    def sent(self) -> list[str]:
        """Return the bodies that reached the provider, in order."""
        kept: list[dict[str, str]] = httpx.get(f"{self._served.facts['sandbox_url']}/kept/{self._name}").json()
        return [row["body"] for row in kept]


@pytest.fixture(params=PROVIDERS, ids=lambda name: f"to {name}")
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=SPEAKERS, ids=lambda name: f"from {name}")
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def talk(served: Served, client: str, provider: str) -> Talk:
    return Talk(served, client, provider)


def seals_in(body: str, provider: str) -> list[str]:
    """Return the seals of the provider's protocol in a request, wherever they stand."""
    found: list[str] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            found.extend(held for name, held in value.items() if name == SEALED_AS.get(provider))
            for held in value.values():
                look(held)
        elif isinstance(value, list):
            for held in value:
                look(held)

    look(json.loads(body))
    return found


@WHOLE_OR_STREAM
def test_text(talk: Talk, stream: bool) -> None:
    talk.say("Grüß Gott, \U0001f30d!", "tokens=50")
    heard = talk.ask(Wish(stream=stream))
    assert len(heard.text) == 30 * 4
    assert (heard.finish, heard.completion_tokens) == ("stop", 50)
    assert heard.prompt_tokens > 10
    (body,) = talk.sent()
    assert "Grüß Gott, \U0001f30d!" in json.dumps(json.loads(body), ensure_ascii=False)


@WHOLE_OR_STREAM
def test_a_tool_is_called_and_its_result_answered(talk: Talk, stream: bool) -> None:
    talk.say("Look", "tokens=40 calls=1 tool=list_files")
    first = talk.ask(Wish(stream=stream, tools=True))
    assert first.finish == "tool_calls"
    (call,) = first.calls
    assert call.name == "list_files"
    assert call.arguments.keys() == {"path"}
    talk.turns += talk.speaker.results(first.calls, "There is")
    second = talk.ask(Wish(stream=stream, tools=True))
    assert (second.finish, second.calls) == ("stop", [])
    asked, answered = talk.sent()
    assert all(f'"{name}"' in asked for name in TOOLS)
    assert "There is list_files" in answered
    assert call.arguments["path"] in answered


@WHOLE_OR_STREAM
@pytest.mark.parametrize("words", ["calls=2", "calls=3 tool=read_file"], ids=["two tools", "one tool thrice"])
def test_parallel_calls_are_told_apart(talk: Talk, stream: bool, words: str) -> None:
    talk.say("Look", f"tokens=40 {words}")
    first = talk.ask(Wish(stream=stream, tools=True))
    assert len(first.calls) == (3 if "thrice" in words or "calls=3" in words else 2)
    handles = [call.handle for call in first.calls if call.handle]
    assert len(set(handles)) == len(handles)
    talk.turns += talk.speaker.results(first.calls, "There is")
    assert talk.ask(Wish(stream=stream, tools=True)).finish == "stop"
    answered = talk.sent()[-1]
    assert answered.count("There is ") == len(first.calls)


@WHOLE_OR_STREAM
def test_thinking_is_shown_and_gone_on_with(talk: Talk, provider: str, stream: bool) -> None:
    talk.say("Think", "tokens=50")
    first = talk.ask(Wish(stream=stream, thoughts=True))
    assert len(first.thoughts) == 20 * 4
    assert len(first.text) == 30 * 4
    talk.say("And on", "tokens=20")
    second = talk.ask(Wish(stream=stream, thoughts=True))
    assert len(second.text) == 12 * 4
    seals = seals_in(talk.sent()[-1], provider)
    assert len(seals) == (provider in SEALED_AS)
    # The provider checked them; they are as it made them, with nothing of ours.
    assert all(base64.b64decode(seal).count(b"\n") == 3 for seal in seals)
    if provider in SEALED_AS:
        assert first.seals
        assert set(first.seals).isdisjoint(second.seals)


@WHOLE_OR_STREAM
def test_thinking_before_a_call_is_gone_on_with(talk: Talk, provider: str, stream: bool) -> None:
    talk.say("Think", "tokens=50 calls=2")
    wish = Wish(stream=stream, thoughts=True, tools=True)
    first = talk.ask(wish)
    assert len(first.thoughts) == 20 * 4
    talk.turns += talk.speaker.results(first.calls, "There is")
    assert talk.ask(wish).finish == "stop"
    seals = seals_in(talk.sent()[-1], provider)
    assert len(seals) == (provider in SEALED_AS)
    assert all(base64.b64decode(seal).count(b"\n") == 3 for seal in seals)


@WHOLE_OR_STREAM
def test_structured_output(talk: Talk, stream: bool) -> None:
    talk.say("Is it?", "tokens=40")
    heard = talk.ask(Wish(stream=stream, verdict=True))
    assert json.loads(heard.text) in ({"ok": True}, {"ok": False})


def test_a_picture(talk: Talk) -> None:
    talk.say("What is this?", "tokens=10", PICTURE)
    assert talk.ask(Wish()).text
    (body,) = talk.sent()
    assert PICTURE in body


@WHOLE_OR_STREAM
@pytest.mark.parametrize("fault", STATUSES)
def test_what_breaks_before_the_first_word_is_an_error_answer(talk: Talk, stream: bool, fault: str) -> None:
    talk.say("Hi", f"fault={fault}")
    answer = talk.post(Wish(stream=stream))
    assert answer.status_code in STATUSES[fault], answer.text
    assert talk.speaker.error(answer.json())


@pytest.mark.parametrize("fault", ["cut_late", "200_error_late"])
def test_what_breaks_in_the_middle_ends_in_the_clients_words(talk: Talk, fault: str) -> None:
    talk.say("Hi", f"tokens=60 fault={fault}")
    answer = talk.post(Wish(stream=True))
    assert answer.status_code == 200
    assert talk.speaker.broke(events_of(answer.text)), answer.text[-600:]


@pytest.mark.parametrize(("provider", "then"), list(permutations(PROVIDERS, 2)), indirect=["provider"])
def test_another_provider_goes_on_without_seals_it_cannot_read(talk: Talk, then: str) -> None:
    talk.say("Think", "tokens=50 calls=2")
    wish = Wish(thoughts=True, tools=True)
    first = talk.ask(wish)
    talk.turns += talk.speaker.results(first.calls, "There is")
    talk.model = f"sandbox/{then}-only"
    assert talk.ask(wish).finish == "stop"
    answered = talk.sent()[-1]
    assert answered.count("There is ") == 2
    assert "wideband" not in answered
    assert not any(seal in answered for seal in map(bare, first.seals) if seal)


def bare(seal: str) -> str:
    """Return a seal as its provider made it, of one that travels in the clear behind our mark."""
    return seal.rpartition(":")[2]


@WHOLE_OR_STREAM
def test_a_tool_of_free_text_is_one_at_every_provider(served: Served, provider: str, stream: bool) -> None:
    talk = Talk(served, "responses", provider)
    talk.say("Mend it", "tokens=40 calls=1")
    path = talk.speaker.path(talk.model, stream=stream)
    body = talk.speaker.body(talk.model, talk.turns, Wish(stream=stream))
    body["tools"] = [{"type": "custom", "name": "apply_patch", "description": "Take a patch."}]
    with served.http() as http:
        answer = http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        final = events_of(answer.text)[-1]["response"] if stream else answer.json()
        (call,) = [item for item in final["output"] if item["type"] == "custom_tool_call"]
        assert call["name"] == "apply_patch"
        assert call["input"]
        assert not call["input"].startswith("{")
        result = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "Mended well"}
        body["input"] = [*body["input"], *final["output"], result]
        again = http.post(path, json=body)
    assert again.status_code == 200, again.text
    answered = talk.sent()[-1]
    assert "Mended well" in answered
    assert call["input"] in answered


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": "x" * 400}]}, "input_tokens"),
        ("/v1beta/models/{model}:countTokens", {"contents": [{"parts": [{"text": "x" * 400}]}]}, "totalTokens"),
    ],
    ids=["messages", "gemini"],
)
def test_tokens_are_counted_for_every_provider(
    served: Served, provider: str, path: str, body: Fields, name: str
) -> None:
    model = f"sandbox/{provider}-only"
    with served.http() as http:
        answer = http.post(path.format(model=model), json={"model": model, **body})
    assert answer.status_code == 200, answer.text
    assert 80 <= answer.json()[name] <= 150
