"""The driver: takes one request from its body to its answer and its record, through any number of tries."""
