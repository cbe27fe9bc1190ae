"""A caller's own bytes, made ready for a Gemini upstream: what need not change keeps its bytes."""

from typing import Any

from wideband.canon.request import Loss
from wideband.dialects.base import Ask, Draft, Target
from wideband.dialects.bodies import unwritable
from wideband.dialects.gemini_generate import words
from wideband.dialects.gemini_generate.draft import KNOBS, lowered, model_path, refused
from wideband.dialects.gemini_generate.seal_marks import own_contents
from wideband.dialects.gemini_generate.thinking import takes_levels
from wideband.dialects.gemini_generate.turns import stand_in_for_seals
from wideband.dialects.quirks import is_null
from wideband.wire import jsons

# What a field is called in JSON, in either spelling, by what quirks and `supported_parameters` call it.
_COMMON = {spelt: name for name, own in KNOBS.items() for spelt in (own, words.snake(own))}
_FOR_GATEWAY = frozenset(map(words.camel, words.GATEWAY_FIELDS))


def splice(ask: Ask, target: Target) -> Draft:
    """Re-address the caller's own bytes; see `dialects.base.Dialect.splice`."""
    losses: list[Loss] = []
    return Draft(
        path=model_path(target, stream=ask.stream),
        body=readdressed(ask, target, losses),
        losses=tuple(losses),
    )


def readdressed(ask: Ask, target: Target, losses: list[Loss]) -> bytes:
    """Write the caller's fields without those for this gateway, narrowed to what the endpoint takes."""
    fields: dict[str, Any] = {name: raw for name, raw in ask.fields.items() if words.camel(name) not in _FOR_GATEWAY}
    try:
        for name in ("generationConfig", "generation_config"):
            if name in fields and not is_null(fields[name]):
                fields[name] = _config(fields[name], ask, target, losses)
        contents = own_contents(fields["contents"], target.provider, losses) if "contents" in fields else None
        if contents is not None:
            if takes_levels(target) and any(loss.feature == "reasoning_seal" for loss in losses):
                stand_in_for_seals(contents)
            fields["contents"] = contents
        return jsons.encode(fields)
    except (jsons.DecodeError, jsons.EncodeError) as error:
        raise unwritable(error) from None


def _config(raw: jsons.Raw, ask: Ask, target: Target, losses: list[Loss]) -> Any:
    """Return `generationConfig` without what the endpoint refuses, and with no more tokens than it gives."""
    config: dict[str, Any] = dict(jsons.fields(bytes(raw)))
    unwanted = refused({_COMMON[name] for name in config if name in _COMMON}, target)
    gone = [name for name in config if _COMMON.get(name) in unwanted]
    losses.extend([Loss("unsupported_field", _COMMON[name]) for name in gone if not is_null(config.pop(name))])
    limit = lowered(ask.max_tokens, target, losses)
    if limit == ask.max_tokens and not gone:
        return raw
    for name in config:
        if _COMMON.get(name) == "max_tokens":
            config[name] = limit
    return config
