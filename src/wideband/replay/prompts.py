"""Synthetic prompts of exactly a trace's length, four characters a token; shared prefixes are really shared."""

import random

from wideband.canon.request import Message, Request, Text
from wideband.replay.traces import Arrival

CHARS_PER_TOKEN = 4
BLOCK_CHARS = 512 * CHARS_PER_TOKEN
SANDBOX_PREFIX = "sandbox/"

_WORDS = (
    "please explain how the following figures were measured and which of them would change if the load doubled while "
    "every provider kept its price and why that matters to somebody who has to choose between speed cost and quality"
)


def _corpus() -> str:
    draw = random.Random(512)
    return " ".join(draw.choices(_WORDS.split(), k=4_000)) + " "


_CORPUS = _corpus()


def request_for(arrival: Arrival, index: int, model: str) -> Request:
    """Make the request of a trace's row: its prompt, and an answer of the trace's length.

    The simulated models are told the length; a real model is only kept from saying more. A prompt too short to hold
    that direction grows to hold it (six tokens).
    """
    wanted = max(1, arrival.completion_tokens)
    tail = f"[[sandbox tokens={wanted}]]" if model.startswith(SANDBOX_PREFIX) else ""
    length = max(arrival.prompt_tokens * CHARS_PER_TOKEN, len(tail), 1)
    body = _shared(arrival.blocks, length) if arrival.blocks else _own(index, length)
    text = body[: length - len(tail)] + tail
    return Request(
        dialect="openai_chat",
        model=model,
        messages=(Message(role="user", parts=(Text(text=text),)),),
        max_tokens=wanted,
    )


def _own(index: int, length: int) -> str:
    """Write a prompt no other request begins like."""
    return _stretch(f"Request {index}: ", length)


def _shared(blocks: tuple[int, ...], length: int) -> str:
    """Write a prompt block by block, each block's words told by its name alone."""
    return "".join(_stretch(f"Block {block}: ", BLOCK_CHARS) for block in blocks)[:length].ljust(length)


def _stretch(opening: str, length: int) -> str:
    text = opening + _CORPUS
    if len(text) < length:
        text += _CORPUS * (length // len(_CORPUS))
    return text[:length]
