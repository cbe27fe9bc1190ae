"""What one dialect can say and another cannot: the one table of losses; a recorded `Loss` names a row of it."""

from wideband.canon.request import Json, Loss

LOSSES: dict[str, str] = {
    "annotations": "What an answer cites, in OpenAI's words.",
    "assistant_media": "An image, file or sound in an assistant's turn.",
    "audio": "Audio input, for an upstream that hears nothing.",
    "beta_feature": "A beta feature of Anthropic's own API, for a platform that does not know it.",
    "best_of": "More drafts than answers, the best of which are given; no more are made than are given.",
    "cache_control": "Explicit cache breakpoints, for an upstream that caches on its own terms.",
    "cache_key": "A routing key for the provider's prompt cache.",
    "cache_marks": "Cache breakpoints past the four that Anthropic takes; the last ones are kept.",
    "cache_ttl": "A cache lifetime the upstream does not offer; its default is asked for.",
    "citations": "What a text cites, in Anthropic's words.",
    "compaction": "Anthropic's block that stands for a compacted conversation.",
    "container_upload": "Anthropic's block that puts a file into a container.",
    "content_part": "A content part only the source dialect knows.",
    "custom_tool_call": "A call of a tool that takes free text, in a form nobody here knows.",
    "tool_grammar": "A grammar for a tool's free text; said in its description.",
    "storage": "That the answer be stored: nothing is stored here.",
    "deferred_tool": "A tool that waits to be searched for; not offered until then.",
    "document_content": "A document made of other blocks than text.",
    "embed_title": "A document's title, where only what it says is embedded.",
    "file_extras": "What only the source dialect says of a file.",
    "file_id": "A file stored at one provider, for another.",
    "file_type": "An inline file of a type the upstream does not read.",
    "file_url": "A file by URL, where files have to be sent along; said in the text.",
    "first_turn": "An answer without a question before it; a user turn is put there.",
    "frequency_penalty": "A sampling knob the upstream does not have.",
    "grounding": "What an answer is grounded on or cites, in Gemini's words.",
    "image_detail": "At which detail an image is to be seen.",
    "images": "Images in an answer, in OpenRouter's words.",
    "input_type": "What an embedding is for, in a word the upstream does not know.",
    "json_object": "Any JSON object as the answer's form; said as an instruction.",
    "json_schema": "A schema for the answer; said as an instruction.",
    "json_schema_ignored": "A schema for the answer, where the upstream only promises some JSON object.",
    "json_schema_name": "A schema's name, description and strictness, beside the schema itself.",
    "logit_bias": "A sampling knob the upstream does not have.",
    "logprobs": "Log probabilities.",
    "max_tokens": "A limit that the endpoint does not take; moved to the nearest that it does.",
    "message_extras": "What only the source dialect says of a message.",
    "message_name": "Who speaks, where messages have no names; said in the text.",
    "message_name_dropped": "Who speaks, where messages may have no names.",
    "metadata": "The caller's labels, where the upstream takes none.",
    "min_p": "A sampling knob the upstream does not have.",
    "n": "More answers than one.",
    "output_media": "An image, file or sound in an answer.",
    "parallel_tool_calls": "That no more than one tool be called at a time.",
    "prefill": "A begun answer, where the upstream does not go on with it.",
    "presence_penalty": "A sampling knob the upstream does not have.",
    "reasoning": "Thinking, where the endpoint cannot do it for this request.",
    "reasoning_budget": "A thinking budget outside the upstream's range; moved into it.",
    "reasoning_detail": "A block of reasoning only OpenRouter's dialect knows.",
    "reasoning_echo": "Earlier thinking, where the upstream does not read it back.",
    "reasoning_effort": "How much thinking, in finer steps than the upstream has.",
    "reasoning_seal": "Thinking that the endpoint did not sign and so refuses to read back; left out.",
    "refusal": "Words of refusal, told from other words; said as text.",
    "repetition_penalty": "A sampling knob the upstream does not have.",
    "schema_rules": "Rules of a JSON Schema that Gemini does not know.",
    "response_item": "What only OpenAI's Responses protocol knows to have happened in a conversation.",
    "roles": "Who said what, where the prompt is one text.",
    "search_result": "Anthropic's block of search results.",
    "seed": "A sampling knob the upstream does not have.",
    "server_tool_blocks": "What a tool that Anthropic runs itself was asked and answered.",
    "server_tools": "A tool that one provider runs itself, for another.",
    "service_tier": "A provider's class of service, where the other has other classes.",
    "stop": "Stop sequences the upstream does not take.",
    "strict": "The promise to keep exactly to a schema.",
    "suffix": "What is to follow the answer, where a conversation is asked.",
    "system_media": "Anything but text in a system message.",
    "system_position": "A system message amid the others; said in a user turn.",
    "temperature": "A temperature the upstream does not take; left out or lowered.",
    "tool_arguments": "A call's arguments that are no JSON object; kept as text.",
    "tool_changes": "Anthropic's block that adds or takes away tools amid the conversation.",
    "tool_choice": "A call that cannot be forced; left to the model.",
    "tool_error": "That a tool's result is an error; said in the text.",
    "tool_extras": "What only the source dialect says of a tool.",
    "tool_reference": "Anthropic's pointer to a deferred tool.",
    "tool_result_media": "Images and files in a tool's result; shown in a user turn after the results.",
    "tools": "Functions offered to the model or called by it, where there are only texts.",
    "top_a": "A sampling knob the upstream does not have.",
    "top_k": "A sampling knob the upstream does not take.",
    "top_logprobs": "Log probabilities of the tokens not chosen.",
    "top_p": "A sampling knob the upstream does not take.",
    "unknown_block": "A content block of a kind nobody here knows.",
    "unknown_fields": "Fields of the request that only the source dialect has.",
    "unsupported_field": "A field that the endpoint is known to refuse.",
    "verbosity": "How wordy the answer is to be.",
}

# Top-level fields that have a row of their own, and what they say when they ask for nothing.
_OWN_ROWS: dict[str, tuple[str, Json]] = {"store": ("storage", False)}


def note(losses: list[Loss], feature: str, detail: str = "") -> None:
    """Record a loss, once for each feature."""
    if all(loss.feature != feature for loss in losses):
        losses.append(Loss(feature, detail))


def of_extras(extras: dict[str, Json]) -> list[Loss]:
    """Return what is lost of a request's fields that only its own dialect has."""
    lost: list[Loss] = []
    for name in sorted(extras):
        feature, idle = _OWN_ROWS.get(name, ("unknown_fields", None))
        if extras[name] != idle:
            lost.append(Loss(feature, name))
    return lost
