"""A device with all that audiences and rules ask of it: for explaining, not for sending."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.model.app import App
from gateway.store.database import Queryable
from gateway.store.subscriptions import bucket_of


class LookedAt(msgspec.Struct, frozen=True, kw_only=True):
    """A row. `topics` and `lists` are numbers; lists are the device's own and its person's."""

    id: int
    state: int
    provider: str
    platform: int
    locale: str | None
    person: str | None
    country: str | None
    region: str | None
    city: str | None
    lat: float | None
    lon: float | None
    located_by: int | None
    timezone: str | None
    geo_timezone: str | None
    created_at: datetime
    enrolled_at: datetime
    seen_at: datetime
    topics: list[int]
    lists: list[int]
    attrs: dict[str, Any] | None
    facts: dict[str, Any] | None


async def look_at(db: Queryable, app: App, ids: Sequence[int]) -> list[LookedAt]:
    """Those of the devices that exist, whatever their state, in the order of their ids."""
    rows = await db.fetch(
        """
        SELECT id, state, provider, platform, locale, person, country, region, city, lat, lon, located_by, timezone,
               geo_timezone, created_at, enrolled_at, seen_at, topics, attrs, facts,
               coalesce(lists, '{}') || coalesce(person_lists, '{}') AS lists
        FROM subscriptions WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id = ANY($3::bigint[]) ORDER BY id
        """,
        app.id,
        list({bucket_of(app, one) for one in ids}),
        list(ids),
    )
    return [LookedAt(**dict(row)) for row in rows]
