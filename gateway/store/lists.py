"""Lists of people and devices that a shop brings. Outside they go by their slug, on rows by a small number.

Who is on a list is written on the rows of those who are: a person's (`persons.lists`) and, copied, on each device of
the person (`subscriptions.person_lists`); a device that was named itself has it in `subscriptions.lists`. A number is
never used twice: what a list gives up is kept in `list_remains` until no row holds it any more.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from gateway.store.database import Queryable

_NUMBER_BITS: Final = 31


class StoredList(msgspec.Struct, frozen=True, kw_only=True):
    """A list of an app; `name` is what people read, the slug where nobody gave one."""

    slug: str
    name: str
    number: int
    created_at: datetime
    imported_at: datetime | None


def new_number() -> int:
    """A number that no list had before, as good as certainly."""
    return secrets.randbits(_NUMBER_BITS)


async def insert(db: Queryable, app_id: int, slug: str, name: str, *, total_max: int) -> bool:
    """Makes an empty list; False when there is one of that slug, or no room for another."""
    tag = await db.execute(
        """
        INSERT INTO lists (app_id, slug, name, number)
        SELECT $1::int, $2::text, $3::text, $4::int WHERE (SELECT count(*) FROM lists WHERE app_id = $1) < $5::int
        ON CONFLICT DO NOTHING
        """,
        app_id,
        slug,
        name,
        new_number(),
        total_max,
    )
    return tag == "INSERT 0 1"


async def get(db: Queryable, app_id: int, slug: str) -> StoredList | None:
    """One list."""
    row = await db.fetchrow(
        "SELECT slug, name, number, created_at, imported_at FROM lists WHERE app_id = $1 AND slug = $2", app_id, slug
    )
    return None if row is None else StoredList(**dict(row))


async def list_of_app(db: Queryable, app_id: int) -> list[StoredList]:
    """Every list of the app by its slug; at most `LISTS_PER_APP_MAX`."""
    rows = await db.fetch(
        "SELECT slug, name, number, created_at, imported_at FROM lists WHERE app_id = $1 ORDER BY slug", app_id
    )
    return [StoredList(**dict(row)) for row in rows]


async def by_slug(db: Queryable, app_id: int, slugs: Sequence[str]) -> dict[str, int]:
    """The numbers of those lists that exist."""
    rows = await db.fetch(
        "SELECT slug, number FROM lists WHERE app_id = $1 AND slug = ANY($2::text[])", app_id, list(slugs)
    )
    return {row["slug"]: row["number"] for row in rows}


async def note_import(db: Queryable, app_id: int, slug: str) -> None:
    """Notes that lines were read into the list just now."""
    await db.execute("UPDATE lists SET imported_at = now() WHERE app_id = $1 AND slug = $2", app_id, slug)


async def delete(db: Queryable, app_id: int, slug: str, *, kept_s: int) -> bool:
    """Takes the list out, and its number from the rows later; False when there is no such list."""
    async with db.transaction() as tx:
        number = await tx.fetchval("DELETE FROM lists WHERE app_id = $1 AND slug = $2 RETURNING number", app_id, slug)
        if number is not None:
            await leave(tx, app_id, number, after_s=kept_s)
    return number is not None


async def leave(db: Queryable, app_id: int, number: int, *, after_s: int) -> None:
    """Has a number cleared from the rows, not before so many seconds."""
    await db.execute(
        """
        INSERT INTO list_remains (app_id, number, clear_after) VALUES ($1, $2, now() + $3 * interval '1 second')
        ON CONFLICT DO NOTHING
        """,
        app_id,
        number,
        after_s,
    )


async def replace(db: Queryable, app_id: int, slug: str, number: int, *, kept_s: int) -> bool:
    """Lets the list be whoever has this number from now on; False when either is not there any more."""
    async with db.transaction() as tx:
        before = await _number_for_update(tx, app_id, slug)
        if before is None or not await _take_back(tx, app_id, number):
            return False
        await tx.execute(
            "UPDATE lists SET number = $3, imported_at = now() WHERE app_id = $1 AND slug = $2", app_id, slug, number
        )
        await leave(tx, app_id, before, after_s=kept_s)
    return True


async def _number_for_update(db: Queryable, app_id: int, slug: str) -> int | None:
    return await db.fetchval("SELECT number FROM lists WHERE app_id = $1 AND slug = $2 FOR UPDATE", app_id, slug)


async def _take_back(db: Queryable, app_id: int, number: int) -> bool:
    """A number that was filled under the eyes of the clearing is the list's now; False where clearing has begun."""
    tag = await db.execute(
        "DELETE FROM list_remains WHERE app_id = $1 AND number = $2 AND clear_after > now()", app_id, number
    )
    return tag == "DELETE 1"
