"""The words the simulated models say: any number of four-character tokens, the same for the same seed."""

import random

CHARS_PER_TOKEN = 4

# Lengths plus the space are whole tokens, so that no token ends inside a word.
_WORDS = (
    "the all and any are bid but can cap cut day each end far few for get had has how its key let low may net new not "
    "now off old one our out own pay per ran run saw see set six sum tab ten two use via way who win yet "
    "account balance between bounded buckets careful certain clients command compare connect context control correct "
    "counted current decides deliver enough exactly example explain failing failure finally forward gateway general "
    "history however include instead invoice latency ledgers limited machine maximum measure message minimum minutes "
    "monitor network nothing offered opening patient percent perhaps picture planned pricing privacy problem process "
    "product promise quality quickly reading reasons receive records reflect refused regular removed replies reports "
    "request results routing samples seconds sending service several similar simpler sources standby stopped storage "
    "streams sustain systems through tokens. traffic uniform usually various version waiting without working"
)
_LAST_WORDS = "it so us alpha market models prices always before better remain settle tested"


def _corpus(token_count: int) -> tuple[str, tuple[int, ...]]:
    """Write one long text; return it and the token offsets at which its sentences begin."""
    draw = random.Random(20261122)
    words = [word for word in _WORDS.split() if len(word) % CHARS_PER_TOKEN == 3 and word.isalpha()]
    lasts = [word for word in _LAST_WORDS.split() if len(word) % CHARS_PER_TOKEN == 2]
    pieces: list[str] = []
    starts: list[int] = []
    length = 0
    while length < token_count * CHARS_PER_TOKEN:
        starts.append(length // CHARS_PER_TOKEN)
        sentence = " ".join([*draw.choices(words, k=draw.randint(6, 14)), draw.choice(lasts)])
        pieces.append(f"{sentence.capitalize()}. ")
        length += len(pieces[-1])
    return "".join(pieces), tuple(starts)


_CORPUS, _STARTS = _corpus(1 << 14)


def write(token_count: int, draw: random.Random) -> str:
    """Return a text of exactly so many tokens (four characters each), which ends as a sentence does."""
    if token_count <= 0:
        return ""
    start = _STARTS[draw.randrange(len(_STARTS))] * CHARS_PER_TOKEN
    length = token_count * CHARS_PER_TOKEN
    text = _CORPUS[start : start + length]
    while len(text) < length:
        text += _CORPUS[: length - len(text)]
    return text if text.endswith(". ") else text[:-1] + "."


def token_count(text: str) -> int:
    """Count the tokens of a text as the simulated providers do."""
    return -(-len(text) // CHARS_PER_TOKEN)
