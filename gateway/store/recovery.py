"""After a backup was restored: whatever was under way stands still until its operator says otherwise.

A backup does not know what went out after it was made. Going on by itself, a campaign would be sent again to everybody
it had reached between the backup and the end of the old database.
"""

from gateway.store.database import Database, Queryable, affected


async def hold_everything(db: Database) -> int:
    """Pauses every message that is being sent, or whose time has come; how many. Those of a later time stay."""
    async with db.transaction() as tx:
        await _hold_chunks(tx)
        return await _pause_messages(tx)


async def _hold_chunks(db: Queryable) -> None:
    await db.execute("UPDATE chunks SET hold = 1 WHERE state < 2 AND hold = 0")


async def _pause_messages(db: Queryable) -> int:
    tag = await db.execute("UPDATE messages SET state = 3 WHERE state IN (1, 2) OR (state = 0 AND due_at <= now())")
    return affected(tag)
