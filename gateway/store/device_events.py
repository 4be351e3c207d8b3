"""What devices track that nobody is logged in on: in the bucket of the device, until a login gives it to a person.

The facts of such a device stand on its own row, as a person's are copied there: filters ask one place.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.model.app import App
from gateway.model.limits import DEVICE_EVENTS_DAYS, PRUNE_ROWS
from gateway.store.database import Queryable, affected
from gateway.store.subscriptions import bucket_of


class Claimant(msgspec.Struct, frozen=True):
    """A device as it has to prove itself, and whose it is."""

    secret_hash: bytes | None
    person: str | None


class DeviceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a device. `id` is the device's own."""

    subscription_id: int
    id: str
    name: str
    at: datetime
    data: dict[str, Any] | None


async def claimants(db: Queryable, app: App, ids: Iterable[int]) -> dict[int, Claimant]:
    """Those of these devices that are subscribed."""
    asked = list(ids)
    rows = await db.fetch(
        """
        SELECT id, secret_hash, person FROM subscriptions
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id = ANY($3::bigint[]) AND state = 0
        """,
        app.id,
        list({bucket_of(app, one) for one in asked}),
        asked,
    )
    return {row["id"]: Claimant(row["secret_hash"], row["person"]) for row in rows}


async def lock_nameless(db: Queryable, app: App, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """The event facts of those of these devices that are nobody's, locked in the order of their keys."""
    asked = list(ids)
    rows = await db.fetch(
        """
        SELECT id, facts -> 'events' AS events FROM subscriptions
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id = ANY($3::bigint[]) AND state = 0 AND person IS NULL
        ORDER BY bucket, id FOR UPDATE
        """,
        app.id,
        list({bucket_of(app, one) for one in asked}),
        asked,
    )
    return {row["id"]: row["events"] or {} for row in rows}


async def insert(db: Queryable, app: App, events: Sequence[DeviceEvent]) -> set[tuple[int, str]]:
    """Stores those that are not there already; (device, id) of each that was stored."""
    rows = await db.fetch(
        """
        INSERT INTO device_events (app_id, bucket, sub_id, id, name, at, data)
        SELECT $1, bucket, sub_id, id, name, at, data::jsonb
        FROM unnest($2::smallint[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[], $7::text[])
             AS n (bucket, sub_id, id, name, at, data)
        ON CONFLICT DO NOTHING RETURNING sub_id, id
        """,
        app.id,
        [bucket_of(app, one.subscription_id) for one in events],
        [one.subscription_id for one in events],
        [one.id for one in events],
        [one.name for one in events],
        [one.at for one in events],
        [None if one.data is None else _json(one.data) for one in events],
    )
    return {(row["sub_id"], row["id"]) for row in rows}


async def save_facts(db: Queryable, app: App, facts: Mapping[int, dict[str, Any]]) -> None:
    """Writes the event facts of devices that are locked and nobody's."""
    ordered = sorted((bucket_of(app, one), one) for one in facts)
    await db.execute(
        """
        UPDATE subscriptions AS s
        SET facts = coalesce(s.facts, '{}'::jsonb) || jsonb_build_object('events', n.events::jsonb)
        FROM unnest($2::smallint[], $3::bigint[], $4::text[]) AS n (bucket, id, events)
        WHERE s.app_id = $1 AND s.bucket = ANY($2::smallint[]) AND s.bucket = n.bucket AND s.id = n.id
        """,
        app.id,
        [bucket for bucket, _ in ordered],
        [number for _, number in ordered],
        [_json(facts[number]) for _, number in ordered],
    )


async def of_device(db: Queryable, app: App, subscription_id: int, *, limit: int) -> list[DeviceEvent]:
    """The latest of what the device tracked while it was nobody's, the newest first."""
    rows = await db.fetch(
        """
        SELECT sub_id, id, name, at, data FROM device_events
        WHERE app_id = $1 AND bucket = $2 AND sub_id = $3 ORDER BY at DESC, id LIMIT $4
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
        limit,
    )
    return [
        DeviceEvent(subscription_id=row["sub_id"], id=row["id"], name=row["name"], at=row["at"], data=row["data"])
        for row in rows
    ]


async def prune(db: Queryable) -> int:
    """Deletes so many events, of all apps, of devices that nobody logged in on since (index device_events_oldest)."""
    tag = await db.execute(
        """
        DELETE FROM device_events WHERE (app_id, bucket, sub_id, id) IN
            (SELECT app_id, bucket, sub_id, id FROM device_events
              WHERE at < now() - $1 * interval '1 day' ORDER BY at LIMIT $2)
        """,
        DEVICE_EVENTS_DAYS,
        PRUNE_ROWS,
    )
    return affected(tag)


async def delete_of_devices(db: Queryable, app: App, ids: Sequence[int]) -> None:
    """Deletes all events of these devices."""
    await db.execute(
        "DELETE FROM device_events WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND sub_id = ANY($3::bigint[])",
        app.id,
        list({bucket_of(app, one) for one in ids}),
        list(ids),
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
