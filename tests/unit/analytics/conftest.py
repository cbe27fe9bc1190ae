"""Every test here can ask for `filled`."""

from tests.unit.analytics.filled import filled_archive

__all__ = ["filled_archive"]
