"""Forgetting a person: their rows at once, what history says of them in steps.

The first transaction takes devices, addresses and the person's rows, and leaves a row in `erasures` that names what is
left to do; it goes in the end. Counts stay. In packed outcomes the person's devices are blanked out (`BLANK`); so are
their names in stored audiences and among those who were given codes.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from gateway.model.app import App
from gateway.model.ids import new_id
from gateway.store import consents, coupon_codes, coupon_given, device_events, person_events
from gateway.store.database import Queryable, affected
from gateway.store.persons import Renamed, person_bucket_of
from gateway.store.subscriptions import address_bucket_of, bucket_of

BLANK: Final = -1
"""In place of a device that nobody is to know any more."""
ERASED: Final = "\u200berased"
"""In place of a name. A user's id holds nothing that does not print, so it is nobody's."""


class Erasure(msgspec.Struct, frozen=True):
    """What is left to forget: all names of a person and the ids of their devices."""

    app_id: int
    bucket: int
    id: int
    names: list[str]
    subscriptions: list[int]
    created_at: datetime


async def begin(db: Queryable, app: App, names: Sequence[str], subscriptions: Sequence[int]) -> None:
    """Deletes the devices, their addresses and the person's rows, in the transaction of the caller.

    Locks devices before people, as everybody does. Raises `Renamed` where the person has other devices by now.
    """
    hashes = await _delete_devices(db, app, subscriptions)
    await device_events.delete_of_devices(db, app, subscriptions)
    if hashes:
        await _delete_addresses(db, app, hashes)
        await consents.withdraw(db, app, [hashed for hashed, _ in hashes])
    if set(await _delete_person(db, app, names)) - set(subscriptions):
        raise Renamed
    await _note(db, app, names, subscriptions)


async def _delete_devices(db: Queryable, app: App, ids: Sequence[int]) -> list[tuple[bytes, int]]:
    rows = await db.fetch(
        """
        DELETE FROM subscriptions WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id = ANY($3::bigint[])
        RETURNING address_hash, id
        """,
        app.id,
        list({bucket_of(app, one) for one in ids}),
        list(ids),
    )
    return [(row["address_hash"], row["id"]) for row in rows]


async def _delete_addresses(db: Queryable, app: App, owned: Sequence[tuple[bytes, int]]) -> None:
    await db.execute(
        """
        DELETE FROM addresses AS a USING unnest($2::smallint[], $3::bytea[], $4::bigint[]) AS n (bucket, hash, id)
        WHERE a.app_id = $1 AND a.bucket = ANY($2::smallint[]) AND a.bucket = n.bucket AND a.hash = n.hash
          AND a.subscription_id = n.id
        """,
        app.id,
        [address_bucket_of(app, hashed) for hashed, _ in owned],
        [hashed for hashed, _ in owned],
        [number for _, number in owned],
    )


async def _delete_person(db: Queryable, app: App, names: Sequence[str]) -> list[int]:
    """The devices that they had."""
    rows = await db.fetch(
        """
        DELETE FROM persons WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND person = ANY($3::text[])
        RETURNING subs
        """,
        app.id,
        list({person_bucket_of(app, one) for one in names}),
        list(names),
    )
    return [one for row in rows for one in row["subs"]]


async def _note(db: Queryable, app: App, names: Sequence[str], subscriptions: Sequence[int]) -> None:
    await db.execute(
        "INSERT INTO erasures (app_id, bucket, id, names, subs) VALUES ($1, $2, $3, $4, $5)",
        app.id,
        person_bucket_of(app, names[0]),
        new_id(),
        list(names),
        list(subscriptions),
    )


async def due(db: Queryable, *, older_s: float, limit: int) -> list[Erasure]:
    """The oldest ones of all apps (index erasures_oldest) that began so long ago."""
    rows = await db.fetch(
        """
        SELECT e.app_id, e.bucket, e.id, e.names, e.subs, e.created_at FROM erasures AS e
        JOIN apps AS a ON a.id = e.app_id AND a.deleted_at IS NULL
        WHERE e.created_at < now() - $1 * interval '1 second' ORDER BY e.created_at LIMIT $2
        """,
        older_s,
        limit,
    )
    return [Erasure(*row) for row in rows]


async def finish(db: Queryable, one: Erasure) -> None:
    """Nothing is left to do."""
    await db.execute(
        "DELETE FROM erasures WHERE app_id = $1 AND bucket = $2 AND id = $3", one.app_id, one.bucket, one.id
    )


async def forget_step(
    db: Queryable, app: App, names: Sequence[str], subs: Sequence[int], *, owners: Sequence[str], limit: int
) -> int:
    """One step: so many rows of one kind at most; how many there were, 0 when nothing is left.

    `owners`: what the person is called where codes are given.
    """
    gone = await person_events.delete_of(db, app, names, limit)
    gone = gone or await consents.forget(db, app, names, subs, limit=limit)
    if gone:
        return gone
    for place, owner in enumerate(owners):
        gone += await _blank_given(db, app, owner, f"{ERASED} {subs[0] if subs else new_id()}.{place}")
    for one in subs:
        gone += await _blank_outcomes(db, app, one)
    for clear in (_delete_singles, _delete_receipts):
        gone += await clear(db, app, subs, limit) if subs else 0
    return gone + await _blank_users(db, app, names, limit) + await _blank_excluded(db, app, names, limit)


async def _delete_singles(db: Queryable, app: App, subs: Sequence[int], limit: int) -> int:
    """Outcomes of one device alone (index outcomes_one)."""
    return _count(
        await db.execute(
            """
            DELETE FROM outcomes WHERE app_id = $1 AND (bucket, msg_id, lo, attempt, at, day) IN
                (SELECT bucket, msg_id, lo, attempt, at, day FROM outcomes
                  WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND lo = ANY($3::bigint[]) AND lo = hi LIMIT $4)
            """,
            app.id,
            list({bucket_of(app, one) for one in subs}),
            list(subs),
            limit,
        )
    )


async def _blank_outcomes(db: Queryable, app: App, one: int) -> int:
    return _count(
        await db.execute(
            """
            UPDATE outcomes SET ids = array_replace(ids, $3::bigint, $4::bigint)
            WHERE app_id = $1 AND bucket = $2 AND lo <= $3 AND hi >= $3 AND lo < hi AND ids @> ARRAY[$3::bigint]
            """,
            app.id,
            bucket_of(app, one),
            one,
            BLANK,
        )
    )


async def _delete_receipts(db: Queryable, app: App, subs: Sequence[int], limit: int) -> int:
    return _count(
        await db.execute(
            """
            DELETE FROM receipts WHERE app_id = $1 AND (bucket, msg_id, sub_id, kind, day) IN
                (SELECT bucket, msg_id, sub_id, kind, day FROM receipts
                  WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND sub_id = ANY($3::bigint[]) LIMIT $4)
            """,
            app.id,
            list({bucket_of(app, one) for one in subs}),
            list(subs),
            limit,
        )
    )


async def _blank_given(db: Queryable, app: App, owner: str, blank: str) -> int:
    """Codes that they were given stay given, to nobody. The codes' own rows come first: these lead to them."""
    given = await coupon_given.of_person(db, app_id=app.id, bucket=person_bucket_of(app, owner), owner=owner)
    if given:
        await coupon_codes.blank_owner(db, app_id=app.id, given=given, blank=blank)
    return _count(
        await db.execute(
            "UPDATE coupon_given SET owner = $4 WHERE app_id = $1 AND bucket = $2 AND owner = $3",
            app.id,
            person_bucket_of(app, owner),
            owner,
            blank,
        )
    )


async def _blank_users(db: Queryable, app: App, names: Sequence[str], limit: int) -> int:
    """Messages that named them go on naming somebody: an empty list would mean everybody."""
    return _count(
        await db.execute(
            """
            UPDATE messages SET audience = jsonb_set(audience, '{users}',
                (SELECT jsonb_agg(CASE WHEN one = ANY($3::text[]) THEN $4::text ELSE one END)
                   FROM jsonb_array_elements_text(audience->'users') AS one))
            WHERE app_id = $1 AND (bucket, id) IN
                (SELECT bucket, id FROM messages
                  WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND audience->'users' ?| $3::text[] LIMIT $5)
            """,
            app.id,
            app.buckets,
            list(names),
            ERASED,
            limit,
        )
    )


async def _blank_excluded(db: Queryable, app: App, names: Sequence[str], limit: int) -> int:
    return _count(
        await db.execute(
            """
            UPDATE messages SET audience = jsonb_set(audience, '{exclude,users}',
                (SELECT jsonb_agg(CASE WHEN one = ANY($3::text[]) THEN $4::text ELSE one END)
                   FROM jsonb_array_elements_text(audience->'exclude'->'users') AS one))
            WHERE app_id = $1 AND (bucket, id) IN
                (SELECT bucket, id FROM messages
                  WHERE app_id = $1 AND bucket = ANY($2::smallint[])
                    AND audience->'exclude'->'users' ?| $3::text[] LIMIT $5)
            """,
            app.id,
            app.buckets,
            list(names),
            ERASED,
            limit,
        )
    )


def _count(tag: str) -> int:
    return affected(tag)
