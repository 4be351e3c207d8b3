"""What people did: one row for each event, in the partition of the day on which it happened."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from gateway.model.app import App
from gateway.store.database import Queryable, affected
from gateway.store.persons import person_bucket_of


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a person. `id` is the shop's, or made of what the event says."""

    person: str
    id: str
    day: date
    name: str
    at: datetime
    data: dict[str, Any] | None


async def known(
    db: Queryable, app: App, pairs: Sequence[tuple[str, str]], *, since: date, until: date
) -> set[tuple[str, str]]:
    """Which of these (person, id) there are on the days from `since` to `until`."""
    rows = await db.fetch(
        """
        SELECT e.person, e.id FROM unnest($2::smallint[], $3::text[], $4::text[]) AS n (bucket, person, id)
        JOIN person_events AS e ON e.bucket = n.bucket AND e.person = n.person AND e.id = n.id
        WHERE e.app_id = $1 AND e.bucket = ANY($5::smallint[]) AND e.day BETWEEN $6 AND $7
        """,
        app.id,
        [person_bucket_of(app, person) for person, _ in pairs],
        [person for person, _ in pairs],
        [event_id for _, event_id in pairs],
        sorted({person_bucket_of(app, person) for person, _ in pairs}),
        since,
        until,
    )
    return {(row["person"], row["id"]) for row in rows}


async def insert(db: Queryable, app: App, events: Sequence[StoredEvent]) -> set[tuple[str, str, date]]:
    """Stores those that are not there already; (person, id, day) of each that was stored."""
    rows = await db.fetch(
        """
        INSERT INTO person_events (app_id, bucket, day, person, id, name, at, data)
        SELECT $1, bucket, day, person, id, name, at, data::jsonb
        FROM unnest($2::smallint[], $3::date[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[])
             AS n (bucket, day, person, id, name, at, data)
        ON CONFLICT DO NOTHING RETURNING person, id, day
        """,
        app.id,
        [person_bucket_of(app, one.person) for one in events],
        [one.day for one in events],
        [one.person for one in events],
        [one.id for one in events],
        [one.name for one in events],
        [one.at for one in events],
        [None if one.data is None else msgspec.json.encode(one.data).decode() for one in events],
    )
    return {(row["person"], row["id"], row["day"]) for row in rows}


async def of_person(
    db: Queryable, app: App, names: Sequence[str], *, before: tuple[datetime, str] | None, limit: int
) -> list[StoredEvent]:
    """Events of the person with these names, the latest first, behind (at, id)."""
    rows = await db.fetch(
        """
        SELECT person, id, day, name, at, data FROM person_events
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND person = ANY($3::text[])
          AND ($4::timestamptz IS NULL OR (at, id) < ($4, $5))
        ORDER BY at DESC, id DESC LIMIT $6
        """,
        app.id,
        list({person_bucket_of(app, one) for one in names}),
        list(names),
        None if before is None else before[0],
        None if before is None else before[1],
        limit,
    )
    return [
        StoredEvent(
            person=row["person"], id=row["id"], day=row["day"], name=row["name"], at=row["at"], data=row["data"]
        )
        for row in rows
    ]


async def delete_of(db: Queryable, app: App, names: Sequence[str], limit: int) -> int:
    """Deletes so many events of the person with these names; how many went."""
    tag = await db.execute(
        """
        DELETE FROM person_events WHERE app_id = $1 AND (bucket, person, id, day) IN
            (SELECT bucket, person, id, day FROM person_events
              WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND person = ANY($3::text[]) LIMIT $4)
        """,
        app.id,
        list({person_bucket_of(app, one) for one in names}),
        list(names),
        limit,
    )
    return affected(tag)
