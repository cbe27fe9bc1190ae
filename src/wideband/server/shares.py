"""What was spent on which kind of work: kept up to date beside the server, and shown as OpenRouter's data API does."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from wideband.canon.faults import Faulted, invalid
from wideband.routing.auto import TaskRow
from wideband.routing.tags import TAGS
from wideband.server.shapes import iso
from wideband.store.ledger import LocalLedger
from wideband.store.shares import ShareFile, TaskShares

log = logging.getLogger("wideband.server")

# The file of before is good enough for a start, which the archive would make slower.
FIRST_S = 5.0
EVERY_S = 600.0

WINDOW_DAYS = 7
WINDOW = f"{WINDOW_DAYS}d"
MACROS = {"code": "Code", "data": "Data", "agent": "Agent", "general": "General"}

Row = dict[str, Any]


async def keep_shares(ledger: LocalLedger, first_s: float = FIRST_S, every_s: float = EVERY_S) -> None:
    """Add up the last seven days every ten minutes; where that fails, what was added up before holds."""
    file, wait_s = ShareFile(ledger.home), first_s
    while True:
        await asyncio.sleep(wait_s)
        try:
            await asyncio.to_thread(file.renew, ledger.archive)
        except (Faulted, OSError) as error:
            log.warning("the shares of spend could not be added up: %s", error)
        wait_s = every_s


def classifications(shares: TaskShares, query: Mapping[str, str]) -> Row:
    """Show each kind of work's share of what was spent and of the tokens. Raises `Faulted` (invalid_request)."""
    window = query.get("window", WINDOW)
    if window != WINDOW:
        raise invalid(f"`window` can only be {WINDOW}, not `{window[:40]}`.", "window")
    rows = [row for row in shares.rows if row.tag in TAGS]
    by_tag = {tag: own for tag in TAGS if (own := [row for row in rows if row.tag == tag])}
    by_macro = {macro: [row for row in rows if TAGS[row.tag].macro == macro] for macro in MACROS}
    shown: list[Row] = [
        {
            "tag": tag,
            "display_name": TAGS[tag].display_name,
            "macro_category": TAGS[tag].macro,
            "usage_share": _usage(own, rows),
            "token_share": _tokens(own, rows),
            "category_usage_share": _usage(own, by_macro[TAGS[tag].macro]),
            "category_token_share": _tokens(own, by_macro[TAGS[tag].macro]),
            "models": [
                {"id": row.model, "tag_usage_share": _usage([row], own), "tag_token_share": _tokens([row], own)}
                for row in own
            ],
        }
        for tag, own in by_tag.items()
    ]
    shown.sort(key=lambda row: -row["usage_share"])
    macros = [
        {"key": macro, "label": name, "usage_share": _usage(own, rows), "token_share": _tokens(own, rows)}
        for (macro, own), name in zip(by_macro.items(), MACROS.values(), strict=True)
    ]
    data = {
        "classifications": shown,
        "macro_categories": macros,
        "window_days": WINDOW_DAYS,
        "as_of": iso(shares.made_ns),
    }
    return {"data": data}


def _usage(part: Sequence[TaskRow], whole: Sequence[TaskRow]) -> float:
    total = sum(row.cost_nano for row in whole)
    return round(sum(row.cost_nano for row in part) / total, 6) if total else 0.0


def _tokens(part: Sequence[TaskRow], whole: Sequence[TaskRow]) -> float:
    total = sum(row.tokens for row in whole)
    return round(sum(row.tokens for row in part) / total, 6) if total else 0.0
