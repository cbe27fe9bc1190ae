"""The vocabulary every other room speaks: requests, events, replies, usage and faults; it knows no wire format."""
