"""Filters that few people meet are answered by an index, whatever the size of the shop."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import pytest_asyncio

from benchmarks.shoppers import TOPICS, fill
from gateway.model.app import App
from gateway.model.audience import Audience, parse_topics
from gateway.model.place import Geo, Near
from gateway.model.segment import Names
from gateway.policy.filter_reading import read_where
from gateway.store import audiences, estimates
from gateway.store.database import Database
from tests.store.plans import plans, whole_tables
from tests.store.rows import make_app

NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
ROWS: Final = 20_000
NAMES: Final = Names(topics=TOPICS)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(
    new_database: Callable[[str], Awaitable[str]], migrated_template: str
) -> AsyncIterator[tuple[Database, App]]:
    """A shop of a size at which the planner has a choice."""
    dsn = await new_database(migrated_template)
    db = await Database.open(dsn, name="steeple-filter-plans")
    app = await make_app(db, spread=4)
    await fill(dsn, app, ROWS, now=NOW)
    yield db, app
    await db.close()


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "an attribute that is": ({"attribute": "store", "is": "store-17"}, "subscriptions_known"),
    "an attribute that is one of": ({"attribute": "store", "in": ["store-17", "store-18"]}, "subscriptions_known"),
    "a list that has": ({"attribute": "sizes", "has": "XXL"}, "subscriptions_known"),
    "a tag": ({"tag": "visits", "is": 7}, "subscriptions_tags.*subscriptions_known"),
    "a tag, a list that has any of": (
        {"tag": "visits", "has_any": ["a", "b"]},
        "subscriptions_tags.*subscriptions_known",
    ),
    "a country": ({"country": "LU"}, "subscriptions_country"),
    "a city": ({"city": "Luxembourg"}, "subscriptions_city"),
    "a topic": ({"topic": "vip"}, "subscriptions_topics"),
    "one of many conditions": (
        {"all": [{"attribute": "store", "is": "store-17"}, {"event": "visit", "none_within": "P30D"},
                 {"none": [{"tag": "theme", "is": "dark"}]}]},
        "subscriptions_known",
    ),
    "either of two": (
        {"any": [{"attribute": "store", "is": "store-17"}, {"topic": "vip"}]},
        "subscriptions_(known|topics).*subscriptions_(known|topics)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_a_filter_keeps_its_index(shop: tuple[Database, App], case: str):
    """Counting and planning read whom it may mean, not the whole shop."""
    db, app = shop
    said, index = CASES[case]
    where = Audience(where=read_where(said, "where"))

    found = await plans(db, lambda recording: _count(recording, app, where))

    assert [plan for plan in found if whole_tables(plan)] == []
    assert re.search(index, "\n".join(found), re.DOTALL), "\n".join(found)


async def test_a_circle_keeps_its_index(shop: tuple[Database, App]):
    """Who is near is looked for in the box around."""
    db, app = shop
    near = Audience(geo=Geo(near=Near(lat=49.61, lon=6.13, radius_km=5)))

    (plan,) = await plans(db, lambda recording: _count(recording, app, near))

    assert "subscriptions_position" in plan


def _count(db: Any, app: App, audience: Audience) -> Awaitable[object]:
    return audiences.count_slices(db, app_id=app.id, buckets=app.buckets, audience=audience, names=NAMES, now=NOW)


@pytest.mark.parametrize("case", CASES)
async def test_an_exact_count_keeps_the_index_of_a_filter(shop: tuple[Database, App], case: str):
    """Of a rare audience those who may be in it are read, by a map of their pages."""
    db, app = shop
    said, index = CASES[case]

    plan = await _exact(db, app, Audience(where=read_where(said, "where")))

    assert re.search("Bitmap Index Scan on " + index, plan, re.DOTALL), plan
    assert whole_tables(plan) == []


async def test_an_exact_count_never_walks_the_table_along_an_index(shop: tuple[Database, App]):
    """Half of a shop lies in a circle: its pages are read once each, not once for each device."""
    db, app = shop

    plan = await _exact(db, app, Audience(geo=Geo(near=Near(lat=52.37, lon=4.9, radius_km=60))))

    assert "Index Scan using" not in plan
    assert "HashAggregate" in plan, "groups are told by their hash, not by sorting everybody"


@pytest.mark.parametrize("said", [{"over": 2}, {"under": 5}, {"over": 0}])
async def test_a_few_times_within_a_period_are_told_without_adding_up(shop: tuple[Database, App], said: dict[str, int]):
    """A sub-select for each person would cost ten times as much, and keep the count on one core."""
    db, app = shop
    often = {"event": "visit", "count": said, "within": "P90D"}

    plan = await _exact(db, app, Audience(where=read_where(often, "where")))

    assert "SubPlan" not in plan


async def _exact(db: Database, app: App, audience: Audience) -> str:
    async with estimates.counting(db) as tx:
        (plan,) = await plans(
            tx,
            lambda recording: estimates.counted(
                recording, app_id=app.id, buckets=app.buckets, audience=audience, names=NAMES, now=NOW
            ),
        )
    return plan


async def test_a_sample_reads_a_stretch_of_the_index(shop: tuple[Database, App]):
    """An estimate costs the same in a shop of any size."""
    db, app = shop

    (plan,) = await plans(
        db,
        lambda recording: estimates.sample(
            recording, app_id=app.id, stretches=[(bucket, 2**52, 2**54) for bucket in app.buckets],
            audience=Audience(topics=parse_topics("news")), names=NAMES, now=NOW, owners=100,
        ),
    )  # fmt: skip

    assert re.search(r"subscriptions_(live|pkey)", plan)
    assert whole_tables(plan) == []


async def test_the_other_devices_of_sampled_people_are_read_by_their_keys(shop: tuple[Database, App]):
    """However few of the shop fit a filter that has an index: only these devices are looked at."""
    db, app = shop
    rare = Audience(where=read_where({"attribute": "store", "is": "store-17"}, "where"))

    (people,) = await plans(
        db,
        lambda recording: estimates.devices_of(
            recording, app_id=app.id, bucket_of={f"cust-{number}": app.buckets[0] for number in range(100)}
        ),
    )
    (devices,) = await plans(
        db,
        lambda recording: estimates.members(
            recording, app_id=app.id, bucket_of=dict.fromkeys(range(100), app.buckets[0]), audience=rare,
            names=NAMES, now=NOW,
        ),
    )  # fmt: skip

    assert "persons_pkey" in people
    assert re.search(r"subscriptions_(live|pkey)", devices)
    assert "subscriptions_known" not in devices
    assert whole_tables(people + devices) == []


async def test_a_group_is_read_by_its_key_however_few_fit(shop: tuple[Database, App]):
    """The groups of a message read its app once between them: no group reads everybody who fits, nor sorts."""
    db, app = shop
    rare = Audience(
        where=read_where({"attribute": "store", "is": "store-17"}, "where"),
        geo=Geo(near=Near(lat=49.61, lon=6.13, radius_km=5)),
    )

    (plan,) = await plans(
        db,
        lambda recording: audiences.read_range(
            recording, app_id=app.id, bucket=app.buckets[0], after=2**60, up_to=2**61, planned_at=NOW, audience=rare,
            names=NAMES, limit=500,
        ),
    )  # fmt: skip

    assert re.search(r"subscriptions_(live|pkey)", plan)
    assert not re.search(r"subscriptions_(known|position|country)|Sort", plan)


async def test_the_look_at_an_app_s_size_reads_no_row(shop: tuple[Database, App]):
    """It is in the index whole."""
    db, app = shop

    (plan,) = await plans(
        db,
        lambda recording: estimates.live_between(
            recording, app_id=app.id, buckets=app.buckets[:1], low=2**52, high=2**53
        ),
    )

    assert "Index Only Scan using subscriptions_live" in plan
