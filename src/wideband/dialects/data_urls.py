"""Media inside a URL: `data:image/png;base64,...`."""


def split(url: str) -> tuple[str | None, str] | None:
    """Take a base64 data URL apart into media type and data; None for any other URL."""
    if not url.startswith("data:"):
        return None
    head, comma, data = url[len("data:") :].partition(",")
    if not comma or not head.endswith(";base64"):
        return None
    return head.removesuffix(";base64").partition(";")[0] or None, data


def join(media_type: str, data: str | None) -> str:
    """Write data as a URL."""
    return f"data:{media_type};base64,{data or ''}"
