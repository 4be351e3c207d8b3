"""What is known of people: read, locked, written, by the name of each. Devices get copies of it (`store.copies`)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.model.app import App
from gateway.model.person import Person, Profile
from gateway.store.database import Queryable, Record
from gateway.store.persons import Renamed, give_lists, names_of, person_bucket_of


def _person(row: Record) -> Person:
    return Person(
        name=row["person"],
        aliases=tuple(row["aliases"]),
        subscriptions=tuple(row["subs"]),
        profile=msgspec.convert(row["attrs"] or {}, Profile),
        events=row["facts"] or {},
        set_at=row["set_at"] or {},
        contact=row["contact"],
        version=row["version"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
    )


async def get(db: Queryable, app: App, name: str) -> Person | None:
    """The person of this name, or of whom it is another name."""
    own = (await names_of(db, app, [name])).get(name, name)
    row = await db.fetchrow(
        """
        SELECT person, aliases, subs, attrs, facts, set_at, contact, version, created_at, changed_at FROM persons
        WHERE app_id = $1 AND bucket = $2 AND person = $3 AND alias_of IS NULL
        """,
        app.id,
        person_bucket_of(app, own),
        own,
    )
    return None if row is None else _person(row)


async def page(db: Queryable, app: App, after: str | None, limit: int) -> list[Person]:
    """People behind the name `after`, in the order of the primary key: a stable order, not one of time."""
    rows = await db.fetch(
        """
        SELECT person, aliases, subs, attrs, facts, set_at, contact, version, created_at, changed_at FROM persons
        WHERE app_id = $1 AND (bucket, person) > ($2, $3) AND alias_of IS NULL ORDER BY bucket, person LIMIT $4
        """,
        app.id,
        -1 if after is None else person_bucket_of(app, after),
        after or "",
        limit,
    )
    return [_person(row) for row in rows]


async def make(db: Queryable, app: App, names: Iterable[str]) -> set[str]:
    """Makes rows for those of these people that have none; their names. In the order of the keys."""
    keyed = sorted((person_bucket_of(app, one), one) for one in names)
    rows = await db.fetch(
        """
        INSERT INTO persons (app_id, bucket, person)
        SELECT $1, bucket, person FROM unnest($2::smallint[], $3::text[]) AS n (bucket, person)
        ON CONFLICT DO NOTHING RETURNING person
        """,
        app.id,
        [bucket for bucket, _ in keyed],
        [name for _, name in keyed],
    )
    return {row["person"] for row in rows}


async def lock(db: Queryable, app: App, names: Iterable[str]) -> dict[str, Person]:
    """These people by their own names, locked in the order of their keys. Raises `Renamed` if one is another name."""
    asked = list(names)
    rows = await db.fetch(
        """
        SELECT person, alias_of, aliases, subs, attrs, facts, set_at, contact, version, created_at, changed_at
        FROM persons WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND person = ANY($3::text[])
        ORDER BY bucket, person FOR UPDATE
        """,
        app.id,
        list({person_bucket_of(app, one) for one in asked}),
        asked,
    )
    if any(row["alias_of"] is not None for row in rows):
        raise Renamed
    return {row["person"]: _person(row) for row in rows}


async def save_profiles(db: Queryable, app: App, people: Sequence[Person]) -> None:
    """Writes profile, times and contact of people that are locked."""
    rows = sorted(
        (person_bucket_of(app, one.name), one.name, _json(one.profile), _json(one.set_at), one.contact)
        for one in people
    )
    buckets, names, profiles, times, contacts = (list(column) for column in zip(*rows, strict=True))
    await db.execute(
        """
        UPDATE persons AS p
        SET attrs = n.attrs::jsonb, set_at = n.set_at::jsonb, contact = n.contact, version = p.version + 1,
            copied = CASE WHEN p.subs = '{}' THEN p.version + 1 ELSE p.copied END, changed_at = now()
        FROM unnest($2::smallint[], $3::text[], $4::text[], $5::text[], $6::bytea[])
             AS n (bucket, person, attrs, set_at, contact)
        WHERE p.app_id = $1 AND p.bucket = ANY($7::smallint[]) AND p.bucket = n.bucket AND p.person = n.person
        """,
        app.id,
        buckets,
        names,
        profiles,
        times,
        contacts,
        sorted(set(buckets)),
    )


async def save_events(db: Queryable, app: App, facts: Mapping[str, dict[str, Any]]) -> None:
    """Writes the event facts of people that are locked, by their names."""
    rows = sorted((person_bucket_of(app, name), name, _json(one)) for name, one in facts.items())
    buckets, names, texts = (list(column) for column in zip(*rows, strict=True))
    await db.execute(
        """
        UPDATE persons AS p
        SET facts = n.facts::jsonb, version = p.version + 1, changed_at = now(),
            copied = CASE WHEN p.subs = '{}' THEN p.version + 1 ELSE p.copied END
        FROM unnest($2::smallint[], $3::text[], $4::text[]) AS n (bucket, person, facts)
        WHERE p.app_id = $1 AND p.bucket = ANY($5::smallint[]) AND p.bucket = n.bucket AND p.person = n.person
        """,
        app.id,
        buckets,
        names,
        texts,
        sorted(set(buckets)),
    )


async def name_alias(db: Queryable, app: App, alias: str, person: str) -> None:
    """Makes the locked row of `alias` lead to `person`; what it held has been taken over."""
    await db.execute(
        """
        UPDATE persons
        SET alias_of = $4, subs = '{}', aliases = '{}', attrs = NULL, facts = NULL, set_at = NULL, contact = NULL,
            lists = NULL, version = version + 1, copied = version + 1, changed_at = now()
        WHERE app_id = $1 AND bucket = $2 AND person = $3
        """,
        app.id,
        person_bucket_of(app, alias),
        alias,
        person,
    )


async def save_aliases(db: Queryable, app: App, person: str, aliases: Sequence[str]) -> None:
    """Writes which other names a locked person has."""
    await db.execute(
        "UPDATE persons SET aliases = $4 WHERE app_id = $1 AND bucket = $2 AND person = $3",
        app.id,
        person_bucket_of(app, person),
        person,
        list(aliases),
    )


async def take_lists(db: Queryable, app: App, *, of: str, to: str, devices: Sequence[int]) -> None:
    """Puts the locked person `to`, and their devices, on every list that `of` is on."""
    lists: list[int] | None = await db.fetchval(
        """
        UPDATE persons AS p
        SET lists = coalesce(p.lists, '{}') || ARRAY(SELECT one FROM unnest(o.lists) AS one
                                                     WHERE one <> ALL(coalesce(p.lists, '{}')))
        FROM persons AS o
        WHERE p.app_id = $1 AND p.bucket = $2 AND p.person = $3
          AND o.app_id = $1 AND o.bucket = $4 AND o.person = $5 AND o.lists IS NOT NULL
        RETURNING p.lists
        """,
        app.id,
        person_bucket_of(app, to),
        to,
        person_bucket_of(app, of),
        of,
    )
    if lists and devices:
        await give_lists(db, app, dict.fromkeys(devices, lists))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def lists_of(db: Queryable, app: App, name: str) -> list[int]:
    """The numbers of the lists that a person is on, by their own name."""
    held = await db.fetchval(
        "SELECT lists FROM persons WHERE app_id = $1 AND bucket = $2 AND person = $3",
        app.id,
        person_bucket_of(app, name),
        name,
    )
    return list(held or ())
