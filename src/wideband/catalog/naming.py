"""One name for a model, whatever a provider calls it: `author/slug` in OpenRouter's style.

Tables first: who wrote which family, what organisations call themselves, and names that no rule leads to.
"""

import re

import msgspec

# The first prefix that fits a name tells its author.
_AUTHOR_BY_PREFIX = (
    ("claude", "anthropic"),
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("gemini", "google"),
    ("gemma", "google"),
    ("deepseek", "deepseek"),
    ("llama", "meta-llama"),
    ("muse-", "meta"),
    ("qwen", "qwen"),
    ("qwq", "qwen"),
    ("mistral", "mistralai"),
    ("mixtral", "mistralai"),
    ("ministral", "mistralai"),
    ("codestral", "mistralai"),
    ("devstral", "mistralai"),
    ("magistral", "mistralai"),
    ("pixtral", "mistralai"),
    ("voxtral", "mistralai"),
    ("grok", "x-ai"),
    ("kimi", "moonshotai"),
    ("moonshot", "moonshotai"),
    ("glm", "z-ai"),
    ("minimax", "minimax"),
    ("command", "cohere"),
    ("sonar", "perplexity"),
    ("nemotron", "nvidia"),
    ("phi-", "microsoft"),
    ("mimo", "xiaomi"),
    ("inkling", "thinkingmachines"),
    ("trinity", "arcee-ai"),
    ("hermes", "nousresearch"),
    ("text-embedding", "openai"),
    ("embed-", "cohere"),
    ("voyage", "voyageai"),
    ("bge-", "baai"),
)

# What organisations call themselves on model hubs and at hosts -> the author's name.
_AUTHOR_BY_ORGANISATION = {
    "deepseek-ai": "deepseek",
    "zai-org": "z-ai",
    "minimaxai": "minimax",
    "xiaomimimo": "xiaomi",
    "meta-models": "meta",
    "primeintellect": "prime-intellect",
    "bytedance": "bytedance-seed",
}

# Organisations that publish other authors' models in their own packing.
_REPACKERS = frozenset({"nvidia", "redhatai", "unsloth"})

# Rewritten in this order, on lower-case names.
_REWRITES = (
    (re.compile(r"(?<=\d)[p_](?=\d)"), "."),
    (re.compile(r"_"), "-"),
    (re.compile(r"^nvidia-(?=nemotron)"), ""),
    (re.compile(r"^(?:meta-)(?=llama)"), ""),
    (re.compile(r"^zai-(?=glm)"), ""),
    (re.compile(r"^llama-?v?(?=\d)"), "llama-"),
    (re.compile(r"^qwen-(?=3)"), "qwen"),
    (re.compile(r"^(claude|glm|deepseek|grok)((?:-[a-z]\w*)*)-(v?\d)-(\d{1,2})(?=-|$)"), r"\1\2-\3.\4"),
    (re.compile(r"^(claude-[a-z]+-\d)\.0$"), r"\1"),
    (re.compile(r"-latest$"), ""),
    (re.compile(r"^(llama-4-(?:maverick|scout))-(?:17b-\d+e-)?instruct(?:-basic)?$"), r"\1"),
    (re.compile(r"^(deepseek)-(v3(?:\.1|-0324))$"), r"\1-chat-\2"),
    (re.compile(r"^(muse-spark-open|beam-1\.0|nemotron-3\.5-super-vl)-\d+b-a\d+b$"), r"\1"),
)

_SAME_MODEL = {
    "chatgpt-4o": "chatgpt-4o-latest",
    "deepseek-v3": "deepseek-chat",
    "gpt-chat": "gpt-chat-latest",
    "grok-4.20-multi-agent-0309": "grok-4.20-multi-agent",
    "mistral-nemo-instruct-2407": "mistral-nemo",
    "mistral-small-3.2-24b-instruct-2506": "mistral-small-3.2-24b-instruct",
    "deepseek-flash": "deepseek-v4.1-flash",
    "deepseek-v4-flash-latest": "deepseek-v4-flash",
    "gpt-5.3": "gpt-5.3-chat",
    "grok-4-0709": "grok-4",
    "grok-4-fast-reasoning": "grok-4-fast",
    "grok-4.1-fast-reasoning": "grok-4.1-fast",
    "kimi-k2-instruct": "kimi-k2",
    "kimi-k2-instruct-0905": "kimi-k2-0905",
    "llama-3.1-8b-instant": "llama-3.1-8b-instruct",
    "llama-3.3-70b-versatile": "llama-3.3-70b-instruct",
    "llama-3.3-70b": "llama-3.3-70b-instruct",
    "llama-3.1-8b": "llama-3.1-8b-instruct",
    "llama-3.3-70b-instruct-turbo": "llama-3.3-70b-instruct",
    "mistral-large-4": "mistral-large-4-0",
    "nemotron-3-ultra": "nemotron-3-ultra-550b-a55b",
}

_QUANTIZATION = re.compile(r"-(nvfp4|mxfp4|fp4|fp8|bf16|fp16|int4|int8)$")
# Ways in which one provider sells one model more than once.
_VARIANT = re.compile(r"-(ultrafast|highspeed|us)$")
_FAST = re.compile(r"-(fast)$")


class ModelName(msgspec.Struct, frozen=True, gc=False):
    """What a provider's name for a model says: whose model it is, sold in which variant, at which precision."""

    id: str
    variant: str | None = None
    quantization: str | None = None


def model_name(upstream: str, *, fast_is_a_variant: bool = False) -> ModelName | None:
    """Read a provider's name for a model; None when nothing tells the author."""
    organisation, _, slug = upstream.lower().rpartition("/")
    slug, quantization = _cut(_QUANTIZATION, slug)
    slug, variant = _cut(_VARIANT, slug)
    if variant is None and fast_is_a_variant:
        slug, variant = _cut(_FAST, slug)
    for pattern, replacement in _REWRITES:
        slug = pattern.sub(replacement, slug)
    slug = _SAME_MODEL.get(slug, slug)
    author = _author(organisation, slug)
    return ModelName(f"{author}/{slug}", variant, quantization) if author else None


def _author(organisation: str, slug: str) -> str | None:
    if organisation and organisation not in _REPACKERS:
        return _AUTHOR_BY_ORGANISATION.get(organisation, organisation)
    by_prefix = next((author for prefix, author in _AUTHOR_BY_PREFIX if slug.startswith(prefix)), None)
    return by_prefix or organisation or None


def _cut(suffix: re.Pattern[str], slug: str) -> tuple[str, str | None]:
    found = suffix.search(slug)
    return (slug[: found.start()], found[1]) if found else (slug, None)
