"""Access tokens that all processes share. All times are the database's; callers give and get durations.

A token is found by the hash of its name. One process at a time holds the lease on a name: it makes the next token.
"""

from typing import Final

import msgspec

from gateway.store.database import Queryable, affected

_FAILURES_MAX: Final = 100
_KEPT_S: Final = 3600
"""A row goes so long after its token, its lease and its pause have ended."""


class StoredToken(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a name. `sealed` is None while no token was ever made; then its times are 0."""

    sealed: bytes | None
    made_no: int
    made_at_s: float
    """Unix time, as the next."""
    expires_at_s: float
    age_s: float
    left_s: float
    leased_s: float
    """For so long somebody may still be making the next one; not positive: nobody is."""
    paused_s: float
    """For so long nobody should try, as the last attempt failed."""


async def read(db: Queryable, name_hash: bytes) -> StoredToken | None:
    """What is known of this name (by primary key)."""
    row = await db.fetchrow(
        """
        SELECT sealed, made_no,
               coalesce(extract(epoch FROM made_at), 0)::float8 AS made_at_s,
               coalesce(extract(epoch FROM expires_at), 0)::float8 AS expires_at_s,
               coalesce(extract(epoch FROM now() - made_at), 0)::float8 AS age_s,
               coalesce(extract(epoch FROM expires_at - now()), 0)::float8 AS left_s,
               coalesce(extract(epoch FROM leased_until - now()), 0)::float8 AS leased_s,
               coalesce(extract(epoch FROM paused_until - now()), 0)::float8 AS paused_s
        FROM provider_tokens WHERE name_hash = $1
        """,
        name_hash,
    )
    return None if row is None else StoredToken(**dict(row))


async def lease(db: Queryable, name_hash: bytes, *, owner: int, made_no: int, lease_s: float) -> int | None:
    """Makes `owner` the one who makes the next token; how many attempts in a row have failed before.

    None: somebody else does, or did since `made_no` was read, or a failed attempt is too recent.
    """
    return await db.fetchval(
        """
        INSERT INTO provider_tokens AS t (name_hash, owner, leased_until)
        VALUES ($1, $2, now() + $4 * interval '1 second')
        ON CONFLICT (name_hash) DO UPDATE SET owner = excluded.owner, leased_until = excluded.leased_until
         WHERE t.made_no = $3
           AND (t.leased_until IS NULL OR t.leased_until <= now())
           AND (t.paused_until IS NULL OR t.paused_until <= now())
        RETURNING failures
        """,
        name_hash, owner, made_no, lease_s,
    )  # fmt: skip


async def publish(
    db: Queryable, name_hash: bytes, *, owner: int, made_no: int, sealed: bytes, age_s: float, left_s: float
) -> tuple[float, float] | None:
    """Puts a new token in the old one's place and gives the lease back; when it was made and when it ends (Unix time).

    None: the lease had run out and somebody else has taken it; nothing was changed.
    """
    row = await db.fetchrow(
        """
        UPDATE provider_tokens
           SET sealed = $4, made_at = now() - $5 * interval '1 second', expires_at = now() + $6 * interval '1 second',
               made_no = made_no + 1, owner = NULL, leased_until = NULL, failures = 0, paused_until = NULL
         WHERE name_hash = $1 AND owner = $2 AND made_no = $3
        RETURNING extract(epoch FROM made_at)::float8 AS made_at_s,
                  extract(epoch FROM expires_at)::float8 AS expires_at_s
        """,
        name_hash, owner, made_no, sealed, age_s, left_s,
    )  # fmt: skip
    return None if row is None else (row["made_at_s"], row["expires_at_s"])


async def fail(db: Queryable, name_hash: bytes, *, owner: int, made_no: int, pause_s: float) -> bool:
    """Gives the lease back without a token, and asks everybody to wait so long; False when it was not ours any more."""
    tag = await db.execute(
        """
        UPDATE provider_tokens
           SET owner = NULL, leased_until = NULL, failures = least(failures + 1, $5),
               paused_until = now() + $4 * interval '1 second'
         WHERE name_hash = $1 AND owner = $2 AND made_no = $3
        """,
        name_hash, owner, made_no, pause_s, _FAILURES_MAX,
    )  # fmt: skip
    return tag == "UPDATE 1"


async def prune(db: Queryable) -> int:
    """Forgets names whose token ended long ago; how many. Reads the whole table: a row or two for each credential."""
    tag = await db.execute(
        """
        DELETE FROM provider_tokens
         WHERE greatest(expires_at, leased_until, paused_until) < now() - $1 * interval '1 second'
        """,
        _KEPT_S,
    )
    return affected(tag)
