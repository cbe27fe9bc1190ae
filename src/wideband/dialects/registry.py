"""The one list of dialects, and the only module that imports them."""

from wideband.dialects.anthropic_messages import DIALECT as ANTHROPIC_MESSAGES
from wideband.dialects.base import Dialect
from wideband.dialects.openai_chat import DIALECT as OPENAI_CHAT

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (OPENAI_CHAT, ANTHROPIC_MESSAGES)}
