"""The one list of dialects, and the only module that imports them."""

from wideband.dialects.anthropic_messages import COUNT as ANTHROPIC_COUNT, DIALECT as ANTHROPIC_MESSAGES
from wideband.dialects.base import Counter, Dialect
from wideband.dialects.cohere_rerank import DIALECT as COHERE_RERANK
from wideband.dialects.gemini_embeddings import DIALECT as GEMINI_EMBEDDINGS
from wideband.dialects.gemini_generate import COUNT as GEMINI_COUNT, DIALECT as GEMINI_GENERATE
from wideband.dialects.openai_chat import DIALECT as OPENAI_CHAT
from wideband.dialects.openai_completions import DIALECT as OPENAI_COMPLETIONS
from wideband.dialects.openai_embeddings import DIALECT as OPENAI_EMBEDDINGS
from wideband.dialects.openai_responses import DIALECT as OPENAI_RESPONSES

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        OPENAI_CHAT,
        OPENAI_RESPONSES,
        ANTHROPIC_MESSAGES,
        GEMINI_GENERATE,
        OPENAI_COMPLETIONS,
        OPENAI_EMBEDDINGS,
        GEMINI_EMBEDDINGS,
        COHERE_RERANK,
    )
}

# The dialects that can count a prompt's tokens, by name.
COUNTERS: dict[str, Counter] = {ANTHROPIC_MESSAGES.name: ANTHROPIC_COUNT, GEMINI_GENERATE.name: GEMINI_COUNT}
