"""The HTTP face: composition, routes and processes."""
