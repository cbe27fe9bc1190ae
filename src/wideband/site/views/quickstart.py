"""How to ask a model here: requests and clients, each as text to copy, with this server's address in it."""

import shlex

import msgspec

from wideband.canon.request import Task
from wideband.connect.clients import CLIENTS

# The coding agents that are shown, by their names in `connect.clients`.
AGENTS = ("claude-code", "codex", "gemini-cli", "opencode", "qwen-code", "aider", "goose", "pi")


class Example(msgspec.Struct, frozen=True):
    """A tab: what it is for, its text, and a word about it."""

    slug: str
    title: str
    text: str
    note: str = ""


def examples(url: str, model: str, task: Task) -> list[Example]:
    """Return what asks a model at a server; `url` holds no version."""
    if task == "embed":
        return [_curl(url, "embeddings", _json(model, '"input": ["Hello"]')), _embed_python(url, model)]
    if task == "rerank":
        body = _json(model, '"query": "planets", "documents": ["Mars is red.", "Tea is hot."]')
        return [_curl(url, "rerank", body)]
    message = '"messages": [{"role": "user", "content": "Hello"}]'
    return [
        _curl(url, "chat/completions", _json(model, message)),
        _openai_python(url, model),
        _openai_js(url, model),
        _anthropic(url, model),
        _gemini(url, model),
        _agents(url, model),
    ]


def _json(model: str, rest: str) -> str:
    return f'{{"model": "{model}", {rest}}}'


def _curl(url: str, path: str, body: str) -> Example:
    text = (
        f"curl {url}/api/v1/{path} \\\n"
        '  -H "Authorization: Bearer $WIDEBAND_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d {shlex.quote(body)}\n"
    )
    return Example("curl", "curl", text)


def _openai_python(url: str, model: str) -> Example:
    text = (
        "import os\n\nfrom openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{url}/v1", api_key=os.environ["WIDEBAND_API_KEY"])\n'
        "answer = client.chat.completions.create(\n"
        f'    model="{model}",\n'
        '    messages=[{"role": "user", "content": "Hello"}],\n'
        ")\nprint(answer.choices[0].message.content)\n"
    )
    return Example("openai-python", "OpenAI, Python", text)


def _embed_python(url: str, model: str) -> Example:
    text = (
        "import os\n\nfrom openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{url}/v1", api_key=os.environ["WIDEBAND_API_KEY"])\n'
        f'answer = client.embeddings.create(model="{model}", input=["Hello"])\n'
        "print(answer.data[0].embedding[:8])\n"
    )
    return Example("openai-python", "OpenAI, Python", text)


def _openai_js(url: str, model: str) -> Example:
    text = (
        'import OpenAI from "openai";\n\n'
        f'const client = new OpenAI({{ baseURL: "{url}/v1", apiKey: process.env.WIDEBAND_API_KEY }});\n'
        "const answer = await client.chat.completions.create({\n"
        f'  model: "{model}",\n'
        '  messages: [{ role: "user", content: "Hello" }],\n'
        "});\nconsole.log(answer.choices[0].message.content);\n"
    )
    return Example("openai-js", "OpenAI, JavaScript", text)


def _anthropic(url: str, model: str) -> Example:
    text = (
        "import os\n\nfrom anthropic import Anthropic\n\n"
        f'client = Anthropic(base_url="{url}", api_key=os.environ["WIDEBAND_API_KEY"])\n'
        "answer = client.messages.create(\n"
        f'    model="{model}",\n'
        "    max_tokens=1000,\n"
        '    messages=[{"role": "user", "content": "Hello"}],\n'
        ")\n"
        'print("".join(block.text for block in answer.content if block.type == "text"))\n'
    )
    return Example("anthropic", "Anthropic, Python", text, "The address has no version.")


def _gemini(url: str, model: str) -> Example:
    text = (
        "import os\n\nfrom google import genai\n\n"
        f'options = {{"base_url": "{url}"}}\n'
        'with genai.Client(api_key=os.environ["WIDEBAND_API_KEY"], http_options=options) as client:\n'
        f'    answer = client.models.generate_content(model="{model}", contents="Hello")\n'
        "    print(answer.text)\n"
    )
    return Example("gemini", "Gemini, Python", text, "The address has no version.")


def _agents(url: str, model: str) -> Example:
    lines = []
    for name in AGENTS:
        client = CLIENTS[name]
        command = ["wideband", "connect", name, "--url", url, "--model", model, "--write"]
        lines.append(f"# {client.title}\n{shlex.join(command)}\n{client.start}\n")
    note = "Each writes the agent's own settings; the same with --undo takes them back. Add --key for a key of yours."
    return Example("agents", "Coding agents", "\n".join(lines), note)
