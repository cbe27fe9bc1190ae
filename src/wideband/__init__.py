"""Wideband: the open model exchange you run yourself."""

__version__ = "0.1.0"
