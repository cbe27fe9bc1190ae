"""What pages without a request to show tell to send."""

from wideband.site.visit import Visit


def first_request(visit: Visit) -> str:
    """Return a command that would make the first request."""
    base = visit.base
    model = next(iter(visit.house.exchange.catalogue.models), "author/model")
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    return " \\\n  ".join(
        (
            f"curl {base}/api/v1/chat/completions",
            '-H "Authorization: Bearer $WIDEBAND_API_KEY"',
            "-H 'Content-Type: application/json'",
            f"-d '{body}'",
        )
    )
