"""Calls to providers over HTTP: pools, deadlines, keys; the only room that opens connections to them."""
