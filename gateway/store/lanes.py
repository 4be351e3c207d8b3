"""Lanes that stand still, shared by all processes: a credential at one push service ('' is all services)."""

from datetime import datetime

import msgspec

from gateway.store.database import Queryable


class LaneRow(msgspec.Struct, frozen=True):
    """A lane that is not to be used before `until`."""

    app_id: int
    credential_id: int
    origin: str
    state: int
    reason: str
    until: datetime


async def stop(
    db: Queryable, *, app_id: int, credential_id: int, origin: str, state: int, reason: str, for_s: float
) -> bool:
    """Says that a lane stands still for so long; whether that is news (it was running, or stood for another reason)."""
    row = await db.fetchrow(
        """
        INSERT INTO lanes AS l (app_id, credential_id, origin, state, reason, until)
        VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 second')
        ON CONFLICT (app_id, credential_id, origin) DO UPDATE
           SET state = excluded.state, reason = excluded.reason, until = greatest(l.until, excluded.until),
               changed_at = CASE WHEN l.state = excluded.state AND l.reason = excluded.reason THEN l.changed_at
                                 ELSE now() END
        RETURNING changed_at = now() AS is_news
        """,
        app_id, credential_id, origin, state, reason, for_s,
    )  # fmt: skip
    return bool(row and row["is_news"])


async def clear(db: Queryable, *, app_id: int, credential_id: int, origin: str) -> bool:
    """Says that a lane runs again; whether it stood."""
    tag = await db.execute(
        "DELETE FROM lanes WHERE app_id = $1 AND credential_id = $2 AND origin = $3", app_id, credential_id, origin
    )
    return tag == "DELETE 1"


async def standing(db: Queryable) -> tuple[datetime, list[LaneRow]]:
    """The database's time, and every lane that was stopped and has not yet been seen to run."""
    rows = await db.fetch("SELECT app_id, credential_id, origin, state, reason, until, now() AS at FROM lanes")
    at = rows[0]["at"] if rows else await db.fetchval("SELECT now()")
    return at, [
        LaneRow(row["app_id"], row["credential_id"], row["origin"], row["state"], row["reason"], row["until"])
        for row in rows
    ]
