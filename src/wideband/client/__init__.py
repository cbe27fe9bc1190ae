"""How everything outside the request path talks to models."""
