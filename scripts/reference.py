"""Writes what code knows into docs/reference: commands, settings, faults, losses, quirks, variants, providers.

Between `<!-- NAME -->` and `<!-- end -->` a page is generated; the rest of it is written by hand. With `--check` it
writes nothing and fails when a page is stale.
"""

import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from wideband.canon.availability import AVAILABILITY
from wideband.canon.faults import RULES
from wideband.cli import COMMANDS, main
from wideband.config.outside import shipped
from wideband.config.settings import Settings
from wideband.config.snapshot import PROVIDERS_FILE
from wideband.dialects.losses import LOSSES
from wideband.dialects.quirks import QUIRKS
from wideband.routing.variants import VARIANTS

ROOT = Path(__file__).resolve().parent.parent
REFERENCE, CONFORMANCE = ROOT / "docs" / "reference", ROOT / "tests" / "conformance"
WIDTH = 100
# What tells a platform's own tools where its credentials are, for providers that take no key.
_PLATFORM_VARIABLES = {"google-adc": ("GOOGLE_APPLICATION_CREDENTIALS",)}


def commands() -> str:
    """Return every command's help."""
    parent = click.Context(main, info_name="wideband", **main.context_settings)
    return "\n".join(
        text
        for name in sorted(COMMANDS)
        if (command := main.get_command(parent, name)) is not None
        for text in _help(command, name, parent, "##")
    )


def _help(command: click.Command, name: str, parent: click.Context, level: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
    yield f"{level} {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None:
                yield from _help(found, inner, context, level + "#")


def settings() -> str:
    """Return every section of the settings file with its fields and what they are unless said otherwise."""
    fields = msgspec.structs.fields(Settings)
    sections = [
        section
        for field in fields
        if isinstance(field.default, msgspec.Struct)
        for section in _sections(field.name, field.default)
    ]
    server = [field for field in fields if field.name in {"host", "port", "workers"}]
    text = ["### [server]\n", _table(("field", "default"), [(field.name, field.default) for field in server])]
    for name, value in sections:
        text += [
            f"### [{name}]\n",
            f"{inspect.cleandoc(value.__doc__ or '')}\n",
            _table(("field", "default"), _plain(value)),
        ]
    return "\n".join(text)


def _sections(name: str, value: msgspec.Struct) -> list[tuple[str, msgspec.Struct]]:
    """Return a section and those inside it."""
    inner = msgspec.structs.asdict(value).items()
    return [(name, value), *((f"{name}.{key}", one) for key, one in inner if isinstance(one, msgspec.Struct))]


def _plain(value: msgspec.Struct) -> list[tuple[str, Any]]:
    return [(key, one) for key, one in msgspec.structs.asdict(value).items() if not isinstance(one, msgspec.Struct)]


def faults() -> str:
    """Return every kind of fault with what follows from it."""
    heading = ("kind", "status", "`error_type`", "another endpoint is tried", "counts against the provider")
    rows = [
        (kind.value, rule.status, f"`{rule.error_type}`", _yes(rule.retryable), _yes(rule.blames_provider))
        for kind, rule in RULES.items()
    ]
    return _table(heading, rows)


def availability() -> str:
    """Return every code of `error.availability` with what to do."""
    rows = [(code, row.meaning, row.remedy, _yes(row.retryable)) for code, row in AVAILABILITY.items()]
    return _table(("code", "what it means", "what to do", "`retryable`"), rows)


def losses() -> str:
    """Return everything that can get lost between two protocols."""
    return _table(("loss", "what it is"), sorted(LOSSES.items()))


def pairs() -> str:
    """Return what gets lost of each feature from one dialect to another, as the conformance tests hold it."""
    lost = tomllib.loads((CONFORMANCE / "losses.toml").read_text())
    features = tomllib.loads((CONFORMANCE / "features.toml").read_text())
    rows = [
        (source, f"`{other}`", *(_lost(lost, source, other, cases) for cases in features.values()))
        for source, others in lost["requests"].items()
        for other in others
        # The same on both sides: the caller's own bytes go on, and nothing can get lost.
        if source != other
    ]
    return _table(("in", "out", *features), rows)


def _lost(lost: dict[str, Any], source: str, other: str, cases: dict[str, list[str]]) -> str:
    found = {
        name
        for way, kind in (("requests", "requests"), ("replies", "replies"), ("streams", "replies"))
        for case in cases[kind]
        for name in lost[way][source][other].get(case, ())
    }
    return ", ".join(f"`{name}`" for name in sorted(found)) or "✓"


def quirks() -> str:
    """Return every oddity that a row can name."""
    return _table(("quirk", "what it says"), [(name, quirk.description) for name, quirk in sorted(QUIRKS.items())])


def variants() -> str:
    """Return every word that may stand behind a model's name."""
    return _table(("variant", "what it does"), [(f":{name}", row.meaning) for name, row in VARIANTS.items()])


def providers() -> str:
    """Return every remote provider with the variables that hold its key."""
    rows = [
        (
            row["slug"],
            row["name"],
            " or ".join(f"`{name}`" for name in row.get("key_env") or _PLATFORM_VARIABLES[row["auth"]]),
            row["base_url"],
            _dialects(row),
        )
        for row in _provider_rows()
        if not row.get("local")
    ]
    return _table(("slug", "name", "variables", "base URL", "dialects"), rows)


def local_providers() -> str:
    """Return the servers that are looked for on this machine."""
    rows = [(row["slug"], row["name"], row["base_url"], _dialects(row)) for row in _provider_rows() if row.get("local")]
    return _table(("slug", "name", "address", "dialects"), rows)


def _dialects(row: dict[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in (row["dialect"], *row.get("also", ())))


def _provider_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tomllib.loads(shipped(PROVIDERS_FILE))["provider"]
    return rows


def _yes(value: bool) -> str:
    return "yes" if value else ""


def _table(heading: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *((f"`{first}`", *rest) for first, *rest in rows)]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _cell(value: object) -> str:
    return f"{value:,}".replace(",", " ") if isinstance(value, int) and abs(value) > 9999 else str(value)


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "settings": settings,
    "faults": faults,
    "availability": availability,
    "losses": losses,
    "pairs": pairs,
    "quirks": quirks,
    "variants": variants,
    "providers": providers,
    "local_providers": local_providers,
}


def renewed(page: str) -> str:
    """Return a page with its generated parts written anew."""

    def part(found: re.Match[str]) -> str:
        return f"<!-- {found[1]} -->\n\n{PARTS[found[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", part, page, flags=re.DOTALL)


def stale() -> list[Path]:
    """Return the pages whose generated parts are not what the code says."""
    return [path for path in sorted(REFERENCE.glob("*.md")) if renewed(path.read_text()) != path.read_text()]


if __name__ == "__main__":
    for page in stale():
        if "--check" in sys.argv:
            sys.exit(f"{page} is stale: run `make docs`")
        page.write_text(renewed(page.read_text()))
        print(f"wrote {page}")
