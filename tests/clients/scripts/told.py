"""What every script shares: what it is told, the task's tool, and how it tells what came of each way it was tried.

Usage: python SCRIPT.py DIALECT MODEL WAY...; WIDEBAND_URL and WIDEBAND_API_KEY say where.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

dialect, model, *ways = sys.argv[1:]
url = os.environ["WIDEBAND_URL"]
key = os.environ["WIDEBAND_API_KEY"]
PROMPT = "How is the weather in those two cities?"
DESCRIPTION = "Say the weather of a city."
cities: list[str] = []


def weather(city: str) -> dict[str, Any]:
    """Say the weather of a city."""
    cities.append(city)
    return {"city": city, "degrees": 14}


def tell(known: dict[str, Callable[[], dict[str, Any]]]) -> None:
    """Run the chosen ways, each to its end or its error, and print what came of them."""
    told = {}
    for way in ways:
        cities.clear()
        try:
            result = known[way]()
        except Exception as error:
            status = getattr(error, "status_code", None) or getattr(error, "code", None)
            result = {"error": {"name": type(error).__name__, "status": status, "message": str(error)}}
        told[way] = result | {"cities": list(cities)}
    print(json.dumps(told))
