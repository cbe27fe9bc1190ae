"""What a page of docs/howto/clients says, as files and variables: what people copy is what the tests run."""

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "howto" / "clients"
URL, KEY, MODEL = "http://127.0.0.1:8484", "YOUR_KEY", "openai/gpt-5"

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_FILE = re.compile(r"^`~/([^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export (\w+)=(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Settings:
    """Files by their place below a user's home, and variables."""

    files: dict[str, str]
    variables: dict[str, str]


def read(name: str, section: str = "") -> Settings:
    """Return what a page's section says, or all of a page without sections."""
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    if section:
        _, *parts = _SECTION.split(text)
        text = dict(zip(parts[::2], parts[1::2], strict=True))[section]
    exports = [found for block in _SHELL.findall(text) for found in _EXPORT.findall(block)]
    return Settings(dict(_FILE.findall(text)), dict(exports))


def told(settings: Settings, url: str, key: str, model: str) -> Settings:
    """Return the settings with an exchange's address, a key and a model in place of the page's examples."""

    def put(text: str) -> str:
        return text.replace(URL, url).replace(KEY, key).replace(MODEL, model)

    return Settings(
        {place: put(text) for place, text in settings.files.items()},
        {name: put(value) for name, value in settings.variables.items()},
    )
