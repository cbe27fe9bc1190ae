"""Bytes to frames and back: JSON, server-sent events, lines of JSON; it knows no dialect."""
