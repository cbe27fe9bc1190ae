"""The SQL that draws records, read from the package's files: macros, who there is, and one day's steps."""

from importlib.resources import files

_FOLDER = "sql"


def statements(name: str) -> list[str]:
    """Return the statements of a file of the package, in their order."""
    text = files("wideband.generate").joinpath(_FOLDER, f"{name}.sql").read_text(encoding="utf-8")
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [statement.strip() for statement in kept.split(";\n") if statement.strip()]
