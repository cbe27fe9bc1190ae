"""`wideband analytics`: how the records of a home are kept, adding them up anew, sealing days, exporting records."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, cast
from urllib.request import Request

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from wideband.canon.faults import Faulted
from wideband.cli.generate import command as generate
from wideband.cli.options import home_option
from wideband.cli.running import answer_of, running
from wideband.clock import now_ns
from wideband.config import ConfigError, load_settings
from wideband.server.localkey import key_file
from wideband.store.archive import FILE, FOLDER, Archive
from wideband.store.base import Status
from wideband.store.exporting import export_records
from wideband.store.serverlock import HomeLockedError, ServerLock
from wideband.store.upkeep import Upkeep
from wideband.wire import jsons

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


class ServedError(click.ClickException):
    """The home is being served."""


@contextmanager
def archive_of(home: Path | None) -> Iterator[Archive]:
    """Open the archive of a home that nobody serves; what cannot be done ends the command in words."""
    try:
        settings = load_settings(home=home)
        if not settings.home.is_dir():
            raise click.ClickException(f"There is no home at `{settings.home}` yet; `wideband serve` makes one.")
        lock = ServerLock(settings.home)
    except HomeLockedError as error:
        raise ServedError(str(error)) from None
    except (ConfigError, OSError) as error:
        raise click.ClickException(str(error)) from None
    archive = Archive(settings.home, settings.analytics)
    try:
        yield archive
    except Faulted as error:
        raise click.ClickException(error.fault.message) from None
    finally:
        archive.close()
        lock.release()


@click.group(help="Look after the records that analytics are made of; but for status, while no server runs.")
def command() -> None:
    """Hold the commands below."""


command.add_command(generate)


@command.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@home_option
def status(home: Path | None, as_json: bool) -> None:
    """Show what is kept: records, days, sizes, and until when they are added up. A server that runs is asked."""
    try:
        with archive_of(home) as archive:
            found = Upkeep(archive).status()
    except ServedError as served:
        found = _asked(load_settings(home=home).home, served)
    if as_json:
        click.echo(jsons.encode(found))
        return
    for name, value in _lines(found, load_settings(home=home).home):
        click.echo(f"{name:<14}{value}")


def _asked(home: Path, served: ServedError) -> Status:
    """Return what the server of a home tells of its archive."""
    try:
        url, secret = (running(home) or {})["url"], key_file(home).read_text(encoding="ascii").strip()
        call = Request(f"{url}/api/v1/analytics/status", headers={"Authorization": f"Bearer {secret}"})
        return msgspec.convert(answer_of(call)["data"], Status)
    except (OSError, KeyError, msgspec.ValidationError) as error:
        raise click.ClickException(f"{served.message}\nIt could not be asked: {error!r}") from None


@command.command()
@click.option("--aside", "is_aside", is_flag=True, help="Put the database aside first: it cannot be opened any more.")
@home_option
def rebuild(home: Path | None, is_aside: bool) -> None:
    """Add all records up anew, also from day files that the database does not know."""
    now_s = _now_s()
    with archive_of(home) as archive:
        upkeep = Upkeep(archive)
        if is_aside and (aside := archive.put_aside()):
            click.echo(f"The database is `{aside}` now; what was not sealed into day files is there only.", err=True)
        try:
            first_s = upkeep.status().oldest_s or now_s
        except Faulted as error:
            hint = "`wideband analytics rebuild --aside` puts it aside and begins from the day files."
            raise click.ClickException(f"{error.fault.message}\n{hint}") from None
        with _progress("Adding up", now_s - first_s) as told:
            found = upkeep.rebuild(now_s, lambda until_s: told(until_s - first_s))
        days = upkeep.status()
    if found:
        click.echo(f"{found} days were found again.")
    click.echo(f"{days.hot_records + days.sealed_records:,} records are added up.")


@command.command()
@home_option
def seal(home: Path | None) -> None:
    """Seal every day that is over for long enough into its Parquet file, and delete what is kept no longer."""
    now_s = _now_s()
    with archive_of(home) as archive:
        upkeep = Upkeep(archive)
        upkeep.fold(now_s)
        waiting = upkeep.unsealed(now_s)
        with _progress("Sealing", len(waiting)) as told:
            count = upkeep.seal(now_s, lambda day_s: told(waiting.index(day_s) + 1))
        dropped = upkeep.drop(now_s)
    click.echo(f"{count} days were sealed, {dropped} deleted.")


def _instant(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int | None:
    """Read a date or a time, UTC unless it says otherwise, as unix seconds."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"`{text}` is no date or time; write it like 2026-11-22 or 2026-11-22T10:00Z"
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(seconds=1)


@command.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--from", "from_s", metavar="TIME", callback=_instant, help="From when: 2026-11-01; the first record.")
@click.option("--to", "to_s", metavar="TIME", callback=_instant, help="Until before when: 2026-12-01; now.")
@click.option(
    "--format", "kind", type=click.Choice(["csv", "parquet"]), help="Of the file; its ending says it otherwise."
)
@home_option
def export(home: Path | None, file: Path, from_s: int | None, to_s: int | None, kind: str | None) -> None:
    """Write the records of a span of time to FILE, hot and sealed ones, in the order of time."""
    kind = kind or file.suffix.removeprefix(".").lower()
    if kind not in {"csv", "parquet"}:
        raise click.UsageError(f"`{file}` ends neither in .csv nor in .parquet: say which with --format.")
    start_s, end_s = from_s or 0, to_s if to_s is not None else _now_s() + 1
    if start_s >= end_s:
        raise click.UsageError("--from has to lie before --to.")
    with archive_of(home) as archive:
        count = export_records(archive, start_s, end_s, file.absolute(), cast('Literal["csv", "parquet"]', kind))
    click.echo(f"{count:,} records were written to `{file}`.")


def _now_s() -> int:
    return now_ns() // 1_000_000_000


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show on stderr how far something is, where somebody looks."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=max(1, total))
        yield lambda done: progress.update(task, completed=done)


def _lines(found: Status, home: Path) -> Iterator[tuple[str, str]]:
    yield "database", f"{home / FILE}, {_size(found.database_bytes)}"
    yield "day files", f"{home / FOLDER}, {_size(found.sealed_bytes)}"
    yield "hot", f"{found.hot_records:,} records"
    deleted = f", {found.deleted_days:,} more were deleted" if found.deleted_days else ""
    yield "sealed", f"{found.sealed_records:,} records of {found.sealed_days:,} days{deleted}"
    yield "folded until", _time(found.folded_until_s)
    yield "oldest", _time(found.oldest_s)


def _time(at_s: int | None) -> str:
    return "nothing yet" if at_s is None else datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _size(count: float) -> str:
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == _UNITS[0] else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("the last unit holds everything")
