"""How many would it be? From a sample, with a margin that holds; or counted."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from random import Random

import pytest
import pytest_asyncio

from benchmarks.shoppers import TOPICS, fill
from gateway.model.app import App
from gateway.model.audience import Audience, parse_topics
from gateway.policy.filter_reading import read_where
from gateway.sending.estimate import Estimate, estimate, exact
from gateway.store.database import Database
from tests.store.rows import make_app

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROWS = 30_000
TRIALS = 100
MIXED = read_where(
    {
        "all": [
            {"topic": "news"},
            {"country": ["NL", "BE"]},
            {"attribute": "points", "over": 1000},
            {"event": "order_placed", "none_within": "P30D"},
        ]
    },
    "where",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(
    new_database: Callable[[str], Awaitable[str]], migrated_template: str
) -> AsyncIterator[tuple[Database, App]]:
    """A shop just large enough to be sampled."""
    dsn = await new_database(migrated_template)
    db = await Database.open(dsn, name="steeple-estimates")
    app = await make_app(db, spread=4)
    for slug, number in TOPICS.items():
        await db.execute("INSERT INTO topics (app_id, id, slug, name) VALUES ($1, $2, $3, $3)", app.id, number, slug)
    await fill(dsn, app, ROWS, now=NOW)
    yield db, app
    await db.close()


@pytest.mark.parametrize(
    "audience",
    [
        Audience(everybody=True),
        Audience(topics=parse_topics("vip")),
        Audience(where=MIXED),
    ],
    ids=["everybody", "one in a hundred", "mixed"],
)
async def test_the_margin_of_an_estimate_is_true_in_95_of_100(shop: tuple[Database, App], audience: Audience):
    """Of many estimates of one audience, no more than one in twenty is further off than it says."""
    db, app = shop
    truth = await exact(db, app, audience, now=NOW)
    dice = Random(5)

    held = 0
    for _ in range(TRIALS):
        guess = await estimate(db, app, audience, now=NOW, dice=dice, rows=3_000, exact_up_to=10_000)
        assert not guess.is_exact
        held += abs(guess.devices.value - truth.devices.value) <= guess.devices.margin

    assert truth.is_exact
    assert held >= 95


async def test_the_parts_of_an_estimate_are_its_whole(shop: tuple[Database, App]):
    """Channels and time zones add up to the devices, as far as rounding goes."""
    db, app = shop

    guess = await estimate(db, app, Audience(everybody=True), now=NOW, dice=Random(1), rows=3_000, exact_up_to=10_000)

    assert set(guess.per_channel) == {"webpush", "fcm"}
    assert abs(sum(guess.per_channel.values()) - guess.devices.value) <= 2
    assert abs(sum(guess.per_timezone.values()) - guess.devices.value) <= 2


async def test_counting_tells_each_device_and_each_person_once(shop: tuple[Database, App]):
    """Of five devices in this shop two are one person's."""
    db, app = shop

    said: Estimate = await exact(db, app, Audience(everybody=True), now=NOW)

    assert (said.devices.value, said.devices.margin) == (ROWS, 0)
    assert (said.people.value, said.people.margin) == (ROWS * 4 // 5, 0)
    assert said.per_channel == {"webpush": ROWS * 3 // 4, "fcm": ROWS // 4}
    assert said.per_timezone == {"Europe/Amsterdam": ROWS}


async def test_a_small_app_is_counted_at_once(db: Database):
    """Nobody is told "about three"."""
    app = await make_app(db)

    said = await estimate(db, app, Audience(everybody=True), now=NOW, dice=Random(1))

    assert said.is_exact
    assert said.devices.value == said.people.value == 0
