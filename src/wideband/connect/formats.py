"""Values in other programs' settings files: set, taken out and read by their path of keys, all else left as it is."""

import re
import shlex
from collections.abc import MutableMapping
from typing import Any, Protocol

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from wideband.connect.clients import Format
from wideband.wire import jsons

Path = tuple[str, ...]


class UnreadableError(ValueError):
    """A file is not what its name promises; its text says where."""


class _Missing:
    """Stands for a value that is not there."""


MISSING = _Missing()


class Document(Protocol):
    """A settings file's text, taken apart."""

    def get(self, path: Path) -> Any: ...
    def put(self, path: Path, value: Any) -> None: ...
    def drop(self, path: Path) -> None: ...
    def text(self) -> str: ...


class _Tree:
    """Nested tables; those that an edit leaves empty go too."""

    def __init__(self, root: MutableMapping[str, Any]) -> None:
        self.root = root

    def get(self, path: Path) -> Any:
        table: Any = self.root
        for name in path:
            if not isinstance(table, MutableMapping) or name not in table:
                return MISSING
            table = table[name]
        return table

    def put(self, path: Path, value: Any) -> None:
        table = self.root
        for at, name in enumerate(path[:-1], 1):
            if name not in table:
                table[name] = self._table()
            table = table[name]
            if not isinstance(table, MutableMapping):
                raise UnreadableError(f"`{'.'.join(path[:at])}` is no table")
        table[path[-1]] = value

    def drop(self, path: Path) -> None:
        tables = [self.root]
        for name in path[:-1]:
            table = tables[-1].get(name)
            if not isinstance(table, MutableMapping):
                return
            tables.append(table)
        tables[-1].pop(path[-1], None)
        for table, name in zip(reversed(tables[:-1]), reversed(path[:-1]), strict=True):
            if not table[name]:
                del table[name]

    def _table(self) -> MutableMapping[str, Any]:
        return {}


class _Json(_Tree):
    def __init__(self, text: str) -> None:
        try:
            found = jsons.decode(text) if text.strip() else {}
        except jsons.DecodeError as error:
            raise UnreadableError(f"it is not plain JSON ({error})") from None
        if not isinstance(found, dict):
            raise UnreadableError("it is no JSON object")
        super().__init__(found)

    def text(self) -> str:
        return msgspec.json.format(jsons.encode(self.root), indent=2).decode() + "\n"


class _Toml(_Tree):
    def __init__(self, text: str) -> None:
        try:
            self._document = tomlkit.parse(text)
        except TOMLKitError as error:
            raise UnreadableError(f"it is not TOML ({error})") from None
        super().__init__(self._document)

    def _table(self) -> MutableMapping[str, Any]:
        return tomlkit.table(is_super_table=False)

    def text(self) -> str:
        return tomlkit.dumps(self._document)


class _Env:
    """Lines of NAME=value, as shells and dotenv readers take them."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()

    def _at(self, name: str) -> int | None:
        form = re.compile(rf"\s*(?:export\s+)?{re.escape(name)}\s*=")
        return next((at for at, line in enumerate(self._lines) if form.match(line)), None)

    def get(self, path: Path) -> Any:
        at = self._at(path[0])
        if at is None:
            return MISSING
        said = self._lines[at].partition("=")[2].strip()
        try:
            words = shlex.split(said, comments=True)
        except ValueError:
            return said
        return words[0] if words else ""

    def put(self, path: Path, value: Any) -> None:
        line, at = f"{path[0]}={shlex.quote(value)}", self._at(path[0])
        if at is None:
            self._lines.append(line)
        else:
            self._lines[at] = line

    def drop(self, path: Path) -> None:
        at = self._at(path[0])
        if at is not None:
            del self._lines[at]

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)


_FORMATS: dict[Format, type[_Json | _Toml | _Env]] = {"json": _Json, "toml": _Toml, "env": _Env}


def parse(form: Format, text: str) -> Document:
    """Take a file's text apart. Raises `UnreadableError`."""
    return _FORMATS[form](text)
