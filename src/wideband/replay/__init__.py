"""Recorded traffic, sent again: at its own times, with its own lengths, and then counted against the ledger."""
