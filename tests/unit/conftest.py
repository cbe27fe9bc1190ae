"""Every test here can ask for `filled`, an archive with records: one for all of them."""

from tests.unit.analytics.filled import filled_archive

__all__ = ["filled_archive"]
