"""The benchmark: what a request costs the gateway, beside the targets and, if asked, beside a peer on the same work."""
