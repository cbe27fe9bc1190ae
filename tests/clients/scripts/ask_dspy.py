"""DSPy, over chat completions and over responses."""

from typing import Any

import dspy
from told import PROMPT, dialect, key, model, tell, url, weather

lm = dspy.LM(
    f"openai/{model}",
    model_type="responses" if dialect == "responses" else "chat",
    api_base=f"{url}/v1",
    api_key=key,
    cache=False,
    num_retries=0,
)


class Look(dspy.Signature):
    """Say which tools to call."""

    question: str = dspy.InputField()
    tools: list[dspy.Tool] = dspy.InputField()
    answer: str = dspy.OutputField()
    calls: dspy.ToolCalls = dspy.OutputField()


def get_weather(city: str) -> dict[str, Any]:
    """Say the weather of a city."""
    return weather(city)


def calls() -> dict[str, Any]:
    tool = dspy.Tool(get_weather)
    with dspy.context(lm=lm, adapter=dspy.ChatAdapter(use_native_function_calling=True)):
        told = dspy.Predict(Look)(question=PROMPT, tools=[tool])
    for call in told.calls.tool_calls:
        tool(**call.args)
    return {"tokens": lm.history[-1]["usage"]["total_tokens"]}


def structured() -> dict[str, Any]:
    with dspy.context(lm=lm, adapter=dspy.JSONAdapter()):
        return {"object": {"city": dspy.Predict("question -> city")(question="Name a city.").city}}


tell({"calls": calls, "object": structured})
