"""The dialect's words."""

from typing import Final

NAME: Final = "cohere_rerank"
PATH: Final = "/rerank"

# Top-level reply fields that are ours to say, and those that are not the client's.
ADDRESS: Final = frozenset({"id", "object", "model", "provider", "results", "data", "usage"})
WITHHELD: Final = frozenset({"error"})
