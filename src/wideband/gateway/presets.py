"""Presets at work: a body that names one becomes an ordinary body, and a body can become a preset."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from wideband.canon.faults import Fault, Faulted, FaultKind, invalid
from wideband.canon.request import Loss, Message, Request, Sampling, ServerTool, Text, Tool
from wideband.catalog.presets import FIELDS, LONGEST_SLUG, MARK, Preset, make_preset
from wideband.dialects.base import Ask, Dialect, Target
from wideband.dialects.registry import DIALECTS
from wideband.gateway.shells import SHELLS, Fields, Shell, raw, said, system_text
from wideband.routing.preferences import decode_preferences
from wideband.store.base import Presets
from wideband.wire import jsons

# What a body holds that names a preset.
NAMED = b"preset"
_CHAT = DIALECTS["openai_chat"]
# What canonical fields of a request a preset may fill, beside the knobs of the draw and the tools.
_FILLED = (
    "tool_choice", "parallel_tool_calls", "max_tokens", "stop", "output", "reasoning", "verbosity", "service_tier",
)  # fmt: skip
# A preset is written in the caller's protocol as for an endpoint that takes everything.
_QUIRKS = frozenset({"openrouter", "custom_tools"})


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """A body that says what its preset says, and what of the preset its protocol has no word for."""

    body: bytes
    preset: Preset
    losses: tuple[Loss, ...] = ()


class _Naming(msgspec.Struct, gc=False):
    model: Any = None
    preset: Any = None


_read_naming = jsons.Reader(_Naming)


def read_body(dialect: Dialect, body: bytes, presets: Presets, account_id: str) -> tuple[Ask, Applied | None]:
    """Read a body, with the preset written into it that it names. Raises `Faulted`.

    Who names none pays for two look-ups: a body is looked through for one only when it cannot be read without.
    """
    try:
        ask = dialect.read(body)
        if "preset" not in ask.fields and MARK not in ask.model:
            return ask, None
    except Faulted:
        if NAMED not in body:
            raise
    applied = apply_preset(dialect, body, presets, account_id)
    return dialect.read(body if applied is None else applied.body), applied


def apply_preset(dialect: Dialect, body: bytes, presets: Presets, account_id: str) -> Applied | None:
    """Write the preset that a body names into it; None when it names none.

    The caller's own fields win, tools are united by name, and the conversation keeps its bytes. Raises `Faulted`
    (not_found for a preset that there is not, invalid_request).
    """
    try:
        naming = _read_naming(body)
        model, slug = _named(naming)
        if slug is None:
            return None
        preset = _find(slug, presets, account_id)
        fields = jsons.fields(body)
        _address(fields, model, preset)
        shell = SHELLS.get(dialect.name)
        losses: tuple[Loss, ...] = ()
        if shell is not None:
            if preset.system_prompt and not shell.has_system(fields):
                shell.put_system(fields, preset.system_prompt)
            losses = _fill(fields, preset, dialect, shell)
        return Applied(body=jsons.encode(fields), preset=preset, losses=losses)
    except (jsons.DecodeError, jsons.EncodeError):
        return None  # The dialect says what is wrong with it.


def _named(naming: _Naming) -> tuple[str | None, str | None]:
    """Return the model that is named beside a preset, and the preset."""
    model = naming.model if isinstance(naming.model, str) else None
    if naming.preset is not None and not isinstance(naming.preset, str):
        raise invalid("`preset` must be the name of a preset, a string.", "preset")
    slug = naming.preset or None
    base, mark, behind = (model or "").partition(MARK)
    if not mark:
        return model, slug
    if slug not in (None, behind):
        raise invalid(f"`model` names the preset `{behind}`, `preset` names `{slug}`. Name one.", "preset")
    return base or None, behind


def _find(slug: str, presets: Presets, account_id: str) -> Preset:
    slug = slug.removeprefix(MARK)
    preset = presets.find(account_id, slug)
    if preset is None:
        raise unknown_preset(slug, presets, account_id)
    return preset


def unknown_preset(slug: str, presets: Presets, account_id: str) -> Faulted:
    """Make the fault of a preset that there is not, with the nearest names there are."""
    slug = slug[:LONGEST_SLUG]
    near = get_close_matches(slug, presets.names(account_id), n=3, cutoff=0.5)
    hint = f" Did you mean {', '.join(f'`{one}`' for one in near)}?" if near else ""
    message = f"There is no preset `{slug}`.{hint} GET /api/v1/presets lists those there are."
    return Faulted(Fault(kind=FaultKind.NOT_FOUND, message=message, param="preset"))


def _address(fields: Fields, model: str | None, preset: Preset) -> None:
    """Write what a preset says to the gateway: models, preferences of providers, plugins."""
    fields.pop("preset", None)
    if model is not None:
        fields["model"] = raw(model)
    else:
        fields.pop("model", None)
        if preset.model is not None:
            fields["model"] = raw(preset.model)
        if preset.models and not said(fields, "models") and not said(fields, "fallbacks"):
            fields["models"] = raw(preset.models)
    if preset.provider:
        own = jsons.plain(fields["provider"]) if said(fields, "provider") else {}
        if isinstance(own, dict):
            fields["provider"] = raw({**preset.provider, **own})
    if preset.plugins and not said(fields, "plugins"):
        fields["plugins"] = raw(preset.plugins)


def _fill(fields: Fields, preset: Preset, dialect: Dialect, shell: Shell) -> tuple[Loss, ...]:
    """Write what a preset says to the model into a body of this dialect, where the caller says nothing.

    What the preset adds is told by writing the request with it and without it: whatever rules tie a protocol's fields
    to each other (no temperature while thinking, a budget below the limit) hold for both together.
    """
    target = Target(model=preset.model or "-", provider="", quirks=_QUIRKS)
    own = _plain_request(dialect, {name: value for name, value in fields.items() if name in shell.members}, shell)
    wanted = _plain_request(_CHAT, {name: value for name, value in preset.config.items() if name in FIELDS})
    before, _, noted = _written(own, dialect, target)
    both = _overlaid(own, wanted)
    after, more, losses = _written(both, dialect, target, besides=own.tools)
    if any(name not in after for name in before if name != "tools") and own.reasoning is None:
        # The caller asks for what cannot be had together with the preset's thinking.
        both = msgspec.structs.replace(both, reasoning=None)
        after, more, losses = _written(both, dialect, target, besides=own.tools)
        losses = (*losses, Loss("reasoning", "the preset's; the request asks for something else"))
    for name, value in after.items():
        if name == shell.system and value != before.get(name):
            shell.put_system(fields, system_text(value))
        elif name not in (shell.turns, "model", "stream", "tools") and value != before.get(name):
            _add(fields, shell.spelled(fields, name), value, before.get(name))
    if more:
        held = jsons.plain(fields["tools"]) if said(fields, "tools") else []
        fields["tools"] = raw(shell.add_tools(held if isinstance(held, list) else [held], more))
    return tuple(loss for loss in losses if loss not in noted)


def _plain_request(dialect: Dialect, members: Mapping[str, Any], shell: Shell | None = None) -> Request:
    """Decode members of a body as if they were all there is, in words that no protocol keeps for itself."""
    shell = shell or SHELLS[dialect.name]
    body = {**members, "model": "-", shell.turns: shell.stand_in}
    body.pop("models", None)
    return msgspec.structs.replace(dialect.decode_request(jsons.encode(body)), dialect=_CHAT.name, extras={})


def _overlaid(own: Request, preset: Request) -> Request:
    """Return a request with what a preset says where it says nothing itself; tools of both."""
    changes: dict[str, Any] = {
        name: value
        for name in _FILLED
        if getattr(own, name) in (None, ()) and (value := getattr(preset, name)) is not None
    }
    knobs = msgspec.structs.asdict(preset.sampling) | {
        name: value for name, value in msgspec.structs.asdict(own.sampling).items() if value is not None
    }
    names = {_identity(tool) for tool in own.tools}
    tools = (*own.tools, *(tool for tool in preset.tools if _identity(tool) not in names))
    return msgspec.structs.replace(own, sampling=Sampling(**knobs), tools=tools, **changes)


def _identity(tool: Tool | ServerTool) -> tuple[str, str]:
    return ("function", tool.name) if isinstance(tool, Tool) else ("server", tool.type)


def _written(
    request: Request, dialect: Dialect, target: Target, besides: tuple[Tool | ServerTool, ...] = ()
) -> tuple[dict[str, Any], list[Any], tuple[Loss, ...]]:
    """Return a request's body in a dialect, of its tools only those `besides` known ones, and what got lost."""
    draft = dialect.encode_request(request, target)
    body: dict[str, Any] = jsons.decode(draft.body)
    fresh = tuple(tool for tool in request.tools if tool not in besides)
    if not fresh or not besides:
        return body, body.get("tools", []) if fresh else [], draft.losses
    alone = dialect.encode_request(msgspec.structs.replace(request, tools=fresh, tool_choice=None), target)
    return body, jsons.decode(alone.body).get("tools", []), draft.losses


def _add(fields: Fields, name: str, value: Any, before: Any) -> None:
    """Write a member, or what of it the caller's own object leaves out."""
    if not said(fields, name):
        fields[name] = raw(value)
        return
    held = jsons.plain(fields[name])
    if isinstance(held, dict) and isinstance(value, dict):
        known = before if isinstance(before, dict) else {}
        more = {key: inner for key, inner in value.items() if key not in held and inner != known.get(key)}
        fields[name] = raw({**held, **more}) if more else fields[name]


# -- making presets --------------------------------------------------------------------------------------------------


def check_preset(preset: Preset) -> None:
    """Check what only routing and a dialect can tell of a preset. Raises `Faulted` naming the field."""
    decode_preferences(preset.provider)
    _plain_request(_CHAT, {name: value for name, value in preset.config.items() if name in FIELDS})


def preset_from_body(slug: str, dialect: Dialect, body: bytes) -> Preset:
    """Return the preset that an inference body describes: its messages are dropped, its system prompt is kept.

    Raises `Faulted` (invalid_request).
    """
    shell = SHELLS[dialect.name]
    try:
        fields = jsons.fields(body)
        found: dict[str, Any] = {
            name: jsons.plain(fields[name]) for name in ("model", "models", "provider", "plugins") if said(fields, name)
        }
        found |= {
            name: jsons.plain(fields[name])
            for name in ("cache_enabled", "cache_ttl_seconds", "name", "description")
            if said(fields, name)
        }
    except jsons.DecodeError as error:
        raise invalid(f"The body cannot be read as JSON: {error}. Send one JSON object.") from None
    plain = {name: value for name, value in fields.items() if name not in (*found, "preset")}
    if not said(fields, shell.turns):
        plain[shell.turns] = raw(shell.stand_in)
    request = dialect.decode_request(jsons.encode({**plain, "model": "-"}))
    system = "\n\n".join(_texts(message) for message in request.messages if message.role == "system")
    own = _plain_request(dialect, {name: value for name, value in plain.items() if name in shell.members}, shell)
    written, tools, _ = _written(own, _CHAT, Target(model="-", provider="", quirks=_QUIRKS))
    for name, value in written.items():
        if name in FIELDS and name not in ("model", "tools"):
            found[name] = value
    preset = make_preset({**found, "slug": slug, "tools": tools, "system_prompt": system or None})
    check_preset(preset)
    return preset


def _texts(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, Text))
