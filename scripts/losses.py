"""Writes tests/conformance/losses.toml anew: what gets lost between two dialects, as it is now.

Run it as `python -m scripts.losses`. The tests hold the code to that file: read the difference before you commit it,
for every new line is something that a user asked for and does not get.
"""

from tests.conformance.pairs import EXPECTED, found_losses

HEAD = "# What gets lost between two dialects: way, source, other; case = losses. Written by scripts/losses.py.\n"


def written() -> str:
    """Return the file's text."""
    lines = [HEAD]
    for way, sources in found_losses().items():
        for source, others in sources.items():
            for other, cases in others.items():
                lines.append(f"\n[{way}.{source}.{other}]\n")
                lines += [f'"{case}" = {str(names).replace(chr(39), chr(34))}\n' for case, names in cases.items()]
    return "".join(lines)


if __name__ == "__main__":
    EXPECTED.write_text(written())
