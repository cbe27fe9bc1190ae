"""Settings that point coding agents at this exchange, and the way back."""
