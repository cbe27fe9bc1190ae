"""The one list of dialects, and the only module that imports them."""

from wideband.dialects.anthropic_messages import COUNT as ANTHROPIC_COUNT, DIALECT as ANTHROPIC_MESSAGES
from wideband.dialects.base import Counter, Dialect
from wideband.dialects.openai_chat import DIALECT as OPENAI_CHAT

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (OPENAI_CHAT, ANTHROPIC_MESSAGES)}

# The dialects that can count a prompt's tokens, by name.
COUNTERS: dict[str, Counter] = {ANTHROPIC_MESSAGES.name: ANTHROPIC_COUNT}
