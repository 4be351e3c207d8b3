"""A filter means the same in the database as in Python, for anybody it may meet."""

import time
from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.model import filter as f
from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.errors import Invalid
from gateway.model.limits import FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, FILTER_VALUES_MAX, STATEMENT_TIMEOUT_S
from gateway.model.place import place_key
from gateway.model.segment import Names
from gateway.policy.filter_reading import read_where
from gateway.policy.filter_writing import written
from gateway.policy.matching import Described, matches
from gateway.store import audiences
from gateway.store.database import Database, Queryable
from tests.policy.crowd import DEVICES, NOW
from tests.policy.filters import TOPICS, WHERES
from tests.store.rows import address_hash_of, make_app

TOPIC_IDS: Final = {slug: 11 * (at + 1) for at, slug in enumerate(TOPICS[:2])}


NO_APP: Final = App(
    id=0, public_id=1, name="none", home=7, spread=1, origins=(), link_hosts=(), subject="", settings={}, created_at=NOW
)  # fmt: skip
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


def _largest() -> list[f.Where]:
    """As many conditions as there may be, each as large as it may be."""
    words = tuple(f"word {number}" for number in range(FILTER_VALUES_MAX))
    kinds: list[f.Leaf] = [
        f.Fact(f.Tag("a"), f.OneOf(words)),
        f.Fact(f.Attribute("b"), f.Has(words)),
        f.Fact(f.Tag("a"), f.Has(words[:10])),
        f.Fact(f.Attribute("born"), f.Between("1990-01-01", "1999-12-31")),
        f.Fact(f.Known("language"), f.OneOf(words)),
        f.Total("visit", "sum", "under", 5, "P90D"),
        f.Total("visit", "count", "over", 5, "P90D"),
        f.Done("order_placed", is_done=False, within="P1Y"),
    ]
    many = tuple(kinds[number % len(kinds)] for number in range(FILTER_CONDITIONS_MAX))
    deep: f.Where = f.AnyOf(many)
    for _ in range(FILTER_DEPTH_MAX - 1):
        deep = f.NoneOf((deep,))
    return [f.All(many), f.AnyOf(many), f.NoneOf(many), deep]


async def test_the_largest_filter_is_answered_in_time(db: Database):
    """A hundred conditions over ten thousand people take a small part of what a statement may take."""
    app = await make_app(db)
    busy = {"visit": {"n": 1, "first": 0, "last": int(NOW.timestamp()), "sum": 1, "days": {"20500": [1, 1]}}}
    facts = {"attributes": {"b": ["x"] * 20, "born": "1980-01-01"}, "events": busy}
    await enrol(db, app, [Described(channel="stub", first_seen=NOW, last_seen=NOW, facts=facts)] * 10_000)

    for where in _largest():
        started_s = time.perf_counter()
        assert len(await found(db, app, Audience(where=where))) in {0, 1000}
        assert time.perf_counter() - started_s < STATEMENT_TIMEOUT_S / 10 * 2


@settings(max_examples=100, deadline=None, suppress_health_check=_ALLOWED)
@given(name=st.text(min_size=1, max_size=64), values=st.lists(st.text() | st.integers() | st.floats(), max_size=12))
async def test_whatever_is_read_can_be_asked(db: Database, name: str, values: list[object]):
    """Names and values with any characters and of any size: refused when read, or answered."""
    said = {"any": [{"attribute": name, "in": values}, {"tag": name, "exists": True}, {"event": name, "done": True}]}
    try:
        where = read_where(said, "where")
    except Invalid:
        return
    app = App(
        id=1,
        public_id=1,
        name="x",
        home=7,
        spread=1,
        origins=(),
        link_hosts=(),
        subject="",
        settings={},
        created_at=NOW,
    )

    assert await found(db, app, Audience(where=where)) == []
