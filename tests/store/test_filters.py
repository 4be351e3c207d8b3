"""A filter means the same in the database as in Python, for anybody it may meet."""

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.model import filter as f
from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.place import place_key
from gateway.model.segment import Names
from gateway.policy.filter_writing import written
from gateway.policy.matching import Described, matches
from gateway.store import audiences
from gateway.store.database import Database, Queryable
from tests.policy.crowd import DEVICES, NOW
from tests.policy.filters import TOPICS, WHERES
from tests.store.rows import address_hash_of, make_app

TOPIC_IDS: Final = {slug: 11 * (at + 1) for at, slug in enumerate(TOPICS[:2])}


_ALLOWED: Final = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


class UndoneError(Exception):
    """Takes an example's rows away again."""


async def enrol(db: Queryable, app: App, devices: Sequence[Described]) -> None:
    """The devices, with ids 0, 1, 2, ..."""
    await db.executemany(
        "INSERT INTO subscriptions (app_id, bucket, id, provider, credential_id, wire, address_hash, enrolled_at,"
        " platform, locale, country, region, city, person, created_at, seen_at, topics, attrs, facts, region_key,"
        " city_key)"
        " VALUES ($1, $2, $3, $4, 1, '', $5, '2020-01-01Z', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,"
        " $18)",
        [
            (
                app.id, app.home, number, device.channel, address_hash_of(number), device.platform, device.locale,
                device.country, device.region, device.city, device.user, device.first_seen, device.last_seen,
                [TOPIC_IDS[slug] for slug in sorted(device.topics)], device.attrs, device.facts,
                device.region and place_key(device.region), None if device.city is None else place_key(device.city),
            )
            for number, device in enumerate(devices)
        ],
    )  # fmt: skip


async def found(db: Queryable, app: App, audience: Audience) -> list[int]:
    """Whom the database finds."""
    group = await audiences.read_range(
        db, app_id=app.id, bucket=app.home, after=-1, up_to=2**62, planned_at=NOW, audience=audience,
        names=Names(topics=TOPIC_IDS), limit=1000,
    )  # fmt: skip
    return [device.subscription_id for device in group]


def fitting(where: f.Where, devices: Sequence[Described]) -> list[int]:
    """Whom Python finds."""
    return [number for number, device in enumerate(devices) if matches(where, device, now=NOW)]


@settings(max_examples=150, deadline=None, suppress_health_check=_ALLOWED)
@given(devices=st.lists(DEVICES, min_size=1, max_size=15), wheres=st.lists(WHERES, min_size=1, max_size=15))
async def test_a_filter_means_the_same_in_the_database(db: Database, devices: list[Described], wheres: list[f.Where]):
    """Random people, random filters: those are found who fit, and nobody else."""
    with pytest.raises(UndoneError):
        async with db.transaction() as tx:
            app = await make_app(tx)
            await enrol(tx, app, devices)
            for where in wheres:
                assert await found(tx, app, Audience(where=where)) == fitting(where, devices), written(where)
            raise UndoneError
