"""Which price lists are imported, for which of our providers, and what in them nobody can be asked for through us."""

import re

import msgspec

from wideband.catalog.naming import ModelName, model_name

# What embeds, and is sold only where a source says that it can be asked for.
_EMBEDS = re.compile(r"embed|^voyage|(^|/)bge-(?!reranker)")
# What no chat endpoint answers: other modalities, other APIs, classifiers.
_NO_CHAT = re.compile(
    r"embed|rerank|whisper|tts|transcri|moderation|ocr|realtime|-live|-image|image-|nano-banana|-omni|audio|voice"
    r"|orpheus|lyria|imagen|veo|-guard|robotics|deep-research|computer-use|decider|dall-e|codex|translat|voxtral-mini"
)


class Source(msgspec.Struct, frozen=True):
    """How one price list maps to one of our providers.

    `author` is whose own list it is. `skip` are names not to sell, `upstream` makes the name a request needs from the
    list's. Of a list that `keeps_history`, rows without a context window count only if another list has the model.
    Of one that `embeds`, the embedding models are sold too.
    """

    provider: str
    author: str | None = None
    skip: str = r"(?!)"
    upstream: str = "{id}"
    tag_suffix: str | None = None
    keeps_history: bool = False
    lists_all: bool = False
    fast_is_a_variant: bool = False
    embeds: bool = False

    def is_embedding(self, id_: str) -> bool:
        """Tell whether a row of the list is an embedding model that can be asked for."""
        return self.embeds and _EMBEDS.search(id_.lower()) is not None

    def sells(self, id_: str) -> bool:
        """Tell whether a row of the list is a model that can be asked for."""
        if self.is_embedding(id_):
            return not _OLD_VOYAGE.search(id_.lower())
        return not (_NO_CHAT.search(id_.lower()) or re.search(self.skip, id_.lower()))

    def model_name(self, id_: str) -> ModelName | None:
        """Return our name for a row; a list that already writes `author/slug` is taken at its word."""
        if self.lists_all:
            return ModelName(id_.lower()) if "/" in id_ else None
        return model_name(id_, fast_is_a_variant=self.fast_is_a_variant)

    def upstream_model(self, id_: str) -> str:
        """Return the name a request to the provider needs."""
        return _UPSTREAM_NAMES.get((self.provider, id_)) or self.upstream.format(id=id_, lower=id_.lower())


# Asked in another way (`contextualizedembeddings`), or long replaced.
_OLD_VOYAGE = re.compile(r"^voyage-(context-|lite-|0?[12]|large-2|multilingual-2|code-2)")

_UPSTREAM_NAMES = {
    ("cohere", "command-a"): "command-a-03-2025",
    ("cohere", "command-r"): "command-r-08-2024",
    ("cohere", "command-r-plus"): "command-r-plus-08-2024",
    ("cohere", "command-r7b"): "command-r7b-12-2024",
    ("openai", "gpt-5.3"): "gpt-5.3-chat-latest",
}

# Of one list each. Names are matched in lower case.
_OPENAI_SKIP = (
    r"^(ada|babbage|curie|davinci|text-|ft:|gpt-3\.5-0301|gpt-3\.5-turbo-instruct)|\.ft-|:|-pro$|cyber|rosalind|gpt-oss"
    r"|^gpt-4-(32k|vision)|gpt-4\.5|^o1-(mini|preview)"
)
_MISTRAL_SKIP = r"^(?!.*(-\d{4}$|medium-3-5$|large-4$|glm|deepseek))|-2312$"

_HUGGING_FACE_HOSTS = (
    *("cerebras", "fireworks-ai", "groq", "hyperbolic", "nebius", "novita"),
    *("nscale", "ovhcloud", "publicai", "sambanova", "together"),
)

SOURCES: dict[str, Source] = {
    "anthropic": Source("anthropic", "anthropic", skip=r"claude-(2|v1|3-)"),
    "arcee": Source("arcee-ai", "arcee-ai"),
    "avian": Source("avian"),
    "baseten": Source("baseten", fast_is_a_variant=True),
    "cerebras": Source("cerebras"),
    "cohere": Source("cohere", "cohere", embeds=True, skip=r"^(command|c4ai.*)$"),
    "deepseek": Source("deepseek", "deepseek", skip=r"-(chat|reasoner)$|-v3"),
    "fireworks": Source("fireworks", upstream="accounts/fireworks/models/{id}", fast_is_a_variant=True),
    "google": Source(
        "google-ai-studio", "google", embeds=True, skip=r"^claude|gemini-(1|2\.0|pro|flash-1)|-maas$|^gemma-[23]"
    ),
    "groq": Source(
        "groq",
        skip=r"llama2|llama3-|preview|specdec|gemma|mixtral|saba|distill|-reasoning|-70b-versatile$(?<!3\.3-70b-versatile)",
    ),
    "minimax": Source("minimax", "minimax"),
    "mistral": Source("mistral", "mistralai", embeds=True, skip=_MISTRAL_SKIP),
    "moonshotai": Source("moonshotai", "moonshotai"),
    "novita": Source("novita", keeps_history=True),
    "openai": Source("openai", "openai", embeds=True, skip=_OPENAI_SKIP),
    "openrouter": Source("openrouter", skip=r"^~|:(?!free$)|^openrouter/", keeps_history=True, lists_all=True),
    "ovhcloud": Source("ovhcloud", embeds=True),
    "perplexity": Source("perplexity", "perplexity", skip=r"/|pplx|llama|r1-1776|sonar-reasoning$|-search$"),
    "together": Source("together", keeps_history=True),
    "voyageai": Source("voyage", "voyageai", embeds=True),
    "x-ai": Source("xai", "x-ai", skip=r"grok-2"),
    "zai": Source("z-ai", "z-ai", upstream="{lower}"),
    **{
        f"huggingface_{host}": Source("huggingface", upstream=f"{{id}}:{host}", tag_suffix=host)
        for host in _HUGGING_FACE_HOSTS
    },
}
