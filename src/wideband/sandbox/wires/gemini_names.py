"""The names Gemini's messages know; a real provider refuses any other, in either spelling."""

from typing import Any

from wideband.canon.faults import Faulted, invalid

Fields = dict[str, Any]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


BODY = _names(
    "model contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent labels "
    "serviceTier store"
)
COUNTED = _names("contents generateContentRequest")
CONFIG = _names(
    "candidateCount stopSequences maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty "
    "responseLogprobs logprobs responseMimeType responseSchema responseJsonSchema _responseJsonSchema "
    "responseModalities thinkingConfig speechConfig mediaResolution enableEnhancedCivicAnswers imageConfig"
)
THINKING = _names("includeThoughts thinkingBudget thinkingLevel")
CONTENT = _names("role parts")
PART = _names(
    "text inlineData fileData functionCall functionResponse executableCode codeExecutionResult thought "
    "thoughtSignature videoMetadata mediaResolution partMetadata"
)
BLOB = _names("mimeType data displayName")
FILE = _names("mimeType fileUri displayName")
CALL = _names("id name args")
RESPONSE = _names("id name response parts willContinue scheduling")
TOOL = _names(
    "functionDeclarations googleSearch googleSearchRetrieval codeExecution urlContext computerUse googleMaps fileSearch"
)
FUNCTION = _names("name description behavior parameters parametersJsonSchema response responseJsonSchema")
TOOL_CONFIG = _names("functionCallingConfig retrievalConfig")
CALLING = _names("mode allowedFunctionNames")
_SCHEMA = _names(
    "type format title description nullable enum maxItems minItems properties required minProperties maxProperties "
    "minLength maxLength pattern example anyOf propertyOrdering default items minimum maximum"
)
_TYPES = _names("STRING NUMBER INTEGER BOOLEAN ARRAY OBJECT NULL")
_COUNTS = _names("maxItems minItems minLength maxLength minProperties maxProperties")


def named(value: Any, known: frozenset[str], where: str) -> Fields:
    """Return a message's fields under their camelCase names. Raises `Faulted` for any that it does not know."""
    if not isinstance(value, dict):
        raise invalid(f"Invalid value at '{where}': expected an object", where)
    found: Fields = {}
    for name, held in value.items():
        camel = name if name in known else _camel(name)
        if camel not in known:
            raise _unknown(name, where)
        found[camel] = held
    return found


def schema(value: Any, where: str) -> Fields:
    """Return a `Schema` message as JSON Schema. Raises `Faulted` for the words of JSON Schema that it does not know."""
    fields = named(value, _SCHEMA, where)
    kind = fields.get("type")
    if kind is not None and str(kind).upper() not in _TYPES:
        raise invalid(f"Invalid value at '{where}.type': {kind!r}", where)
    found: Fields = {name: int(held) if name in _COUNTS else held for name, held in fields.items()}
    if kind is not None:
        found["type"] = str(kind).lower()
    if isinstance(fields.get("properties"), dict):
        found["properties"] = {
            name: schema(held, f"{where}.properties[{name}]") for name, held in fields["properties"].items()
        }
    if "items" in fields:
        found["items"] = schema(fields["items"], f"{where}.items")
    if isinstance(fields.get("anyOf"), list):
        found["anyOf"] = [schema(held, f"{where}.any_of") for held in fields["anyOf"]]
    return found


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _unknown(name: str, where: str) -> Faulted:
    at = f" at '{where}'" if where else ""
    return invalid(f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.', where or name)
