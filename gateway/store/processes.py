"""Which processes serve, and when they were last heard of."""

from gateway.store.database import Queryable, affected


async def hear(db: Queryable, *, process_id: int, role: str, host: str, pid: int, version: str) -> None:
    """Enters a process, or notes that it lives."""
    await db.execute(
        """
        INSERT INTO processes (id, role, host, pid, version) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE SET heard_at = now()
        """,
        process_id, role, host, pid, version,
    )  # fmt: skip


async def forget(db: Queryable, *, process_id: int) -> None:
    """Strikes a process off that has ended."""
    await db.execute("DELETE FROM processes WHERE id = $1", process_id)


async def forget_silent(db: Queryable, *, silent_s: int) -> int:
    """Strikes off what has not been heard of for so long; how many."""
    tag = await db.execute("DELETE FROM processes WHERE heard_at < now() - $1 * interval '1 second'", silent_s)
    return affected(tag)


async def count_heard(db: Queryable, *, role: str, within_s: int) -> int:
    """How many processes of a role were heard of lately."""
    return await db.fetchval(
        "SELECT count(*) FROM processes WHERE role = $1 AND heard_at > now() - $2 * interval '1 second'", role, within_s
    )


async def roles_heard(db: Queryable, *, within_s: int) -> dict[str, int]:
    """How many processes of each role were heard of lately."""
    rows = await db.fetch(
        """
        SELECT role, count(*) AS n FROM processes WHERE heard_at > now() - $1 * interval '1 second' GROUP BY role
        """,
        within_s,
    )
    return {row["role"]: row["n"] for row in rows}


async def ids_heard(db: Queryable, *, role: str, within_s: int) -> list[int]:
    """The processes of a role that were heard of lately, in order."""
    rows = await db.fetch(
        "SELECT id FROM processes WHERE role = $1 AND heard_at > now() - $2 * interval '1 second' ORDER BY id",
        role,
        within_s,
    )
    return [row["id"] for row in rows]
