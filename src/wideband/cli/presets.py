"""`wideband presets`: list, show, set and remove the presets of an account, also while a server runs."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from wideband.catalog.presets import Preset, Shelf, make_preset
from wideband.cli.keys import echo_table
from wideband.cli.options import account_option, home_option, in_words, json_option
from wideband.config import load_settings, read_shelf
from wideband.gateway.presets import check_preset
from wideband.store.presets import PresetRoom, open_presets
from wideband.wire import jsons

# Who made a version, where no key did.
CREATOR = "command"


@contextmanager
def _presets_of(home: Path | None) -> Iterator[PresetRoom]:
    """Open the presets of a home; what it refuses ends the command with exit code 2."""
    with in_words("The presets"):
        settings = load_settings(home=home)
        with open_presets(settings.home, Shelf(read_shelf(settings))) as room:
            yield room


@click.group(help="Keep settings of requests under names: `model: @preset/NAME`; a running server follows at once.")
def command() -> None:
    """Hold the commands below."""


@command.command(name="list")
@account_option
@json_option
@home_option
def list_(home: Path | None, as_json: bool, account_id: str) -> None:
    """Show the presets, those of the settings file too."""
    with _presets_of(home) as room:
        kept = room.kept(account_id)
        own = {each.preset.slug for each in kept}
        shelved = [preset for slug, preset in sorted(room.shelf.rows.items()) if slug not in own]
    rows = [(each.preset, f"version {each.version}") for each in kept] + [(each, "file") for each in shelved]
    if as_json:
        told = [{"slug": preset.slug, "source": source, **_said(preset)} for preset, source in rows]
        click.echo(jsons.encode(told))
    else:
        echo_table(
            ("PRESET", "FROM", "MODEL", "SAYS"),
            [(preset.slug, source, _models(preset), ", ".join(_said(preset))) for preset, source in rows],
        )


@command.command()
@click.argument("slug")
@account_option
@home_option
def show(home: Path | None, slug: str, account_id: str) -> None:
    """Print what a preset says, and its versions."""
    with _presets_of(home) as room:
        preset = room.find(account_id, slug)
        versions = room.versions(account_id, slug)
    if preset is None:
        raise click.UsageError(f"There is no preset `{slug}`; `wideband presets list` shows those there are.")
    click.echo(jsons.encode(_said(preset)))
    for each in versions:
        click.echo(f"version {each.version}{' (in use)' if each.is_active else ''}", err=True)


@command.command(name="set")
@click.argument("slug")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@account_option
@home_option
def set_(home: Path | None, slug: str, file: Path, account_id: str) -> None:
    """Make a new version of a preset of a FILE, JSON or TOML, with the fields of a Chat Completions body."""
    try:
        text = file.read_bytes()
        fields = tomllib.loads(text.decode()) if file.suffix == ".toml" else jsons.decode(text)
    except (tomllib.TOMLDecodeError, jsons.DecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from None
    if not isinstance(fields, dict):
        raise click.UsageError(f"{file} has to hold one object.")
    if unknown := sorted(fields.keys() - set(Preset.__struct_fields__)):
        raise click.UsageError(f"{file}: no preset says {', '.join(f'`{name}`' for name in unknown)}.")
    with _presets_of(home) as room:
        preset = make_preset({**fields, "slug": slug})
        check_preset(preset)
        kept = room.put(account_id, preset, CREATOR)
    click.echo(f"`@preset/{slug}` is at version {kept.version}.")


@command.command()
@click.argument("slug")
@click.argument("version", type=click.IntRange(1))
@account_option
@home_option
def use(home: Path | None, slug: str, version: int, account_id: str) -> None:
    """Put an earlier VERSION of a preset in use again."""
    with _presets_of(home) as room:
        if not room.use(account_id, slug, version):
            raise click.UsageError(f"The preset `{slug}` has no version {version}.")
    click.echo(f"`@preset/{slug}` is at version {version}.")


@command.command()
@click.argument("slug")
@account_option
@home_option
def remove(home: Path | None, slug: str, account_id: str) -> None:
    """Remove a preset with all its versions."""
    with _presets_of(home) as room:
        if not room.remove(account_id, slug):
            where = " It stands in the settings file." if slug in room.shelf.rows else ""
            raise click.UsageError(f"The account has no preset `{slug}`.{where}")
    click.echo(f"`@preset/{slug}` is removed.")


def _said(preset: Preset) -> dict[str, object]:
    prompt = {} if preset.system_prompt is None else {"system_prompt": preset.system_prompt}
    return {**prompt, **preset.config}


def _models(preset: Preset) -> str:
    return ", ".join([*([preset.model] if preset.model else []), *preset.models])
