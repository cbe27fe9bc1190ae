"""The ledger database and the analytics sink: the rooms that write to disk."""
