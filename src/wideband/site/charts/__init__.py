"""Charts as SVG text: pure functions from figures to marks, styled by classes, each with the table behind it."""
