"""DSPy, over chat completions and over responses."""

import json
from typing import Any

import dspy
from told import PROMPT, dialect, key, model, tell, url, weather

name = f"openai/{model}"
lm = dspy.LM(
    name,
    model_type="responses" if dialect == "responses" else "chat",
    api_base=f"{url}/v1",
    api_key=key,
    cache=False,
    num_retries=0,
)


def task() -> dict[str, Any]:
    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    tools = [dspy.Tool(weather, name="get_weather").format_as_litellm_function_call()]
    while True:
        [said] = lm(messages=messages, tools=tools)
        calls = said.get("tool_calls") if isinstance(said, dict) else None
        if not calls:
            text = said["text"] if isinstance(said, dict) else said
            return {"text": text, "tokens": sum(each["usage"]["total_tokens"] for each in lm.history)}
        messages.append({"role": "assistant", "content": said["text"], "tool_calls": calls})
        for call in calls:
            content = json.dumps(weather(**json.loads(call["function"]["arguments"])))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": content})


def structured() -> dict[str, Any]:
    with dspy.context(lm=lm, adapter=dspy.JSONAdapter()):
        return {"object": {"city": dspy.Predict("question -> city")(question="Name a city.").city}}


tell({"whole": task, "object": structured})
