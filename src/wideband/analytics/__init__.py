"""What the records say: named queries, each written once, their rows and series; for pages and the data API."""
