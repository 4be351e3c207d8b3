"""How many would it be? From a sample, with a margin that holds; or counted."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from random import Random

import pytest
import pytest_asyncio

from benchmarks.shoppers import TOPICS, fill
from gateway.model import filter as f
from gateway.model.app import App
from gateway.model.audience import Audience, parse_topics
from gateway.model.ids import ID_BITS
from gateway.policy.filter_reading import read_where
from gateway.sending.estimate import Estimate, estimate, exact
from gateway.store.database import Database
from gateway.store.persons import person_bucket_of
from gateway.store.subscriptions import bucket_of
from tests.store.rows import make_app

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROWS = 30_000
PAIRS = 15_000
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


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pairs(
    new_database: Callable[[str], Awaitable[str]], migrated_template: str
) -> AsyncIterator[tuple[Database, App]]:
    """A shop whose people have two phones each: an Android and an iPhone."""
    db = await Database.open(await new_database(migrated_template), name="steeple-pairs")
    app = await make_app(db, spread=4)
    dice = Random(3)
    people = [(f"cust-{number}", [dice.getrandbits(ID_BITS) for _ in range(2)]) for number in range(PAIRS)]
    await db.copy_records_to_table(
        "persons",
        columns=["app_id", "bucket", "person", "subs"],
        records=[(app.id, person_bucket_of(app, person), person, ids) for person, ids in people],
    )
    await db.executemany(
        "INSERT INTO subscriptions (app_id, bucket, id, provider, credential_id, wire, address_hash, person, platform,"
        " facts) VALUES ($1, $2, $3, 'stub', 1, '', $4, $5, $6, $7)",
        [
            (app.id, bucket_of(app, one), one, dice.randbytes(16), person, platform, {"devices": 2})
            for person, ids in people
            for one, platform in zip(ids, (2, 6), strict=True)
        ],
    )
    await db.execute("ANALYZE")
    yield db, app
    await db.close()


@pytest.mark.parametrize(
    "audience",
    [
        Audience(everybody=True),
        Audience(topics=parse_topics("vip")),
        Audience(where=MIXED),
        Audience(where=read_where({"platform": "chrome_android"}, "where")),
    ],
    ids=["everybody", "one in a hundred", "mixed", "one of several platforms"],
)
async def test_the_margin_of_an_estimate_is_true_in_95_of_100(shop: tuple[Database, App], audience: Audience):
    """Of many estimates of one audience, no more than one in twenty is further off than it says."""
    db, app = shop
    truth = await exact(db, app, audience, now=NOW)
    dice = Random(5)

    devices = people = 0
    for _ in range(TRIALS):
        guess = await _guess(db, app, audience, dice)
        assert not guess.is_exact
        devices += abs(guess.devices.value - truth.devices.value) <= guess.devices.margin
        people += abs(guess.people.value - truth.people.value) <= guess.people.margin

    assert truth.is_exact
    assert devices >= 95
    assert people >= 95


def _guess(db: Database, app: App, audience: Audience, dice: Random) -> Awaitable[Estimate]:
    """Of a sample that is itself looked into in part only."""
    return estimate(db, app, audience, now=NOW, dice=dice, rows=3_000, exact_up_to=10_000, owners=200)


async def test_a_person_with_one_of_two_devices_in_the_audience_is_one_person(pairs: tuple[Database, App]):
    """Everybody has a phone of each kind: those with an Android are everybody, and those with an iPhone, and both."""
    db, app = pairs
    android = read_where({"platform": "chrome_android"}, "where")
    dice = Random(5)
    for audience in (Audience(where=android), Audience(where=f.NoneOf((android,))), Audience(everybody=True)):
        truth = await exact(db, app, audience, now=NOW)
        assert truth.people.value == PAIRS

        guesses = [(await _guess(db, app, audience, dice)).people for _ in range(TRIALS)]

        assert sum(abs(guess.value - PAIRS) <= guess.margin for guess in guesses) >= 95
        assert abs(sum(guess.value for guess in guesses) / TRIALS - PAIRS) < PAIRS / 50, "they lean to one side"


async def test_devices_that_ended_are_no_part_of_their_person(pairs: tuple[Database, App]):
    """Who threw their Android away is reached by the other phone alone, and is still one person."""
    db, app = pairs
    with pytest.raises(UndoneError):
        async with db.transaction() as tx:
            await tx.execute("UPDATE subscriptions SET state = 1 WHERE app_id = $1 AND platform = 2", app.id)
            guess = await _guess(tx, app, Audience(everybody=True), Random(5))  # type: ignore[arg-type]  # as a pool
            assert abs(guess.people.value - PAIRS) <= guess.people.margin
            raise UndoneError


class UndoneError(Exception):
    """Takes what a test changed away again."""


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
