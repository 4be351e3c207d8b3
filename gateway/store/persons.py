"""Which devices are a person's. The map by person is what sending reads.

Each device also carries its person's name, a copy of what is known of the person (`model.person`) and of their lists.
All are written together. A person has at most `SUBSCRIPTIONS_PER_PERSON_MAX` devices: one more takes the place of the
one that was attached longest ago, which from then on is nobody's. A person may have other names: a row whose `alias_of`
is set leads to another row and holds nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.model.app import App
from gateway.model.errors import StoreUnavailable
from gateway.model.ids import bucket_of_text
from gateway.model.limits import PEOPLE_WRITE_ATTEMPTS_MAX, SUBSCRIPTIONS_PER_PERSON_MAX
from gateway.model.person import Profile, copy_of
from gateway.store.database import Queryable
from gateway.store.subscriptions import bucket_of


class Renamed(Exception):
    """The name became another name of somebody in this moment."""


class _Given(msgspec.Struct, frozen=True):
    """What a device gets of its person: a copy of what is known, None where that is nothing, and the lists."""

    copy: dict[str, Any] | None
    lists: list[int] | None


_NOTHING: Final = _Given(None, None)


def person_bucket_of(app: App, person: str) -> int:
    """The bucket of a person's row."""
    return bucket_of_text(person.encode(), home=app.home, spread=app.spread)


async def attach(db: Queryable, app: App, person: str, subscription_id: int) -> set[str]:
    """Makes the device this person's, and nobody else's, with a copy of what is known of them.

    Who is returned has other devices whose copies are behind now (`store.copies`).
    """
    for _ in range(PEOPLE_WRITE_ATTEMPTS_MAX):
        name = (await names_of(db, app, [person])).get(person, person)
        try:
            async with db.transaction() as tx:
                touched = await _move(tx, app, subscription_id, name)
        except Renamed:
            continue
        return touched | await shed(db, app, name)
    raise StoreUnavailable("The user is being renamed all the time; try again.")


async def detach(db: Queryable, app: App, subscription_id: int) -> set[str]:
    """Makes the device nobody's: it forgets what it knew of the person. Returns as `attach` does."""
    async with db.transaction() as tx:
        return await _move(tx, app, subscription_id, None)


async def names_of(db: Queryable, app: App, names: Iterable[str]) -> dict[str, str]:
    """The own name of each person that one of these names is another name of."""
    asked = list(names)
    rows = await db.fetch(
        """
        SELECT person, alias_of FROM persons
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND person = ANY($3::text[]) AND alias_of IS NOT NULL
        """,
        app.id,
        list({person_bucket_of(app, one) for one in asked}),
        asked,
    )
    return {row["person"]: row["alias_of"] for row in rows}


async def _move(db: Queryable, app: App, subscription_id: int, person: str | None) -> set[str]:
    """Locks the device first, then the people in the order of their names: no two moves wait for one another."""
    is_there, before = await _lock(db, app, subscription_id)
    if not is_there:
        return set()
    given: _Given = _NOTHING
    touched = {one for one in (before, person) if one is not None}
    for one in sorted(touched):
        if one == person:
            given = await _add(db, app, one, subscription_id)
        elif await _remove(db, app, one, subscription_id) == 0:
            touched.discard(one)
    await _name(db, app, subscription_id, person, given)
    return touched


async def _lock(db: Queryable, app: App, subscription_id: int) -> tuple[bool, str | None]:
    row = await db.fetchrow(
        "SELECT person FROM subscriptions WHERE app_id = $1 AND bucket = $2 AND id = $3 FOR UPDATE",
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
    )
    return (False, None) if row is None else (True, row["person"])


async def _name(db: Queryable, app: App, subscription_id: int, person: str | None, given: _Given) -> None:
    await db.execute(
        """
        UPDATE subscriptions SET person = $4, facts = $5, person_lists = $6::int[]
        WHERE app_id = $1 AND bucket = $2 AND id = $3
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
        person,
        given.copy,
        given.lists,
    )


async def _add(db: Queryable, app: App, person: str, subscription_id: int) -> _Given:
    """What the device is to carry. Raises `Renamed`."""
    row = await db.fetchrow(
        """
        INSERT INTO persons (app_id, bucket, person, subs) VALUES ($1, $2, $3, ARRAY[$4::bigint])
        ON CONFLICT (app_id, bucket, person) DO UPDATE
            SET subs = array_remove(persons.subs, $4) || excluded.subs, version = persons.version + 1,
                changed_at = now()
            WHERE persons.alias_of IS NULL
        RETURNING attrs, facts, version, cardinality(subs) AS devices, lists
        """,
        app.id,
        person_bucket_of(app, person),
        person,
        subscription_id,
    )
    if row is None:
        raise Renamed
    if row["version"] == 0:
        return _Given(None, row["lists"])
    profile = msgspec.convert(row["attrs"] or {}, Profile)
    copy = copy_of(profile, row["facts"] or {}, devices=row["devices"], version=row["version"])
    return _Given(copy, row["lists"])


async def give_lists(db: Queryable, app: App, lists_of: Mapping[int, Sequence[int]]) -> None:
    """Copies onto devices on which lists their person is; as of the person's row, which the caller holds."""
    await db.execute(
        """
        UPDATE subscriptions AS s SET person_lists = n.lists::int[]
        FROM unnest($2::smallint[], $3::bigint[], $4::text[]) AS n (bucket, id, lists)
        WHERE s.app_id = $1 AND s.bucket = ANY($2::smallint[]) AND s.bucket = n.bucket AND s.id = n.id
        """,
        app.id,
        [bucket_of(app, one) for one in lists_of],
        list(lists_of),
        [f"{{{','.join(map(str, lists))}}}" for lists in lists_of.values()],
    )


async def _remove(db: Queryable, app: App, person: str, subscription_id: int) -> int:
    """How many devices are left."""
    left = await db.fetchval(
        """
        UPDATE persons
        SET subs = array_remove(subs, $4), version = version + 1, changed_at = now(),
            copied = CASE WHEN array_remove(subs, $4) = '{}' THEN version + 1 ELSE copied END
        WHERE app_id = $1 AND bucket = $2 AND person = $3
        RETURNING cardinality(subs)
        """,
        app.id,
        person_bucket_of(app, person),
        person,
        subscription_id,
    )
    return left or 0


async def shed(db: Queryable, app: App, person: str) -> set[str]:
    """Lets go of the devices that a person has too many of; after a move, so that locks are taken in one order."""
    held = (await subscriptions_of(db, app, [person])).get(person, [])
    surplus = held[: max(0, len(held) - SUBSCRIPTIONS_PER_PERSON_MAX)]
    if not surplus:
        return set()
    async with db.transaction() as tx:
        await _unname(tx, app, person, surplus)
        await _remove_many(tx, app, person, surplus)
    return {person}


async def _unname(db: Queryable, app: App, person: str, ids: Sequence[int]) -> None:
    await db.execute(
        """
        UPDATE subscriptions SET person = NULL, facts = NULL, person_lists = NULL
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id = ANY($3::bigint[]) AND person = $4
        """,
        app.id,
        list({bucket_of(app, one) for one in ids}),
        list(ids),
        person,
    )


async def _remove_many(db: Queryable, app: App, person: str, ids: Sequence[int]) -> None:
    await db.execute(
        """
        UPDATE persons
        SET subs = ARRAY(SELECT one FROM unnest(subs) WITH ORDINALITY AS held (one, place)
                         WHERE one <> ALL($4::bigint[]) ORDER BY place),
            version = version + 1, changed_at = now()
        WHERE app_id = $1 AND bucket = $2 AND person = $3
        """,
        app.id,
        person_bucket_of(app, person),
        person,
        list(ids),
    )


async def subscriptions_of(db: Queryable, app: App, persons: Sequence[str]) -> dict[str, list[int]]:
    """The devices of each of these people, ended ones too, by the name asked for, which may be another name.

    Who has none may be missing from the answer.
    """
    rows = await _rows_of(db, app, persons)
    others = {name: alias_of for name, (alias_of, _) in rows.items() if alias_of is not None}
    own = await _rows_of(db, app, sorted(set(others.values()))) if others else {}
    found = {name: own.get(alias_of, (None, []))[1] for name, alias_of in others.items()}
    return {name: subs for name, (alias_of, subs) in rows.items() if alias_of is None} | found


async def _rows_of(db: Queryable, app: App, persons: Sequence[str]) -> dict[str, tuple[str | None, list[int]]]:
    rows = await db.fetch(
        """
        SELECT person, alias_of, subs FROM persons
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND person = ANY($3::text[])
        """,
        app.id,
        list({person_bucket_of(app, person) for person in persons}),
        list(persons),
    )
    return {row["person"]: (row["alias_of"], row["subs"]) for row in rows}
