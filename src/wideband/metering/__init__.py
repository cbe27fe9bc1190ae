"""From the events of one answer, with their times, to exactly one Generation record."""
