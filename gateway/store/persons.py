"""Which devices are a person's. The map by person is what sending reads; each device also carries its person's name.

Both are written together. A person has at most `SUBSCRIPTIONS_PER_PERSON_MAX` devices: one more takes the place of the
one that was attached longest ago, which from then on is nobody's.
"""

from collections.abc import Mapping, Sequence

from gateway.model.app import App
from gateway.model.ids import bucket_of_text
from gateway.model.limits import SUBSCRIPTIONS_PER_PERSON_MAX
from gateway.store.database import Queryable
from gateway.store.subscriptions import bucket_of


def person_bucket_of(app: App, person: str) -> int:
    """The bucket of a person's row."""
    return bucket_of_text(person.encode(), home=app.home, spread=app.spread)


async def attach(db: Queryable, app: App, person: str, subscription_id: int) -> None:
    """Makes the device this person's, and nobody else's."""
    async with db.transaction() as tx:
        await _move(tx, app, subscription_id, person)
    await shed(db, app, person)


async def detach(db: Queryable, app: App, subscription_id: int) -> None:
    """Makes the device nobody's."""
    async with db.transaction() as tx:
        await _move(tx, app, subscription_id, None)


async def _move(db: Queryable, app: App, subscription_id: int, person: str | None) -> None:
    """Locks the device first, then the people in the order of their names: no two moves wait for one another."""
    is_there, before = await _lock(db, app, subscription_id)
    if not is_there:
        return
    await _name(db, app, subscription_id, person)
    for one in sorted({one for one in (before, person) if one is not None}):
        if one == person:
            lists = await _add(db, app, one, subscription_id)
            if lists:
                await give_lists(db, app, {subscription_id: lists})
        else:
            await _remove(db, app, one, subscription_id)


async def _lock(db: Queryable, app: App, subscription_id: int) -> tuple[bool, str | None]:
    row = await db.fetchrow(
        "SELECT person FROM subscriptions WHERE app_id = $1 AND bucket = $2 AND id = $3 FOR UPDATE",
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
    )
    return (False, None) if row is None else (True, row["person"])


async def _name(db: Queryable, app: App, subscription_id: int, person: str | None) -> None:
    await db.execute(
        "UPDATE subscriptions SET person = $4, person_lists = NULL WHERE app_id = $1 AND bucket = $2 AND id = $3",
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
        person,
    )


async def _add(db: Queryable, app: App, person: str, subscription_id: int) -> list[int] | None:
    """The numbers of the lists that the person is on."""
    return await db.fetchval(
        """
        INSERT INTO persons (app_id, bucket, person, subs) VALUES ($1, $2, $3, ARRAY[$4::bigint])
        ON CONFLICT (app_id, bucket, person) DO UPDATE SET subs = array_remove(persons.subs, $4) || excluded.subs
        RETURNING lists
        """,
        app.id,
        person_bucket_of(app, person),
        person,
        subscription_id,
    )


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


async def _remove(db: Queryable, app: App, person: str, subscription_id: int) -> None:
    await db.execute(
        """
        UPDATE persons SET subs = array_remove(subs, $4) WHERE app_id = $1 AND bucket = $2 AND person = $3
        """,
        app.id,
        person_bucket_of(app, person),
        person,
        subscription_id,
    )


async def shed(db: Queryable, app: App, person: str) -> None:
    """Lets go of the devices that a person has too many of; after a move, so that locks are taken in one order."""
    held = (await subscriptions_of(db, app, [person])).get(person, [])
    surplus = held[: max(0, len(held) - SUBSCRIPTIONS_PER_PERSON_MAX)]
    if not surplus:
        return
    async with db.transaction() as tx:
        await _unname(tx, app, person, surplus)
        await _remove_many(tx, app, person, surplus)


async def _unname(db: Queryable, app: App, person: str, ids: Sequence[int]) -> None:
    await db.execute(
        """
        UPDATE subscriptions SET person = NULL, person_lists = NULL
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
                         WHERE one <> ALL($4::bigint[]) ORDER BY place)
        WHERE app_id = $1 AND bucket = $2 AND person = $3
        """,
        app.id,
        person_bucket_of(app, person),
        person,
        list(ids),
    )


async def subscriptions_of(db: Queryable, app: App, persons: Sequence[str]) -> dict[str, list[int]]:
    """The devices of each of these people, ended ones too. Who has none may be missing from the answer."""
    rows = await db.fetch(
        """
        SELECT person, subs FROM persons
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND person = ANY($3::text[])
        """,
        app.id,
        list({person_bucket_of(app, person) for person in persons}),
        list(persons),
    )
    return {row["person"]: row["subs"] for row in rows}
