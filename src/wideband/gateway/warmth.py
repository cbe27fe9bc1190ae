"""Which provider has a conversation in its prompt cache: looked up for the plan, noted after each success."""

from wideband.catalog.rows import Endpoint
from wideband.clock import now_ns
from wideband.gateway.work import Work
from wideband.pricing import resolve
from wideband.routing.plans import Warm
from wideband.routing.stickiness import LEAST_TOKENS, conversation_key, lifetime_s, pays


def find_warm(work: Work, models: tuple[str, ...], prompt_tokens: int) -> Warm | None:
    """Return where the conversation is cached, of the models in the caller's order the first that is anywhere."""
    name = _conversation(work, prompt_tokens * 2)  # an estimate, which may be short by half
    if not name or not len(work.exchange.sticky):
        return None
    account_id, find = work.caller.key.account_id, work.exchange.sticky.find
    for model in models:
        warm = find(conversation_key(account_id, model, name), work.created_ns)
        if warm is not None:
            return warm
    return None


def note_warm(work: Work, endpoint: Endpoint, prompt_tokens: int) -> None:
    """Note that an endpoint has read the conversation, where going on there costs less than beginning elsewhere."""
    name = _conversation(work, prompt_tokens)
    if not name or not pays(resolve(endpoint.price, work.created_ns, prompt_tokens)):
        return
    key = conversation_key(work.caller.key.account_id, endpoint.model, name)
    work.exchange.sticky.note(key, endpoint.id, prompt_tokens, now_ns(), lifetime_s(endpoint, work.ask.cache_ttl_s))


def _conversation(work: Work, prompt_tokens: int) -> str:
    """Return what tells the conversation from others: the caller's name for it, else how it begins; "" for none."""
    ask = work.ask
    name = ask.session_id or work.caller.session_id or ask.cache_key
    return name or (ask.opening if prompt_tokens >= LEAST_TOKENS else "")
