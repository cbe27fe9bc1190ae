"""The demonstration: a made-up history, then traffic through a real server with simulated providers behind it."""
