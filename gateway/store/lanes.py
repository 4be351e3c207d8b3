"""Lanes that stand still or are slowed, shared by all processes: a credential at one push service ('' is all services).

A row with state 0 is a lane that runs at a rate which its service forced on it. A lane without a row runs freely.
"""

from datetime import datetime
from typing import Final, Literal

import msgspec

from gateway.model.limits import LANES_STANDING_MAX
from gateway.store.database import Queryable, Record, affected

State = Literal["running", "parked", "stopped"]
STATES: Final[tuple[State, ...]] = ("running", "parked", "stopped")
"""By their number in the table."""
RUNNING: Final = 0


class Slowed(msgspec.Struct, frozen=True):
    """A rate after a fall, pushes a second of the whole gateway; it grows from `in_s` seconds after now on."""

    rate: float
    before: float
    peak: float
    in_s: float


class LaneRow(msgspec.Struct, frozen=True, kw_only=True):
    """A lane that is not to be used before `until`, or not faster than `slowed` says (from the time of reading on)."""

    app_id: int
    credential_id: int
    origin: str
    state: int
    reason: str
    until: datetime
    changed_at: datetime
    slowed: Slowed | None
    limited_at: datetime | None


class ShownLane(msgspec.Struct, frozen=True, kw_only=True):
    """A lane with the names that people know it by; `key` and `provider` are None for a key that is not there now."""

    app: int
    key: int | None
    provider: str | None
    lane: LaneRow


class Told(msgspec.Struct, frozen=True):
    """is_news: it ran, or stood for another reason. is_alarm: nobody knew yet that the service limits this key."""

    is_news: bool
    is_alarm: bool


async def tell(
    db: Queryable,
    *,
    app_id: int,
    credential_id: int,
    origin: str,
    state: int,
    reason: str,
    for_s: float,
    slowed: Slowed | None = None,
    is_limited: bool = False,
) -> Told:
    """Says that a lane stands still for so long, or (state 0) that it runs slowed. Of two rates the later one holds."""
    row = await db.fetchrow(
        """
        INSERT INTO lanes AS l
               (app_id, credential_id, origin, state, reason, until,
                rate, rate_before, rate_peak, rate_since, limited_at)
        VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 second', $7, $8, $9, now() + $10 * interval '1 second',
                CASE WHEN $11::bool THEN now() END)
        ON CONFLICT (app_id, credential_id, origin) DO UPDATE
           SET state = excluded.state, reason = excluded.reason,
               until = CASE WHEN excluded.state = 0 THEN excluded.until ELSE greatest(l.until, excluded.until) END,
               changed_at = CASE WHEN l.state = excluded.state AND l.reason = excluded.reason THEN l.changed_at
                                 ELSE now() END,
               rate = CASE WHEN l.rate_since > excluded.rate_since THEN l.rate
                           ELSE coalesce(excluded.rate, l.rate) END,
               rate_before = CASE WHEN l.rate_since > excluded.rate_since THEN l.rate_before
                                  ELSE coalesce(excluded.rate_before, l.rate_before) END,
               rate_peak = greatest(l.rate_peak, excluded.rate_peak),
               rate_since = greatest(l.rate_since, excluded.rate_since),
               limited_at = coalesce(l.limited_at, excluded.limited_at)
        RETURNING changed_at = now() AS is_news, coalesce(limited_at = now(), false) AS is_alarm
        """,
        app_id, credential_id, origin, state, reason, for_s,
        None if slowed is None else slowed.rate,
        None if slowed is None else slowed.before,
        None if slowed is None else slowed.peak,
        None if slowed is None else slowed.in_s,
        is_limited,
    )  # fmt: skip
    return Told(bool(row and row["is_news"]), bool(row and row["is_alarm"]))


async def clear(db: Queryable, *, app_id: int, credential_id: int, origin: str) -> bool:
    """Says that a lane runs again; whether it stood. A rate that another process knows of stays."""
    return await db.fetchval(
        """
        WITH freed AS (
            DELETE FROM lanes WHERE app_id = $1 AND credential_id = $2 AND origin = $3 AND rate IS NULL
            RETURNING state
        ), slowed AS (
            UPDATE lanes SET state = 0, reason = 'throttled', until = now(), changed_at = now()
             WHERE app_id = $1 AND credential_id = $2 AND origin = $3 AND rate IS NOT NULL AND state <> 0
            RETURNING 1
        )
        SELECT EXISTS (SELECT FROM freed WHERE state <> 0) OR EXISTS (SELECT FROM slowed)
        """,
        app_id, credential_id, origin,
    )  # fmt: skip


async def lift(db: Queryable, *, app_id: int, credential_id: int, origin: str) -> None:
    """Forgets a lane whose rate has grown back, unless it was slowed anew in this very moment."""
    await db.execute(
        """
        DELETE FROM lanes
         WHERE app_id = $1 AND credential_id = $2 AND origin = $3 AND state = 0
           AND rate_since < now() - interval '10 seconds'
        """,
        app_id, credential_id, origin,
    )  # fmt: skip


async def standing(db: Queryable) -> tuple[datetime, list[LaneRow]]:
    """The database's time, and every lane that was stopped and has not yet been seen to run, or is slowed."""
    rows = await db.fetch(
        """
        SELECT app_id, credential_id, origin, state, reason, until, changed_at, rate, rate_before, rate_peak,
               extract(epoch FROM rate_since - now())::float8 AS rate_in_s, limited_at, now() AS at
          FROM lanes ORDER BY state DESC, changed_at DESC LIMIT $1
        """,
        LANES_STANDING_MAX,
    )
    at = rows[0]["at"] if rows else await db.fetchval("SELECT now()")
    return at, [_row(row) for row in rows]


async def list_page(db: Queryable, *, app_id: int | None, skip: int, limit: int) -> tuple[datetime, list[ShownLane]]:
    """The database's time, and lanes of one app or of all that do not run freely; those that stand longest first."""
    rows = await db.fetch(
        """
        SELECT l.app_id, l.credential_id, l.origin, l.state, l.reason, l.until, l.changed_at, l.rate, l.rate_before,
               l.rate_peak, extract(epoch FROM l.rate_since - now())::float8 AS rate_in_s, l.limited_at,
               a.public_id AS app, c.public_id AS key, c.provider, now() AS at
          FROM lanes l
          JOIN apps a ON a.id = l.app_id AND a.deleted_at IS NULL
          LEFT JOIN credentials c ON c.app_id = l.app_id AND c.id = l.credential_id
         WHERE $1::int IS NULL OR l.app_id = $1
         ORDER BY l.state DESC, l.changed_at, l.app_id, l.credential_id, l.origin
         OFFSET $2 LIMIT $3
        """,
        app_id, skip, limit,
    )  # fmt: skip
    at = rows[0]["at"] if rows else await db.fetchval("SELECT now()")
    return at, [ShownLane(app=row["app"], key=row["key"], provider=row["provider"], lane=_row(row)) for row in rows]


async def resume(db: Queryable, *, app_id: int, key: int, origins: list[str]) -> int:
    """Forgets why lanes of this key (its public number) stand or are slowed; how many did."""
    tag = await db.execute(
        """
        DELETE FROM lanes l USING credentials c
         WHERE l.app_id = $1 AND c.app_id = $1 AND c.public_id = $2 AND l.credential_id = c.id AND l.origin = ANY($3)
        """,
        app_id, key, origins,
    )  # fmt: skip
    return affected(tag)


def _row(row: Record) -> LaneRow:
    slowed = None
    if row["rate"] is not None:
        slowed = Slowed(row["rate"], row["rate_before"], row["rate_peak"], row["rate_in_s"])
    return LaneRow(
        app_id=row["app_id"],
        credential_id=row["credential_id"],
        origin=row["origin"],
        state=row["state"],
        reason=row["reason"],
        until=row["until"],
        changed_at=row["changed_at"],
        slowed=slowed,
        limited_at=row["limited_at"],
    )


async def prune(db: Queryable) -> int:
    """Strikes off lanes that nobody has looked at for a day since their time was up: hosts that strangers invented.

    Whoever sends there again finds out anew. How many.
    """
    tag = await db.execute("DELETE FROM lanes WHERE state = 1 AND rate IS NULL AND until < now() - interval '1 day'")
    return affected(tag)
