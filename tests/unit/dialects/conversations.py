"""One conversation, as clients of each protocol write it."""

from typing import Any

GENERATE = ("openai_chat", "openai_responses", "anthropic_messages", "gemini_generate")
Body = dict[str, Any]


def body(dialect: str, turns: list[tuple[str, str | list[str]]], system: str | None = "Be brief.", **more: Any) -> Body:
    """Write a conversation as a client of a protocol does; a list is a message of several parts."""
    match dialect:
        case "openai_chat":
            head: list[Any] = [] if system is None else [{"role": "system", "content": system}]
            rows = [{"role": role, "content": _parts(said, "text")} for role, said in turns]
            return {"model": "a/b", "messages": [*head, *rows], **more}
        case "openai_responses":
            items = [{"role": role, "content": _parts(said, "input_text")} for role, said in turns]
            return {"model": "a/b", "instructions": system, "input": items, **more}
        case "anthropic_messages":
            rows = [{"role": role, "content": _parts(said, "text")} for role, said in turns]
            return {"model": "a/b", "max_tokens": 9, "messages": rows, **({"system": system} if system else {}), **more}
        case _:
            texts = [(role, said if isinstance(said, list) else [said]) for role, said in turns]
            contents = [
                {"role": "model" if role == "assistant" else role, "parts": [{"text": text} for text in said]}
                for role, said in texts
            ]
            told = {} if system is None else {"systemInstruction": {"parts": [{"text": system}]}}
            return {"model": "a/b", **told, "contents": contents, **more}


def _parts(said: str | list[str], kind: str) -> Any:
    return said if isinstance(said, str) else [{"type": kind, "text": text} for text in said]


def result_turn(dialect: str) -> tuple[list[Body], list[Body]]:
    """Return a call of a tool and its result, as messages of a protocol."""
    match dialect:
        case "openai_chat":
            call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
            return (
                [{"role": "assistant", "tool_calls": [call]}],
                [{"role": "tool", "tool_call_id": "c1", "content": "seen"}],
            )
        case "openai_responses":
            return (
                [{"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}],
                [{"type": "function_call_output", "call_id": "c1", "output": "seen"}],
            )
        case "anthropic_messages":
            call = {"type": "tool_use", "id": "c1", "name": "look", "input": {}}
            result = {"type": "tool_result", "tool_use_id": "c1", "content": "seen"}
            return [{"role": "assistant", "content": [call]}], [{"role": "user", "content": [result]}]
        case _:
            answer = {"functionResponse": {"name": "look", "response": {"it": "seen"}}}
            return (
                [{"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]}],
                [{"role": "user", "parts": [answer]}],
            )


HOLDERS = {
    "openai_chat": "messages",
    "openai_responses": "input",
    "anthropic_messages": "messages",
    "gemini_generate": "contents",
}
