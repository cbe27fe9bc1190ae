"""Rows: providers, models, endpoints and their prices; it knows no files and no wire."""
