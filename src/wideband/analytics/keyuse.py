"""When keys were last used."""

from wideband.analytics.named import Query, Reader

# To the second while the record is at hand, to the day before.
LAST_USED = Query(
    "last used",
    """
    SELECT key_hash, max(at_s)::BIGINT, arg_max(exact, at_s) FROM (
      SELECT key_hash, epoch_us(max("at")) // 1000000 AS at_s, true AS exact FROM generation
      WHERE $1::VARCHAR IS NULL OR account_id = $1 GROUP BY key_hash
      UNION ALL
      SELECT key_hash, epoch(max("at"))::BIGINT, false FROM key_day
      WHERE $1::VARCHAR IS NULL OR account_id = $1 GROUP BY key_hash
    ) GROUP BY key_hash
    """,
)


async def last_used(reader: Reader, account_id: str | None) -> dict[str, tuple[int, bool]]:
    """Return of each key of an account, or of all, when it was last used (unix seconds) and whether to the second."""
    return {key: (at_s, exact) for key, at_s, exact in await LAST_USED.ask(reader, account_id)}
