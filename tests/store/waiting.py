"""Waiting until Postgres has somebody wait."""

import asyncio

from gateway.store.database import Queryable


async def wait_for_a_lock(db: Queryable) -> None:
    """Until some statement of this database queues behind another one."""
    async with asyncio.timeout(5):
        while not await db.fetchval(  # noqa: ASYNC110 - the database tells nobody that somebody waits
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ):
            await asyncio.sleep(0.01)
