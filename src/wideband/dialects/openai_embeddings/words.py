"""The dialect's words: tables, no behaviour."""

from typing import Final

NAME: Final = "openai_embeddings"
PATH: Final = "/embeddings"

# Content part type -> input modality.
MODALITIES: Final[dict[str, str]] = {
    "file": "file",
    "image_url": "image",
    "input_audio": "audio",
    "input_file": "file",
    "input_image": "image",
    "input_video": "video",
    "video_url": "video",
}

# Top-level reply fields that are ours to say, and those that are not the client's.
ADDRESS: Final = frozenset({"id", "object", "model", "provider", "data", "usage"})
WITHHELD: Final = frozenset({"error"})
