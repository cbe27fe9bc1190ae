"""Where the site's own files lie in the package."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
