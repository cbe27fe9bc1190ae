"""`python -m wideband`."""

from wideband.cli import main

main()
