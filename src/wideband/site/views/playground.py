"""Asking several models side by side."""

import asyncio
import functools
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.datastructures import QueryParams
from starlette.responses import Response

from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.gateway.transcript import chat_messages, transcript
from wideband.metering.record import Generation
from wideband.routing.auto import ROUTERS
from wideband.routing.preferences import SORTS
from wideband.site.asking import Streamed, ask, playground_key, whole
from wideband.site.visit import Page, Visit
from wideband.wire import jsons

MOST_MODELS = 4
EFFORTS = ("", "none", "minimal", "low", "medium", "high")

# Field of the form -> (field of the request, how its text is read).
_NUMBERS: dict[str, type[int] | type[float]] = {
    "temperature": float,
    "top_p": float,
    "max_tokens": int,
    "seed": int,
}


class Column(msgspec.Struct, frozen=True):
    """One model's side: what was said so far, and its newest answer, or why there is none."""

    model: str
    messages: list[dict[str, Any]]
    generation_id: str | None = None
    answer: dict[str, Any] | None = None
    fault: str | None = None

    @property
    def history(self) -> str:
        """What the form brings back so that the conversation goes on."""
        return jsons.encode(self.messages).decode()


async def playground(visit: Visit) -> Response:
    """Show an empty playground, one with some models chosen, or one set up as a request of the log."""
    query = QueryParams(visit.request.url.query)
    fields = dict(query)
    columns = [Column(model, []) for model in _models(query.getlist("model"))]
    note = None
    if name := query.get("generation"):
        columns, fields, note = await _replay(visit, name)
    return await _page(visit, columns or [Column(_first(visit), [])], fields, note)


async def answers(visit: Visit) -> Response:
    """Ask every model and show the answers when all are there: for browsers without scripts."""
    form = visit.form
    models, histories = _models(form.getlist("model")), form.getlist("history")
    if not models:
        raise invalid("Choose at least one model.", "model")
    key = await playground_key(visit.house.exchange.ledger, _account(visit))

    async def one(nth: int, model: str) -> Column:
        messages = _messages(form, histories[nth] if nth < len(histories) else "")
        body = jsons.encode(request_body(form, model, messages, stream=False))
        sink = await whole(functools.partial(ask, visit.house.exchange, key, body))
        return _column(model, messages, sink.status, sink.headers, sink.body)

    columns = await asyncio.gather(*(one(nth, model) for nth, model in enumerate(models)))
    return await _page(visit, columns, {**form, "message": ""}, None)


async def stream(visit: Visit) -> Response:
    """Ask one model and stream its answer as the API does: for the page's script."""
    form = visit.form
    models = _models(form.getlist("model"))
    if len(models) != 1:
        raise invalid("Name exactly one model.", "model")
    key = await playground_key(visit.house.exchange.ledger, _account(visit))
    body = request_body(form, models[0], _messages(form, form.get("history", "")), stream=True)
    return Streamed(functools.partial(ask, visit.house.exchange, key, jsons.encode(body)))


def request_body(
    fields: Mapping[str, str], model: str, messages: list[dict[str, Any]], *, stream: bool
) -> dict[str, Any]:
    """Return the chat request that a form asks for. Raises `Faulted` (invalid_request) that names the field."""
    system = fields.get("system", "").strip()
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "system", "content": system}, *messages] if system else messages,
    }
    for name, kind in _NUMBERS.items():
        if text := fields.get(name, "").strip():
            try:
                body[name] = kind(text)
            except ValueError:
                raise invalid(f"`{name}` must be a number, not `{text[:40]}`.", name) from None
    if effort := fields.get("effort", ""):
        body["reasoning"] = {"effort": effort}
    if sort := fields.get("sort", ""):
        body["provider"] = {"sort": sort}
    for name in ("tools", "response_format"):
        if text := fields.get(name, "").strip():
            try:
                body[name] = jsons.decode(text)
            except jsons.DecodeError as error:
                raise invalid(f"`{name}` is not valid JSON: {error}.", name) from None
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _messages(form: Mapping[str, str], history: str) -> list[dict[str, Any]]:
    message = form.get("message", "").strip()
    if not message:
        raise invalid("Write a message first.", "message")
    try:
        said = jsons.decode_as(history, list[dict[str, Any]]) if history else []
    except jsons.DecodeError:
        raise invalid("What was said before is out of order; start the conversation anew.", "history") from None
    return [*said, {"role": "user", "content": message}]


def _models(names: Sequence[str]) -> list[str]:
    models = [name.strip() for name in names if name.strip()]
    if len(models) > MOST_MODELS:
        raise invalid(f"At most {MOST_MODELS} models can be asked side by side.", "model")
    return models


def _column(model: str, messages: list[dict[str, Any]], status: int, headers: Mapping[str, str], body: bytes) -> Column:
    name = headers.get("x-generation-id")
    if status != 200:
        # What is refused before it reaches a provider leaves no record to lead to.
        return Column(model, messages, name if status >= 500 else None, None, _reason(body))
    answer: dict[str, Any] = jsons.decode(body)
    said = answer["choices"][0]["message"]
    kept = {field: said[field] for field in ("role", "content", "tool_calls") if said.get(field) is not None}
    return Column(model, [*messages, kept], name, answer)


def _reason(body: bytes) -> str:
    """Return why there is no answer, with the provider's own words where it said some."""
    error = jsons.decode(body)["error"]
    raw = error.get("metadata", {}).get("raw")
    return f"{error['message']} ({raw})" if raw else str(error["message"])


async def _replay(visit: Visit, name: str) -> tuple[list[Column], dict[str, str], str]:
    """Return the playground set up as a request that was recorded; its words only where they were kept."""
    exchange = visit.house.exchange
    found = await exchange.ledger.generation(name)
    record = None if found is None else jsons.decode_as(found, Generation)
    allowed = visit.person is not None and (
        visit.person.may("admin") or (record is not None and record.account_id == visit.person.account_id)
    )
    if record is None or not allowed:
        raise Faulted(Fault(kind=FaultKind.NOT_FOUND, message=f"No request `{name[:80]}` of this account is known."))
    content = None if exchange.contents is None else await asyncio.to_thread(exchange.contents.find, record.id)
    request = None if content is None else (await asyncio.to_thread(transcript, record, content)).request
    if request is None:
        note = "The words of that request were not kept, so only its model is filled in."
        return [Column(record.model, [])], {}, note
    messages = chat_messages(request)
    system = "\n\n".join(str(each["content"]) for each in messages if each["role"] in ("system", "developer"))
    rest = [each for each in messages if each["role"] not in ("system", "developer")]
    last = rest.pop() if rest and rest[-1]["role"] == "user" and isinstance(rest[-1]["content"], str) else None
    fields = {"system": system, "message": str(last["content"]) if last else ""}
    return [Column(record.model, rest)], fields, f"Set up as {record.id}."


def _account(visit: Visit) -> str:
    if visit.person is None:
        raise Faulted(Fault(kind=FaultKind.AUTHENTICATION, message="Sign in first."))
    return visit.person.account_id


def _first(visit: Visit) -> str:
    """Return the model to begin with: the sandbox's sound one, else the first that is served."""
    endpoints = visit.house.exchange.catalogue.endpoints
    served = [name for name, rows in endpoints.items() if rows]
    return "sandbox/fast" if "sandbox/fast" in served else next(iter(served), "")


async def _page(visit: Visit, columns: Sequence[Column], fields: Mapping[str, str], note: str | None) -> Response:
    endpoints = visit.house.exchange.catalogue.endpoints
    return await visit.page(
        "playground.html",
        columns=columns,
        fields=fields,
        note=note,
        most=MOST_MODELS,
        models=[*sorted(name for name, rows in endpoints.items() if rows), *ROUTERS],
        again=urlencode([("model", column.model) for column in columns]),
        efforts=EFFORTS,
        sorts=tuple(SORTS),
    )


PAGES: tuple[Page, ...] = (
    Page("/playground", playground, "member", "Playground"),
    Page("/playground", answers, "member", methods=("POST",)),
    Page("/playground/stream", stream, "member", methods=("POST",)),
)
