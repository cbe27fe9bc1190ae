"""Writes tests/conformance/losses.toml anew: what gets lost between two dialects, as it is now.

The tests hold the code to that file. Read the difference before you commit it: every new line is something that a user
asked for and does not get.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = "# What gets lost between two dialects: way, source, other; case = losses. Written by scripts/losses.py.\n"


def written() -> str:
    """Return the file's text."""
    from tests.conformance.pairs import found_losses  # noqa: PLC0415  # after the path is set

    lines = [HEAD]
    for way, sources in found_losses().items():
        for source, others in sources.items():
            for other, cases in others.items():
                lines.append(f"\n[{way}.{source}.{other}]\n")
                lines += [f'"{case}" = {str(names).replace(chr(39), chr(34))}\n' for case, names in cases.items()]
    return "".join(lines)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    (ROOT / "tests" / "conformance" / "losses.toml").write_text(written())
