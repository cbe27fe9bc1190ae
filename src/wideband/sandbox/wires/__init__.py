"""The protocols the simulated providers speak, written apart from the gateway's so that each checks the other."""

from wideband.sandbox.wires.anthropic import WIRE as ANTHROPIC
from wideband.sandbox.wires.base import Wire
from wideband.sandbox.wires.gemini import WIRE as GEMINI
from wideband.sandbox.wires.openai import WIRE as OPENAI
from wideband.sandbox.wires.responses import WIRE as RESPONSES

WIRES: dict[str, Wire] = {
    "openai_chat": OPENAI,
    "anthropic_messages": ANTHROPIC,
    "openai_responses": RESPONSES,
    "gemini_generate": GEMINI,
}
