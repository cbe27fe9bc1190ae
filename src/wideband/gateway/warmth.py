"""Which provider has a conversation in its prompt cache: looked up for the plan, noted after each success."""

from wideband.catalog.rows import Endpoint
from wideband.clock import now_ns
from wideband.gateway.work import Work
from wideband.routing.plans import Warm
from wideband.routing.stickiness import LEAST_TOKENS, conversation_key, lifetime_s, pays, place_key


def find_warm(work: Work, models: tuple[str, ...], prompt_tokens: int) -> Warm | None:
    """Return where the conversation is cached, of the models in the caller's order the first that is anywhere."""
    if not len(work.exchange.sticky):
        return None
    conversation = _conversation(work, prompt_tokens * 2)  # an estimate, which may be short by half
    if conversation is None:
        return None
    find, at_ns = work.exchange.sticky.find, work.created_ns
    for model in models:
        warm = find(place_key(conversation, model), at_ns)
        if warm is not None:
            return warm
    return None


def note_warm(work: Work, endpoint: Endpoint, prompt_tokens: int) -> None:
    """Note that an endpoint has read the conversation, where going on there costs less than beginning elsewhere."""
    conversation = _conversation(work, prompt_tokens)
    if conversation is None or not pays(work.exchange.rate_card.rates(endpoint.price, work.created_ns, prompt_tokens)):
        return
    key, ttl_s = place_key(conversation, endpoint.model), lifetime_s(endpoint, work.ask.cache_ttl_s)
    work.exchange.sticky.note(key, endpoint.row_id, prompt_tokens, now_ns(), ttl_s)


def _conversation(work: Work, prompt_tokens: int) -> int | None:
    """Return the key of the conversation, made once: by the caller's name for it, else by how it begins.

    None when it has no name and is too short to be cached.
    """
    ask = work.ask
    name = ask.session_id or work.caller.session_id or ask.cache_key
    if not name and prompt_tokens >= LEAST_TOKENS:
        name = ask.opening
    if name and work.conversation is None:
        work.conversation = conversation_key(work.caller.key.account_id, name)
    return work.conversation if name else None
