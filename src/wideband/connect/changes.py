"""Writes settings into other programs' files, and takes them out again: nothing of theirs is lost."""

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from wideband.connect.clients import Format, Setting
from wideband.connect.formats import MISSING, UnreadableError, parse
from wideband.wire import jsons


class Former(msgspec.Struct, frozen=True, kw_only=True):
    """What stood at a path before: `was` is its value if there `existed` one; `now` is what we wrote."""

    path: tuple[str, ...]
    now: Any
    existed: bool = False
    was: Any = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One file we wrote: how it was (base64; None when there was none), and what it became."""

    file: str
    format: Format
    before: str | None
    after_sha256: str
    values: tuple[Former, ...]


class Undone(msgspec.Struct, frozen=True):
    """What became of a file: "restored", "removed", "gone" where it no longer was, "edited" where others changed it."""

    file: str
    how: str


class ConnectError(Exception):
    """Something that keeps us from changing a file; its text is for the user."""


# Where clients keep their files, if not below the user's home.
_MOVED_BY = {"~/.claude/": "CLAUDE_CONFIG_DIR", "~/.codex/": "CODEX_HOME", "~/.config/": "XDG_CONFIG_HOME"}


def place(file: str, environ: Mapping[str, str]) -> Path:
    """Return where a setting's file is."""
    for folder, variable in _MOVED_BY.items():
        if file.startswith(folder) and environ.get(variable):
            return Path(environ[variable]) / file.removeprefix(folder)
    return Path(environ.get("HOME") or Path.home()) / file.removeprefix("~/")


def write(settings: Sequence[Setting], environ: Mapping[str, str], manifest: Path) -> list[Path]:
    """Write settings, remembering in `manifest` how to undo it. Returns the files. Raises `ConnectError`.

    Nothing is written when any of the files cannot be read. Connecting again keeps the oldest memory.
    """
    remembered = {change.file: change for change in _read_manifest(manifest)}
    drafts: list[tuple[Path, str, Change]] = []
    for name in dict.fromkeys(setting.file for setting in settings):
        path = place(name, environ)
        drafts.append(_draft(path, [each for each in settings if each.file == name], remembered.get(str(path))))
    kept = remembered | {change.file: change for _, _, change in drafts}
    if not drafts:
        return []
    # The memory comes first: whatever happens after this line can be undone.
    _write_privately(manifest, jsons.encode(list(kept.values())))
    for path, text, _ in drafts:
        _write_privately(path, text.encode())
    return [path for path, _, _ in drafts]


def _draft(path: Path, settings: Sequence[Setting], first: Change | None) -> tuple[Path, str, Change]:
    form = settings[0].format
    before = path.read_bytes() if path.exists() else None
    try:
        document = parse(form, (before or b"").decode())
        formers = {former.path: former for former in (first.values if first else ())}
        for setting in settings:
            was = document.get(setting.path)
            found = was is not MISSING
            former = formers.get(setting.path) or Former(
                path=setting.path, now=None, existed=found, was=_plain(was) if found else None
            )
            formers[setting.path] = msgspec.structs.replace(former, now=setting.value)
            document.put(setting.path, setting.value)
        text = document.text()
    except (UnreadableError, UnicodeDecodeError) as error:
        message = f"{path} is left alone: {error}. Run without --write and put the settings in by hand."
        raise ConnectError(message) from None
    original = first.before if first else None if before is None else base64.b64encode(before).decode()
    change = Change(
        file=str(path),
        format=form,
        before=original,
        after_sha256=hashlib.sha256(text.encode()).hexdigest(),
        values=tuple(formers.values()),
    )
    return path, text, change


def _plain(value: Any) -> Any:
    unwrap = getattr(value, "unwrap", None)
    return value if unwrap is None else unwrap()


def undo(manifest: Path) -> list[Undone]:
    """Take back what `write` did. Raises `ConnectError` when nothing is remembered or a file cannot be read.

    A file nobody touched since becomes what it was, byte for byte; in one that was changed, only our values go.
    """
    changes = _read_manifest(manifest)
    if not changes:
        raise ConnectError("Nothing of this client is remembered: it was not connected with --write from this home.")
    done = [_undo(change) for change in changes]
    manifest.unlink()
    return done


def _undo(change: Change) -> Undone:
    path = Path(change.file)
    now = path.read_bytes() if path.exists() else None
    if now is None:
        return Undone(change.file, "gone")
    if hashlib.sha256(now).hexdigest() == change.after_sha256:
        if change.before is None:
            path.unlink()
            return Undone(change.file, "removed")
        _write_privately(path, base64.b64decode(change.before))
        return Undone(change.file, "restored")
    try:
        document = parse(change.format, now.decode())
    except (UnreadableError, UnicodeDecodeError) as error:
        raise ConnectError(f"{path} cannot be read any more: {error}. Mend it and run this again.") from None
    for former in change.values:
        if _plain(document.get(former.path)) != former.now:
            continue
        if former.existed:
            document.put(former.path, former.was)
        else:
            document.drop(former.path)
    _write_privately(path, document.text().encode())
    return Undone(change.file, "edited")


def _read_manifest(manifest: Path) -> list[Change]:
    if not manifest.exists():
        return []
    try:
        return jsons.decode_as(manifest.read_bytes(), list[Change])
    except jsons.DecodeError as error:
        raise ConnectError(f"{manifest} cannot be read ({error}); move it away if you can do without it.") from None


def _write_privately(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; a new one only its owner can read, for it may hold a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target = path.resolve()
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    part = target.with_name(target.name + ".wideband-part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
    part.replace(target)
