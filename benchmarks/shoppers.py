"""Devices of a large shop, with all that filters ask for: topics, tags, attributes, places, and what people did.

Written by COPY in random order of ids, as after years of opt-ins. The shares are made up, and near enough to those of a
shop: a fifth pays for the silver plan, one in fifty is gold, a third ordered in the last month.
"""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from gateway.model.app import App
from gateway.model.ids import ID_BITS, bucket_of_id, bucket_of_text
from gateway.model.place import place_key
from gateway.policy.event_facts import latest_of

TOPICS: Final = {"news": 101, "sale": 102, "vip": 103}
_SHARES: Final = {101: 0.6, 102: 0.25, 103: 0.01}
_CITIES: Final = (
    ("NL", "NL-NH", "Amsterdam", 52.37, 4.90, 20),
    ("NL", "NL-UT", "Utrecht", 52.09, 5.12, 8),
    ("NL", "NL-ZH", "Rotterdam", 51.92, 4.48, 15),
    ("NL", "NL-GR", "Groningen", 53.22, 6.57, 4),
    ("BE", "BE-VAN", "Antwerpen", 51.22, 4.40, 12),
    ("BE", "BE-VOV", "Gent", 51.05, 3.72, 6),
    ("DE", "DE-BE", "Berlin", 52.52, 13.40, 18),
    ("DE", "DE-HH", "Hamburg", 53.55, 9.99, 9),
    ("LU", "LU-LU", "Luxembourg", 49.61, 6.13, 1),
    ("FR", "FR-75C", "Paris", 48.86, 2.35, 7),
)
_WEIGHTS: Final = [city[5] for city in _CITIES]
_COLUMNS: Final = (
    "app_id", "bucket", "id", "provider", "credential_id", "wire", "address_hash", "person", "topics", "attrs", "facts",
    "country", "region", "city", "region_key", "city_key", "lat", "lon", "located_by", "timezone", "locale", "platform",
    "created_at", "enrolled_at", "registered_at", "seen_at",
)  # fmt: skip
_OF_PERSON: Final = ("app_id", "bucket", "person", "subs", "version", "copied")
_ID: Final = _COLUMNS.index("id")
_PERSON: Final = _COLUMNS.index("person")
_BATCH: Final = 20_000
"""A multiple of five, so that nobody's devices lie in two of them."""
_DAY_S: Final = 86_400


async def fill(dsn: str, app: App, rows: int, *, now: datetime, seed: int = 7) -> None:
    """Adds so many devices to the app, the same ones each time; the table is in order afterwards."""
    dice = random.Random(seed)
    raw = await asyncpg.connect(dsn)
    try:
        # COPY is binary here, which the gateway's own way with jsonb is not.
        await raw.set_type_codec(
            "jsonb", schema="pg_catalog", format="binary", encoder=_binary_json, decoder=msgspec.json.decode
        )
        for start in range(0, rows, _BATCH):
            records = list(_devices(app, range(start, min(start + _BATCH, rows)), dice, now))
            await raw.copy_records_to_table("subscriptions", columns=_COLUMNS, records=records)
            await raw.copy_records_to_table("persons", columns=_OF_PERSON, records=_persons(app, records))
        await raw.execute("VACUUM (ANALYZE) subscriptions")
        await raw.execute("VACUUM (ANALYZE) persons")
    finally:
        await raw.close()


def _binary_json(value: object) -> bytes:
    return b"\x01" + msgspec.json.encode(value)


def _devices(app: App, numbers: range, dice: random.Random, now: datetime) -> Iterator[tuple[Any, ...]]:
    """Of five devices the last two are one person's, and carry the same facts."""
    facts: dict[str, Any] = {}
    for number in numbers:
        if number % 5 < 4:
            facts = dict(_facts(dice, now, devices=1 + (number % 5 == 3)))
        yield _device(app, number, facts, dice, now)


def _persons(app: App, devices: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    held: dict[str, list[int]] = {}
    for device in devices:
        held.setdefault(device[_PERSON], []).append(device[_ID])
    for person, ids in held.items():
        bucket = bucket_of_text(person.encode(), home=app.home, spread=app.spread)
        yield app.id, bucket, person, ids, len(ids), len(ids)


def _device(app: App, number: int, facts: dict[str, Any], dice: random.Random, now: datetime) -> tuple[Any, ...]:
    subscription_id = dice.getrandbits(ID_BITS)
    country, region, city, lat, lon, _ = dice.choices(_CITIES, _WEIGHTS)[0]
    person = f"cust-{number // 5 * 4 + min(number % 5, 3)}"  # one in four people has a second device
    seen_at = now - timedelta(days=dice.expovariate(1 / 40))
    created_at = seen_at - timedelta(days=dice.uniform(0, 700))
    return (
        app.id, bucket_of_id(subscription_id, home=app.home, spread=app.spread), subscription_id,
        "webpush" if number % 4 else "fcm", 1, dice.randbytes(230), dice.randbytes(16), person,
        [topic for topic, share in _SHARES.items() if dice.random() < share],
        {"tags": {"theme": dice.choice(["dark", "light"]), "visits": dice.randrange(60)}} if number % 3 else None,
        facts,
        country, region, city, place_key(region), place_key(city),
        round(dice.gauss(lat, 0.15), 3), round(dice.gauss(lon, 0.2), 3), 1 + (number % 10 == 0), "Europe/Amsterdam",
        dice.choice(["nl", "nl-BE", "en", "de", "fr"]), dice.choice([1, 2, 2, 2, 4, 6, 10]),
        created_at, created_at, created_at, seen_at,
    )  # fmt: skip


def _facts(dice: random.Random, now: datetime, *, devices: int) -> Iterator[tuple[str, Any]]:
    plan = dice.choices(["free", "silver", "gold"], [78, 20, 2])[0]
    born = datetime(1950 + dice.randrange(55), 1 + dice.randrange(12), 1 + dice.randrange(28), tzinfo=UTC)
    yield (
        "attributes",
        {
            "first_name": dice.choice(["Anna", "Bram", "Carla", "Dirk", "Esra"]),
            "plan": plan,
            "points": dice.randrange(5000),
            "born": born.date().isoformat(),
            "sizes": dice.sample(["S", "M", "L", "XL"], dice.randrange(1, 3)),
            "newsletter": dice.random() < 0.5,
            "store": f"store-{dice.randrange(400)}",
        },
    )
    yield "tags", {"segment_rfm": dice.choice(["champion", "loyal", "new", "risk", "lost"])}
    yield "language", dice.choice(["nl", "en"])
    yield "timezone", "Europe/Amsterdam"
    if devices > 1:
        yield "devices", devices
    yield (
        "events",
        {name: _event(dice, now) for name, share in (("order_placed", 0.6), ("visit", 0.9)) if dice.random() < share},
    )


def _event(dice: random.Random, now: datetime) -> dict[str, Any]:
    today = int(now.timestamp()) // _DAY_S
    days = {f"{today - int(dice.expovariate(1 / 60))}": [1, round(dice.uniform(5, 150), 2)] for _ in range(5)}
    last = max(int(day) for day in days)
    return {
        "n": len(days),
        "first": min(int(day) for day in days) * _DAY_S,
        "last": last * _DAY_S + dice.randrange(_DAY_S),
        "sum": round(sum(worth for _, worth in days.values()), 2),
        "days": days,
        "latest": latest_of(days),
    }
