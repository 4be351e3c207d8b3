"""Subscriptions by the hundred thousand: unique endpoints at the sink, real receiver keys.

Written by COPY rather than through the import (`micro/import_rows.py` measures that), because here they are only the
stage. Ids are random and rows lie in the order they came, as after years of opt-ins. The table of addresses stays
empty: sending never reads it.
"""

import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from benchmarks.serving import Served, Shop
from benchmarks.sink import TIMED_PATH, Sink
from gateway.model.app import App
from gateway.model.ids import ID_BITS, bucket_of_id, bucket_of_text, to_text
from gateway.store.database import Database
from gateway.wire.base64url import encode_base64url
from gateway.wire.vapid import VapidKey

POINTS: Final = 1_000
"""Browsers' public keys; one costs the sender the same whether it occurs once or a thousand times."""
_BATCH: Final = 50_000
_FORMAT: Final = b"\x01"
"""The first byte of a packed address, see `gateway/transports/webpush.py`."""


class Receiver(msgspec.Struct, frozen=True):
    """A browser's keys: no two have the same secret, so that each can have a key made ahead."""

    point: bytes
    auth: bytes

    def packed(self, endpoint: str) -> bytes:
        """The address as the store has it."""
        return _FORMAT + self.point + self.auth + endpoint.encode()

    def described(self, endpoint: str) -> dict[str, Any]:
        """The address as `PushSubscription.toJSON()` has it."""
        keys = {"p256dh": encode_base64url(self.point), "auth": encode_base64url(self.auth)}
        return {"endpoint": endpoint, "keys": keys}


def points(count: int = POINTS) -> list[bytes]:
    """Public keys; the private halves are thrown away."""
    return [VapidKey.generate().public for _ in range(count)]


def receiver(points: Sequence[bytes], number: int) -> Receiver:
    """A new browser with one of these keys."""
    return Receiver(points[number % len(points)], secrets.token_bytes(16))


def endpoint(sink: Sink) -> str:
    """A new endpoint, as long as those of Mozilla and Google are."""
    return f"{sink.origin}/wpush/v2/{secrets.token_urlsafe(110)}"


def timed_path(number: int) -> str:
    """The path of the endpoint of a person's device: the sink writes down when something arrives there."""
    return f"{TIMED_PATH}{number:0>150}"


async def fill(db: Database, app: App, sink: Sink, *, rows: int, persons: int = 0) -> None:
    """Gives the app `rows` subscriptions, the first `persons` of them to `person_name(0)`, `person_name(1)`, ..."""
    keys = points(min(POINTS, rows))
    for start in range(0, rows, _BATCH):
        count = min(_BATCH, rows - start)
        batch = list(_subscriptions(app, sink, keys, first=start, count=count, persons=persons))
        await db.copy_records_to_table(
            "subscriptions",
            columns=[
                "app_id",
                "bucket",
                "id",
                "provider",
                "credential_id",
                "wire",
                "person",
                "platform",
                "address_hash",
            ],
            records=batch,
        )
        owned = [(row[6], row[2]) for row in batch if row[6] is not None]
        if owned:
            await db.copy_records_to_table(
                "persons",
                columns=["app_id", "bucket", "person", "subs"],
                records=[(app.id, _person_bucket(app, person), person, [number]) for person, number in owned],
            )
    # What autovacuum does within the minute, so that a run does not meet it half done.
    await db.execute("VACUUM (ANALYZE) subscriptions")
    await db.execute("VACUUM (ANALYZE) persons")


def person_name(number: int) -> str:
    """The shop's own id of a person."""
    return f"cust-{number}"


def _person_bucket(app: App, person: str) -> int:
    return bucket_of_text(person.encode(), home=app.home, spread=app.spread)


def _subscriptions(
    app: App, sink: Sink, keys: Sequence[bytes], *, first: int, count: int, persons: int
) -> Iterator[tuple[Any, ...]]:
    for number in range(first, first + count):
        identity = secrets.randbits(ID_BITS)
        address = sink.origin + timed_path(number) if number < persons else endpoint(sink)
        yield (
            app.id,
            bucket_of_id(identity, home=app.home, spread=app.spread),
            identity,
            "webpush",
            1,
            receiver(keys, number).packed(address),
            person_name(number) if number < persons else None,
            1,
            secrets.token_bytes(16),
        )


async def get_to_know(served: Served, shop: Shop) -> None:
    """Gives everybody a name, a basket and a time zone where it is day now, and the app nights and caps."""
    await served.db.execute(
        """
        UPDATE subscriptions SET timezone = $2,
               facts = jsonb_build_object('attributes', jsonb_build_object('first_name', 'Ada ' || id % 1000,
                                                                           'basket', 'basket of the week'))
         WHERE app_id = $1
        """,
        shop.app.id,
        _zone_at_noon(datetime.now(UTC)),
    )
    await served.db.execute("VACUUM (ANALYZE) subscriptions")
    await _set(served, shop, {"quiet_hours": {"from": "21:00", "to": "09:00"}, "caps": [{"per": "P1D", "max": 100}]})


async def send_round_the_world(served: Served, shop: Shop) -> None:
    """Spreads everybody over the zones of a whole day."""
    await served.db.execute(
        """
        UPDATE subscriptions SET timezone = CASE WHEN id % 24 < 12 THEN 'Etc/GMT-' || id % 24 + 1
                                                 ELSE 'Etc/GMT+' || id % 24 - 12 END
         WHERE app_id = $1
        """,
        shop.app.id,
    )
    await served.db.execute("VACUUM (ANALYZE) subscriptions")


async def forget_rules(served: Served, shop: Shop) -> None:
    """The app has no nights and no caps."""
    await _set(served, shop, {"quiet_hours": None, "caps": None})


def _zone_at_noon(now: datetime) -> str:
    """A zone where it is about noon. The sign of such names is turned round: Etc/GMT-3 is east of Greenwich."""
    east = (12 - now.hour + 11) % 24 - 11
    return f"Etc/GMT{-east:+d}" if east else "Etc/GMT"


async def _set(served: Served, shop: Shop, settings: dict[str, Any]) -> None:
    await served.call(shop, "PATCH", f"/v1/apps/{to_text('app', shop.app.public_id)}", {"settings": settings})
