"""Who is in a small place is found by an index, and so is whose position is to be forgotten."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import pytest
import pytest_asyncio

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.place import Area, Geo, Near
from gateway.model.segment import Names
from gateway.store import audiences, geofences, places
from gateway.store.database import Database
from tests.store.plans import plans, whole_tables
from tests.store.rows import drawn_ids, enrol, make_app
from tests.store.test_audiences import SOON

DEVICES: Final = 6_000
CANALS: Final = Area(((((4.85, 52.35), (4.93, 52.35), (4.93, 52.39), (4.85, 52.39), (4.85, 52.35)),),))
Use = Callable[[Any, App], Awaitable[object]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    new_database: Callable[[str], Awaitable[str]], migrated_template: str
) -> AsyncIterator[tuple[Database, App]]:
    """Devices of two apps, evenly over the earth, in sixty cities; a few gave their position long ago."""
    pool = await Database.open(await new_database(migrated_template), name="steeple-places")
    app, other = [await make_app(pool, spread=4, home=home) for home in (7, 9)]
    for one in (app, other):
        await enrol(pool, one, drawn_ids(DEVICES))
    await pool.execute(
        """
        UPDATE subscriptions s
           SET lat = n % 180 - 90, lon = (n * 7) % 360 - 180, located_by = 2, city_key = 'city ' || n % 60,
               located_at = CASE WHEN n % 300 = 0 THEN now() - interval '40 days' END,
               fenced_at = CASE WHEN n % 300 = 0 THEN now() - interval '40 days' END
          FROM (SELECT app_id, id, row_number() OVER (ORDER BY id) AS n FROM subscriptions) AS r
         WHERE s.app_id = r.app_id AND s.id = r.id
        """
    )
    await pool.execute("ANALYZE")
    yield pool, app
    await pool.close()


def _count(db: Any, app: App, geo: Geo) -> Awaitable[object]:
    return audiences.count_slices(
        db, app_id=app.id, buckets=app.buckets, audience=Audience(geo=geo), names=Names(), now=SOON
    )


CASES: dict[str, tuple[Use, str]] = {
    "circle": (
        lambda db, app: _count(db, app, Geo(near=Near(lat=52.4, lon=4.9, radius_km=60))),
        "subscriptions_position",
    ),
    "across the antimeridian": (
        lambda db, app: _count(db, app, Geo(near=Near(lat=0.0, lon=179.9, radius_km=60))),
        "subscriptions_position",
    ),
    "area": (lambda db, app: _count(db, app, Geo(within=CANALS)), "subscriptions_position"),
    "city": (lambda db, app: _count(db, app, Geo(cities=("City 7",))), "subscriptions_city"),
    "old positions": (lambda db, _: places.forget_old_positions(db, days=30), "subscriptions_located"),
    "old visits": (lambda db, _: geofences.forget_old_visits(db, days=30), "subscriptions_fenced"),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_small_place_is_found_by_its_index(world: tuple[Database, App], case: str) -> None:
    """However many devices an app has all over the world."""
    db, app = world
    use, index = CASES[case]
    for plan in await plans(db, lambda recording: use(recording, app)):
        assert index in plan
        assert whole_tables(plan) == []


async def test_the_whole_world_is_not_looked_up_by_index(world: tuple[Database, App]) -> None:
    """Negative control: where nearly everybody is meant, Postgres reads the table."""
    db, app = world
    (plan,) = await plans(db, lambda recording: _count(recording, app, Geo(near=Near(lat=0, lon=0, radius_km=20_000))))
    assert "subscriptions_position" not in plan
