"""The protocols the simulated providers speak, written apart from the gateway's so that each checks the other."""

from wideband.sandbox.wires.anthropic import WIRE as ANTHROPIC
from wideband.sandbox.wires.base import Wire
from wideband.sandbox.wires.completions import WIRE as COMPLETIONS
from wideband.sandbox.wires.embeddings import GEMINI_WIRE as GEMINI_EMBEDDINGS, WIRE as EMBEDDINGS
from wideband.sandbox.wires.gemini import WIRE as GEMINI
from wideband.sandbox.wires.openai import WIRE as OPENAI
from wideband.sandbox.wires.rerank import WIRE as RERANK
from wideband.sandbox.wires.responses import WIRE as RESPONSES

WIRES: dict[str, Wire] = {
    "openai_chat": OPENAI,
    "anthropic_messages": ANTHROPIC,
    "openai_responses": RESPONSES,
    "gemini_generate": GEMINI,
    "openai_completions": COMPLETIONS,
    "openai_embeddings": EMBEDDINGS,
    "gemini_embeddings": GEMINI_EMBEDDINGS,
    "cohere_rerank": RERANK,
}
