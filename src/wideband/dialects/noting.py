"""How losses are noted: the rows that they name stand in `losses`."""

from wideband.canon.request import Json, Loss

# Top-level fields that have a row of their own, and what they say when they ask for nothing.
_OWN_ROWS: dict[str, tuple[str, Json]] = {"store": ("storage", False)}


def note(losses: list[Loss], feature: str, detail: str = "") -> None:
    """Record a loss, once for each feature."""
    if all(loss.feature != feature for loss in losses):
        losses.append(Loss(feature, detail))


def of_extras(extras: dict[str, Json]) -> list[Loss]:
    """Return what is lost of a request's fields that only its own dialect has."""
    lost: list[Loss] = []
    for name in sorted(extras):
        feature, idle = _OWN_ROWS.get(name, ("unknown_fields", None))
        if extras[name] != idle:
            lost.append(Loss(feature, name))
    return lost
