"""Devices and their addresses. An address (an endpoint, a token) is one device's, or nobody's.

`addresses` decides who it is: it is written first, and whoever comes second finds it taken. A device's row lies in the
bucket of its id, its address in the bucket of the address hash.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.model.app import App
from gateway.model.choices import OWN
from gateway.model.ids import bucket_of_id, bucket_of_text, buckets_of_app, new_id
from gateway.model.place import place_key
from gateway.model.subscriber import Enrolment, Subscription, SubscriptionState
from gateway.store.database import Queryable, Record


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which devices a list shows; None: no matter."""

    state: int | None = None
    provider: str | None = None
    topic_id: int | None = None
    credential_id: int | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What to change of a device; None leaves it as it is, `tags` and `topics` replace all of theirs.

    is_registration: the device has just said that its address lives, so that what a service said of it before is void.
    """

    credential_id: int | None = None
    platform: int | None = None
    topics: tuple[int, ...] | None = None
    tags: dict[str, Any] | None = None
    own: dict[str, Any] | None = None
    """What whoever holds it chose (`model.choices`); replaces all of it."""
    locale: str | None = None
    timezone: str | None = None
    consent: dict[str, Any] | None = None
    secret_hash: bytes | None = None
    is_registration: bool = False


def bucket_of(app: App, subscription_id: int) -> int:
    """The bucket of a device's row."""
    return bucket_of_id(subscription_id, home=app.home, spread=app.spread)


def address_bucket_of(app: App, address_hash: bytes) -> int:
    """The bucket of an address."""
    return bucket_of_text(address_hash, home=app.home, spread=app.spread)


def subscription_of(row: Record) -> Subscription:
    """A row with every column that `get` names."""
    return Subscription(
        id=row["id"],
        provider=row["provider"],
        state=row["state"],
        credential_id=row["credential_id"],
        wire=row["wire"],
        person=row["person"],
        topics=tuple(row["topics"]),
        tags=(row["attrs"] or {}).get("tags", {}),
        own=(row["attrs"] or {}).get(OWN, {}),
        country=row["country"],
        region=row["region"],
        city=row["city"],
        lat=row["lat"],
        lon=row["lon"],
        geo_timezone=row["geo_timezone"],
        located_by=row["located_by"],
        located_at=row["located_at"],
        timezone=row["timezone"],
        locale=row["locale"],
        platform=row["platform"],
        secret_hash=row["secret_hash"],
        consent=row["consent"],
        created_at=row["created_at"],
        enrolled_at=row["enrolled_at"],
        registered_at=row["registered_at"],
        seen_at=row["seen_at"],
        ended_at=row["ended_at"],
    )


async def insert(db: Queryable, app: App, enrolment: Enrolment) -> int | None:
    """The id of a new device, in the transaction of the caller; None when its address is taken.

    Of many at once exactly one gets an id.
    """
    subscription_id = new_id()
    if not await take_address(db, app, enrolment.address_hash, subscription_id):
        return None
    await _insert_row(db, app, subscription_id, enrolment)
    return subscription_id


async def take_address(db: Queryable, app: App, address_hash: bytes, subscription_id: int) -> bool:
    """Makes the address this device's; False when it is somebody's already. Waits for who is just taking it."""
    tag = await db.execute(
        "INSERT INTO addresses (app_id, bucket, hash, subscription_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        app.id,
        address_bucket_of(app, address_hash),
        address_hash,
        subscription_id,
    )
    return tag == "INSERT 0 1"


async def _insert_row(db: Queryable, app: App, subscription_id: int, enrolment: Enrolment) -> None:
    where = enrolment.whereabouts
    await db.execute(
        """
        INSERT INTO subscriptions (app_id, bucket, id, provider, credential_id, wire, platform, person, topics, attrs,
                                   locale, timezone, country, consent, secret_hash, created_at, address_hash, region,
                                   region_key, city, city_key, lat, lon, geo_timezone, located_by, located_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, coalesce($16, now()), $17, $18, $19,
                $20, $21, $22, $23, $24, $25::smallint, CASE $25::smallint WHEN 2 THEN now() END)
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
        enrolment.provider,
        enrolment.credential_id,
        enrolment.wire,
        enrolment.platform,
        enrolment.person,
        list(enrolment.topics),
        {"tags": enrolment.tags} if enrolment.tags else None,
        enrolment.locale,
        enrolment.timezone,
        where.country,
        enrolment.consent,
        enrolment.secret_hash,
        enrolment.created_at,
        enrolment.address_hash,
        where.region,
        None if where.region is None else place_key(where.region),
        where.city,
        None if where.city is None else place_key(where.city),
        where.lat,
        where.lon,
        where.timezone,
        where.located_by,
    )


async def find_by_address(db: Queryable, app: App, address_hash: bytes) -> Subscription | None:
    """The device that has this address. An address whose device is gone from the store is nobody's: it is dropped."""
    owner = await address_owner(db, app, address_hash)
    if owner is None:
        return None
    found = await get(db, app, owner)
    if found is None:
        await drop_address(db, app, address_hash, owner)
    return found


async def address_owner(db: Queryable, app: App, address_hash: bytes) -> int | None:
    """The id of the device that has this address."""
    return await db.fetchval(
        "SELECT subscription_id FROM addresses WHERE app_id = $1 AND bucket = $2 AND hash = $3",
        app.id,
        address_bucket_of(app, address_hash),
        address_hash,
    )


async def drop_address(db: Queryable, app: App, address_hash: bytes, subscription_id: int) -> None:
    """Makes the address nobody's, if it is this device's."""
    await db.execute(
        "DELETE FROM addresses WHERE app_id = $1 AND bucket = $2 AND hash = $3 AND subscription_id = $4",
        app.id,
        address_bucket_of(app, address_hash),
        address_hash,
        subscription_id,
    )


async def get(db: Queryable, app: App, subscription_id: int) -> Subscription | None:
    """One device, whatever its state."""
    row = await db.fetchrow(
        """
        SELECT id, provider, state, credential_id, wire, person, topics, attrs, country, region, city, lat, lon,
               geo_timezone, located_by, located_at, timezone, locale, platform, secret_hash, consent, created_at,
               enrolled_at, registered_at, seen_at, ended_at
        FROM subscriptions WHERE app_id = $1 AND bucket = $2 AND id = $3
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
    )
    return None if row is None else subscription_of(row)


async def lock(db: Queryable, app: App, subscription_id: int) -> Subscription | None:
    """One device, whatever its state, which nobody else changes until the end of the transaction."""
    row = await db.fetchrow(
        """
        SELECT id, provider, state, credential_id, wire, person, topics, attrs, country, region, city, lat, lon,
               geo_timezone, located_by, located_at, timezone, locale, platform, secret_hash, consent, created_at,
               enrolled_at, registered_at, seen_at, ended_at
        FROM subscriptions WHERE app_id = $1 AND bucket = $2 AND id = $3 FOR UPDATE
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
    )
    return None if row is None else subscription_of(row)


async def get_many(db: Queryable, app: App, ids: Sequence[int]) -> list[Subscription]:
    """Those of the devices that exist, in the order of their ids."""
    rows = await db.fetch(
        """
        SELECT id, provider, state, credential_id, wire, person, topics, attrs, country, region, city, lat, lon,
               geo_timezone, located_by, located_at, timezone, locale, platform, secret_hash, consent, created_at,
               enrolled_at, registered_at, seen_at, ended_at
        FROM subscriptions WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id = ANY($3::bigint[]) ORDER BY id
        """,
        app.id,
        list({bucket_of(app, one) for one in ids}),
        list(ids),
    )
    return [subscription_of(row) for row in rows]


async def update_address(
    db: Queryable,
    app: App,
    subscription_id: int,
    *,
    address_hash: bytes,
    provider: str,
    credential_id: int,
    wire: bytes,
) -> bool:
    """Moves a device to another address, its id unchanged; False when that address is another device's.

    The address that it had is nobody's then. One that is gone from the store is left to whoever looks for it next.
    """
    async with db.transaction() as tx:
        # Addresses before devices, as everywhere: the device's own old address is safe once the device is locked.
        is_new = await take_address(tx, app, address_hash, subscription_id)
        held = await _lock_address(tx, app, subscription_id)
        if not is_new and held != address_hash:
            return False
        if held is None:
            await drop_address(tx, app, address_hash, subscription_id)
            return True
        if held != address_hash:
            await drop_address(tx, app, held, subscription_id)
        await _set_wire(
            tx,
            app,
            subscription_id,
            address_hash=address_hash,
            provider=provider,
            credential_id=credential_id,
            wire=wire,
        )
    return True


async def _lock_address(db: Queryable, app: App, subscription_id: int) -> bytes | None:
    """The hash of the device's address, which nobody else changes until the end of the transaction."""
    return await db.fetchval(
        "SELECT address_hash FROM subscriptions WHERE app_id = $1 AND bucket = $2 AND id = $3 FOR UPDATE",
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
    )


async def _set_wire(
    db: Queryable,
    app: App,
    subscription_id: int,
    *,
    address_hash: bytes,
    provider: str,
    credential_id: int,
    wire: bytes,
) -> None:
    # A browser changes addresses by itself: that revives a device whose old address was gone, never one that left.
    await db.execute(
        """
        UPDATE subscriptions
        SET wire = $4, provider = $5, credential_id = $6, address_hash = $7, registered_at = now(), seen_at = now(),
            suspect_at = NULL,
            state = CASE state WHEN 1 THEN 0 ELSE state END,
            ended_at = CASE state WHEN 1 THEN NULL ELSE ended_at END,
            enrolled_at = CASE state WHEN 1 THEN now() ELSE enrolled_at END
        WHERE app_id = $1 AND bucket = $2 AND id = $3
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
        wire,
        provider,
        credential_id,
        address_hash,
    )


async def patch(db: Queryable, app: App, subscription_id: int, change: Change) -> Subscription | None:
    """Changes what is given and notes that the device was seen; the device as it is now, None when there is none."""
    row = await db.fetchrow(
        """
        UPDATE subscriptions
        SET credential_id = coalesce($4, credential_id), platform = coalesce($5, platform),
            topics = coalesce($6::int[], topics),
            attrs = CASE WHEN $7::jsonb IS NULL THEN attrs ELSE coalesce(attrs, '{}') || $7::jsonb END,
            locale = coalesce($8, locale), timezone = coalesce($9, timezone), consent = coalesce($10::jsonb, consent),
            secret_hash = coalesce($11, secret_hash), seen_at = now(),
            registered_at = CASE WHEN $12 THEN now() ELSE registered_at END
        WHERE app_id = $1 AND bucket = $2 AND id = $3
        RETURNING id, provider, state, credential_id, wire, person, topics, attrs, country, region, city, lat, lon,
                  geo_timezone, located_by, located_at, timezone, locale, platform, secret_hash, consent, created_at,
               enrolled_at, registered_at, seen_at, ended_at
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
        change.credential_id,
        change.platform,
        None if change.topics is None else list(change.topics),
        {name: value for name, value in (("tags", change.tags), (OWN, change.own)) if value is not None} or None,
        change.locale,
        change.timezone,
        change.consent,
        change.secret_hash,
        change.is_registration,
    )
    return None if row is None else subscription_of(row)


async def revive(db: Queryable, app: App, subscription_id: int) -> bool:
    """Makes an ended device active again, enrolled from now on; False when it was active."""
    tag = await db.execute(
        """
        UPDATE subscriptions
        SET state = 0, ended_at = NULL, suspect_at = NULL, enrolled_at = now(), registered_at = now(), seen_at = now()
        WHERE app_id = $1 AND bucket = $2 AND id = $3 AND state <> 0
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
    )
    return tag == "UPDATE 1"


async def end(
    db: Queryable, app: App, subscription_id: int, state: SubscriptionState = SubscriptionState.LEFT
) -> bytes | None:
    """Ends a device; the hash of its address, None when there is nothing to do.

    One that is gone may still leave: only its owner revives it.
    """
    return await db.fetchval(
        """
        UPDATE subscriptions SET state = $4, ended_at = coalesce(ended_at, now())
        WHERE app_id = $1 AND bucket = $2 AND id = $3 AND state < $4 RETURNING address_hash
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
        int(state),
    )


async def list_page(
    db: Queryable, app: App, after_id: int | None, limit: int, filters: Filters | None = None
) -> list[Subscription]:
    """Devices of the whole app behind `after_id`, in the order of the primary key: a stable order, not one of time."""
    only = filters or Filters()
    rows = await db.fetch(
        """
        SELECT id, provider, state, credential_id, wire, person, topics, attrs, country, region, city, lat, lon,
               geo_timezone, located_by, located_at, timezone, locale, platform, secret_hash, consent, created_at,
               enrolled_at, registered_at, seen_at, ended_at
        FROM subscriptions
        WHERE app_id = $1 AND (bucket, id) > ($2, $3)
          AND ($5::smallint IS NULL OR state = $5) AND ($6::text IS NULL OR provider = $6)
          AND ($7::int IS NULL OR topics @> ARRAY[$7]) AND ($8::smallint IS NULL OR credential_id = $8)
        ORDER BY bucket, id LIMIT $4
        """,
        app.id,
        -1 if after_id is None else bucket_of(app, after_id),
        -1 if after_id is None else after_id,
        limit,
        only.state,
        only.provider,
        only.topic_id,
        only.credential_id,
    )
    return [subscription_of(row) for row in rows]


async def count(db: Queryable, app: App, filters: Filters | None = None) -> int:
    """How many devices there are; reads all of the app."""
    only = filters or Filters()
    return await db.fetchval(
        """
        SELECT count(*) FROM subscriptions
        WHERE app_id = $1 AND bucket = ANY($2::smallint[])
          AND ($3::smallint IS NULL OR state = $3) AND ($4::text IS NULL OR provider = $4)
          AND ($5::int IS NULL OR topics @> ARRAY[$5]) AND ($6::smallint IS NULL OR credential_id = $6)
        """,
        app.id,
        buckets_of_app(home=app.home, spread=app.spread),
        only.state,
        only.provider,
        only.topic_id,
        only.credential_id,
    )
