"""Which origins there are, over all apps."""

from gateway.store.database import Queryable


async def is_listed(db: Queryable, origin: str) -> bool:
    """Whether any app lists exactly this origin. Reads the small table of apps."""
    return await db.fetchval("SELECT EXISTS (SELECT FROM apps WHERE $1 = ANY(origins) AND deleted_at IS NULL)", origin)
