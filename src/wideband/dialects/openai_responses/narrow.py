"""What both lanes change in an outgoing body, so that an endpoint takes it: plain JSON or the caller's own bytes."""

from typing import Any, Final

import msgspec

from wideband.canon.request import Effort, Json, Loss, ReasoningAsk
from wideband.dialects import budgets, edits, loose
from wideband.dialects.base import Draft, Target
from wideband.dialects.bodies import unwritable
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.turns import CACHING
from wideband.dialects.quirks import Edit, apply, edit, holding, is_null, leave_out
from wideband.wire import jsons

Body = dict[str, Any]
Row = dict[str, Json]

# Parameters an answer survives without; the others change what is answered.
_DISPENSABLE: Final = frozenset(words.PARAMETERS) - {"max_output_tokens", "text", "tool_choice", "tools"}
_SHORT: Final = 8


def draft(body: Body, target: Target, losses: list[Loss]) -> Draft:
    """Leave out, rename and change what the endpoint would refuse, and write the rest."""
    try:
        _leave_out_unsupported(body, target, losses)
        if "openrouter" not in target.quirks:
            body = {name: value for name, value in body.items() if name not in words.GATEWAY_FIELDS}
        if not target.quirks & CACHING:
            edit(body, _CACHE_EDITS, losses)
            if not is_null(body.pop("cache_control", None)):
                losses.append(Loss("cache_control", "cache_control"))
        _settle_tools(body)
        _settle_limit(body, target, losses)
        _settle_store(body, target, losses)
        if jsons.plain(body.get("stream")) is not True:
            body.pop("stream_options", None)
        for quirk in sorted(target.quirks & _QUIRKS.keys()):
            edit(body, _QUIRKS[quirk], losses)
        body, found = apply(body, target.quirks)
        return Draft(path=words.PATH, body=jsons.encode(body), losses=(*losses, *found))
    except (jsons.DecodeError, jsons.EncodeError) as error:
        raise unwritable(error) from None


def thinks(target: Target, *, asked: bool) -> bool:
    """Tell whether the endpoint thinks: its row says so, or, where the row says nothing, the caller takes it to."""
    taken = target.supported_parameters
    return asked if taken is None else "reasoning" in taken


def effort_of(ask: ReasoningAsk, max_tokens: int | None, target: Target) -> Effort | None:
    """Return the effort asked for, or the one nearest to a budget.

    Not to think is what a model that cannot does anyway, and it may refuse to be told: only those that are known to
    reason are.
    """
    if ask.is_off and ask.effort is None:
        return "none" if "reasoning" in (target.supported_parameters or ()) else None
    return budgets.effort_of(ask, max_tokens)


def with_seals(include: Json) -> list[Json]:
    """Return an `include` that asks for the seals of thinking."""
    told = include if isinstance(include, list) else []
    return told if words.ENCRYPTED in told else [*told, words.ENCRYPTED]


def _leave_out_unsupported(body: Body, target: Target, losses: list[Loss]) -> None:
    taken = target.supported_parameters
    if taken is None:
        return
    losses.extend(leave_out(body, _DISPENSABLE, words.PARAMETERS, target))
    unsaid = {entry for entry, parameter in _INCLUDABLE.items() if parameter not in taken}
    asked = jsons.plain(body.get("include"))
    if isinstance(asked, list) and (kept := [entry for entry in asked if entry not in unsaid]) != asked:
        body["include"] = kept
        if not kept:
            del body["include"]
    if "verbosity" not in taken:
        edit(body, (_NO_VERBOSITY,), losses)


# What `include` may name -> the parameter without which an endpoint refuses it.
_INCLUDABLE: Final = {words.ENCRYPTED: "reasoning", words.LOGPROBS: "top_logprobs"}


def _settle_tools(body: Body) -> None:
    tools = body.get("tools")
    short = not isinstance(tools, msgspec.Raw) or memoryview(tools).nbytes <= _SHORT
    if short and jsons.plain(tools) in (None, []):
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            body.pop(name, None)


def _settle_limit(body: Body, target: Target, losses: list[Loss]) -> None:
    asked = jsons.plain(body.get("max_output_tokens"))
    if type(asked) is int and target.max_output is not None and asked > target.max_output:
        body["max_output_tokens"] = target.max_output
        losses.append(Loss("max_tokens", f"{asked} to {target.max_output}"))


def _settle_store(body: Body, target: Target, losses: list[Loss]) -> None:
    """Let nothing be stored at the provider: nobody could ask for it through here."""
    asked = jsons.plain(body.get("store"))
    if asked is True:
        losses.append(Loss("storage"))
    if asked is not False:
        body["store"] = False
    if "no_store" in target.quirks:
        # Where nothing is ever stored, nobody has to be told.
        del body["store"]


def _without_cache_control(rows: Json) -> Json:
    def change(row: Row) -> Row:
        row = edits.without_fields(row, {"cache_control"})
        for name in ("content", "output"):
            parts = row.get(name)
            bare = edits.without("cache_control")(parts)
            row = row if bare is parts else {**row, name: bare}
        return row

    return edits.each(rows, change)


def _format_without_strict(text: Json) -> Json:
    form = loose.obj(loose.obj(text).get("format"))
    return {**text, "format": edits.without_fields(form, {"strict"})} if "strict" in form else text


def _json_object(text: Json) -> Json:
    form = loose.obj(loose.obj(text).get("format"))
    return {**text, "format": {"type": "json_object"}} if form.get("type") == "json_schema" else text


def _low_medium_high(reasoning: Json) -> Json:
    asked = loose.obj(reasoning).get("effort")
    effort = edits.low_medium_high(asked)
    return reasoning if effort == asked else {**reasoning, "effort": effort}


def _without_verbosity(text: Json) -> Json:
    return edits.without_fields(text, {"verbosity"}) if isinstance(text, dict) else text


def _plain_schemas(tools: Json) -> Json:
    def change(tool: Row) -> Row:
        schema = tool.get("parameters")
        if not isinstance(schema, dict):
            return tool
        bare = edits.without_fields(schema, {"$schema", "additionalProperties"})
        return tool if bare is schema else {**tool, "parameters": bare}

    return edits.each(tools, change)


_STRICT: Final = holding(b'"strict"')
_CACHE_MARK: Final = holding(b'"cache_control"')
_CACHE_EDITS: Final = (
    Edit("input", _CACHE_MARK, _without_cache_control, "cache_control"),
    Edit("tools", _CACHE_MARK, _without_cache_control, "cache_control"),
)
_NO_VERBOSITY: Final = Edit("text", holding(b'"verbosity"'), _without_verbosity, "verbosity")

# What quirks that are told of chat's fields mean for the fields here.
_QUIRKS: Final[dict[str, tuple[Edit, ...]]] = {
    "basic_effort": (Edit("reasoning", holding(b"minimal", b"xhigh", b"max"), _low_medium_high, "reasoning_effort"),),
    "no_developer_role": (Edit("input", holding(b'"developer"'), edits.system_for_developer, None),),
    "no_json_schema": (Edit("text", holding(b"json_schema"), _json_object, "json_schema_ignored"),),
    "no_strict": (
        Edit("tools", _STRICT, edits.without("strict"), "strict"),
        Edit("text", _STRICT, _format_without_strict, "strict"),
    ),
    "no_verbosity": (_NO_VERBOSITY,),
    "plain_schemas": (Edit("tools", holding(b'"$schema"', b'"additionalProperties"'), _plain_schemas, None),),
}
