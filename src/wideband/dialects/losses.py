"""What one dialect can say and another cannot: the one table of losses; a recorded `Loss` names a row of it."""

LOSSES: dict[str, str] = {}
