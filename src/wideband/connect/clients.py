"""What each client has to be told, one row each: values in its own files, and variables."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

Format = Literal["json", "toml", "env"]
Values = Mapping[tuple[str, ...], Any]

# The variable under which clients that want the key in the environment find it.
KEY_VARIABLE = "WIDEBAND_API_KEY"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Where the exchange is, as whom it is asked, and for which models. `url` holds no version."""

    url: str
    key: str
    model: str
    small_model: str

    def __repr__(self) -> str:
        """Show no key."""
        return f"Link({self.url!r}, {self.model!r})"


class Setting(msgspec.Struct, frozen=True):
    """One value: in which file (below the user's home, `~/…`), in which format, at which path of keys."""

    file: str
    format: Format
    path: tuple[str, ...]
    value: Any


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client. `insists_on` are names of models it asks for unbidden, the first of them the one it likes best."""

    title: str
    settings: Callable[[Link], tuple[Setting, ...]] = lambda _: ()
    variables: Callable[[Link], dict[str, str]] = lambda _: {}
    insists_on: tuple[str, ...] = ()
    start: str = ""
    note: str = ""


def _each(file: str, form: Format, values: Values) -> tuple[Setting, ...]:
    return tuple(Setting(file, form, path, value) for path, value in values.items())


def _claude_code(link: Link) -> tuple[Setting, ...]:
    told = {
        "ANTHROPIC_BASE_URL": link.url,
        "ANTHROPIC_AUTH_TOKEN": link.key,
        "ANTHROPIC_MODEL": link.model,
        "ANTHROPIC_DEFAULT_OPUS_MODEL": link.model,
        "ANTHROPIC_DEFAULT_SONNET_MODEL": link.model,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": link.small_model,
        "CLAUDE_CODE_SUBAGENT_MODEL": link.model,
    }
    return _each("~/.claude/settings.json", "json", {("env", name): value for name, value in told.items()})


def _codex(link: Link) -> tuple[Setting, ...]:
    provider = ("model_providers", "wideband")
    return _each(
        "~/.codex/config.toml",
        "toml",
        {
            ("model",): link.model,
            ("model_provider",): "wideband",
            (*provider, "name"): "Wideband",
            (*provider, "base_url"): f"{link.url}/v1",
            (*provider, "wire_api"): "responses",
            (*provider, "env_key"): KEY_VARIABLE,
        },
    )


def _gemini_cli(link: Link) -> tuple[Setting, ...]:
    settings: Values = {("security", "auth", "selectedType"): "gemini-api-key", ("model", "name"): link.model}
    variables: Values = {("GOOGLE_GEMINI_BASE_URL",): link.url, ("GEMINI_API_KEY",): link.key}
    return _each("~/.gemini/settings.json", "json", settings) + _each("~/.gemini/.env", "env", variables)


def _opencode(link: Link) -> tuple[Setting, ...]:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Wideband",
        "options": {"baseURL": f"{link.url}/v1", "apiKey": link.key},
        "models": {name: {"name": name} for name in dict.fromkeys((link.model, link.small_model))},
    }
    return _each(
        "~/.config/opencode/opencode.json",
        "json",
        {
            ("provider", "wideband"): provider,
            ("model",): f"wideband/{link.model}",
            ("small_model",): f"wideband/{link.small_model}",
        },
    )


def _qwen_code(link: Link) -> tuple[Setting, ...]:
    variables: Values = {
        ("OPENAI_BASE_URL",): f"{link.url}/v1",
        ("OPENAI_API_KEY",): link.key,
        ("OPENAI_MODEL",): link.model,
    }
    settings: Values = {("security", "auth", "selectedType"): "openai", ("model", "name"): link.model}
    return _each("~/.qwen/settings.json", "json", settings) + _each("~/.qwen/.env", "env", variables)


def _pi(link: Link) -> tuple[Setting, ...]:
    provider = {
        "baseUrl": f"{link.url}/v1",
        "api": "openai-completions",
        "apiKey": link.key,
        "models": [{"id": name} for name in dict.fromkeys((link.model, link.small_model))],
    }
    return _each("~/.pi/agent/models.json", "json", {("providers", "wideband"): provider})


def _openai(link: Link) -> dict[str, str]:
    return {"OPENAI_BASE_URL": f"{link.url}/v1", "OPENAI_API_KEY": link.key}


CLIENTS: dict[str, Client] = {
    "claude-code": Client(
        title="Claude Code",
        settings=_claude_code,
        insists_on=("claude-sonnet-5-5", "claude-opus-4-8", "claude-sonnet-4-5", "claude-haiku-4-5-20251001"),
        start="claude",
        note="ANTHROPIC_API_KEY must not be set beside these: Claude Code would ask which of the two keys to use.",
    ),
    "codex": Client(
        title="Codex CLI",
        settings=_codex,
        variables=lambda link: {KEY_VARIABLE: link.key},
        insists_on=("gpt-5.5", "gpt-5"),
        start="codex",
    ),
    "gemini-cli": Client(
        title="Gemini CLI",
        settings=_gemini_cli,
        insists_on=("gemini-3.1-pro-preview", "gemini-3.8-flash", "gemini-3.5-flash-lite", "gemini-2.5-pro"),
        start="gemini",
    ),
    "opencode": Client(title="opencode", settings=_opencode, start="opencode"),
    "qwen-code": Client(title="Qwen Code", settings=_qwen_code, start="qwen"),
    "pi": Client(title="pi", settings=_pi, start="pi --provider wideband"),
    "goose": Client(
        title="goose",
        variables=lambda link: {
            "GOOSE_PROVIDER": "openai",
            "OPENAI_HOST": link.url,
            "OPENAI_BASE_PATH": "v1/chat/completions",
            "OPENAI_API_KEY": link.key,
            "GOOSE_MODEL": link.model,
            # goose names its sessions with a model of its own choice, whatever it is told.
            "GOOSE_DISABLE_SESSION_NAMING": "true",
        },
        start="goose session",
    ),
    "aider": Client(
        title="aider",
        variables=lambda link: {
            "OPENAI_API_BASE": f"{link.url}/v1",
            "OPENAI_API_KEY": link.key,
            "AIDER_MODEL": f"openai/{link.model}",
            "AIDER_WEAK_MODEL": f"openai/{link.small_model}",
        },
        start="aider",
    ),
    "mini-swe-agent": Client(
        title="mini-swe-agent",
        variables=lambda link: {
            "OPENAI_API_BASE": f"{link.url}/v1",
            "OPENAI_API_KEY": link.key,
            "MSWEA_MODEL_NAME": f"openai/{link.model}",
            "MSWEA_COST_TRACKING": "ignore_errors",
        },
        start="mini",
    ),
    "openai-sdk": Client(title="OpenAI's SDKs", variables=_openai),
    "anthropic-sdk": Client(
        title="Anthropic's SDKs",
        variables=lambda link: {"ANTHROPIC_BASE_URL": link.url, "ANTHROPIC_API_KEY": link.key},
    ),
    "google-genai-sdk": Client(
        title="Google's GenAI SDKs",
        variables=lambda link: {"GOOGLE_GEMINI_BASE_URL": link.url, "GEMINI_API_KEY": link.key},
    ),
}
