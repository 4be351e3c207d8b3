"""Where devices are, as it is written into their rows. Addresses of connections never get here."""

from gateway.model.app import App
from gateway.model.limits import PRUNE_ROWS
from gateway.model.place import Place, Whereabouts, place_key
from gateway.store.database import Queryable, affected
from gateway.store.subscriptions import bucket_of


async def put_place(db: Queryable, app: App, subscription_id: int, place: Place) -> None:
    """What an address tells, as a whole; a position that the device gave itself stays. Writes only what is news."""
    await db.execute(
        """
        UPDATE subscriptions
        SET country = $4, region = $5, region_key = $6, city = $7, city_key = $8,
            lat = CASE WHEN located_by = 2 THEN lat ELSE $9::real END,
            lon = CASE WHEN located_by = 2 THEN lon ELSE $10::real END,
            geo_timezone = CASE WHEN located_by = 2 THEN geo_timezone ELSE $11 END,
            located_by = CASE WHEN located_by = 2 THEN 2 WHEN $9::real IS NULL THEN NULL ELSE 1 END
        WHERE app_id = $1 AND bucket = $2 AND id = $3
          AND ((country, region, city) IS DISTINCT FROM ($4, $5, $7)
               OR (located_by IS DISTINCT FROM 2
                   AND (lat, lon, geo_timezone) IS DISTINCT FROM ($9::real, $10::real, $11)))
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
        place.country,
        place.region,
        None if place.region is None else place_key(place.region),
        place.city,
        None if place.city is None else place_key(place.city),
        place.lat,
        place.lon,
        place.timezone,
    )


async def put_position(db: Queryable, app: App, subscription_id: int, where: Whereabouts) -> None:
    """The position that a device gave, as of now. Of `where` only position and zone are taken."""
    await db.execute(
        """
        UPDATE subscriptions
        SET lat = $4, lon = $5, geo_timezone = coalesce($6, geo_timezone), located_by = 2, located_at = now()
        WHERE app_id = $1 AND bucket = $2 AND id = $3
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
        where.lat,
        where.lon,
        where.timezone,
    )


async def forget_position(db: Queryable, app: App, subscription_id: int) -> None:
    """Takes away the position that a device gave, the zone that came from it, and which geofences it is in.

    `fenced_at` moves on instead of going: it names the next move of the device, which is not one that was told before.
    """
    await db.execute(
        """
        UPDATE subscriptions
        SET lat = CASE WHEN located_by = 2 THEN NULL ELSE lat END,
            lon = CASE WHEN located_by = 2 THEN NULL ELSE lon END,
            geo_timezone = CASE WHEN located_by = 2 THEN NULL ELSE geo_timezone END,
            located_by = CASE WHEN located_by = 2 THEN NULL ELSE located_by END, located_at = NULL,
            fenced_at = CASE WHEN fences IS NULL THEN fenced_at ELSE now() END, fences = NULL
        WHERE app_id = $1 AND bucket = $2 AND id = $3 AND (located_by = 2 OR fences IS NOT NULL)
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
    )


async def forget_old_positions(db: Queryable, *, days: int) -> int:
    """One step of forgetting positions that devices gave so long ago (index subscriptions_located); how many.

    The zone stays: it is as coarse as a country. Rows that are just being changed are passed over until the next step.
    """
    tag = await db.execute(
        """
        UPDATE subscriptions s SET lat = NULL, lon = NULL, located_by = NULL, located_at = NULL
          FROM (SELECT o.app_id, o.bucket, o.id FROM subscriptions o
                 WHERE o.located_at < now() - $1 * interval '1 day'
                 ORDER BY o.located_at LIMIT $2 FOR UPDATE OF o SKIP LOCKED) old
         WHERE s.app_id = old.app_id AND s.bucket = old.bucket AND s.id = old.id
        """,
        days,
        PRUNE_ROWS,
    )
    return affected(tag)
