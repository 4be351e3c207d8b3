"""What became of whom, packed: a byte each, and found again by message and by device."""

from datetime import timedelta

from gateway.model.app import App
from gateway.model.delivery import Code
from gateway.model.ids import bucket_of_id
from gateway.store import outcomes
from gateway.store.database import Database
from gateway.store.outcomes import OutcomeRow
from tests.store.rows import TODAY, drawn_ids, make_app, work

IDS = drawn_ids(12)
MESSAGE = 4711 << 10


async def store(db: Database, app: App, ids: list[int], codes: list[Code], *, attempt: int = 0) -> None:
    key = work(app, MESSAGE, ids, attempt=attempt).key
    await outcomes.insert_outcomes(db, [(key, TODAY, 1, ids, bytes(codes))])


async def of_device(db: Database, app: App, number: int) -> list[OutcomeRow]:
    bucket = bucket_of_id(number, home=app.home, spread=app.spread)
    return await outcomes.of_recipient(
        db, app_id=app.id, bucket=bucket, message_id=MESSAGE, day=TODAY, subscription_id=number
    )


async def test_every_try_of_one_device_is_found_in_order(db: Database):
    """A shop asks what became of one customer: first put off, then sent."""
    app = await make_app(db)
    await store(db, app, IDS[:3], [Code.SENT] * 3)
    await store(db, app, IDS[4:6], [Code.FAILED_ATTEMPTS, Code.SENT], attempt=2)
    await store(db, app, [IDS[4]], [Code.EXPIRED], attempt=1)

    found = await of_device(db, app, IDS[4])

    assert [(row.attempt, row.ids, list(row.codes)) for row in found] == [
        (1, [IDS[4]], [Code.EXPIRED]),
        (2, IDS[4:6], [Code.FAILED_ATTEMPTS, Code.SENT]),
    ]


async def test_a_device_between_others_was_not_in_their_group(db: Database):
    """A group is from here to there, and not everybody in between was in it."""
    app = await make_app(db)
    await store(db, app, [IDS[0], IDS[2]], [Code.SENT, Code.SENT])

    assert await of_device(db, app, IDS[1]) == []
    assert len(await of_device(db, app, IDS[2])) == 1


async def test_all_of_a_message_is_read_page_by_page(db: Database):
    """A report of every recipient: each group once, whatever the size of a page."""
    app = await make_app(db, spread=4)
    for number in IDS:
        await store(db, app, [number], [Code.SENT])
    await store(db, app, [IDS[0]], [Code.GONE], attempt=1)

    seen: list[tuple[int, int]] = []
    start = (0, 0, 0)
    while page := await outcomes.of_message(
        db, app_id=app.id, buckets=app.buckets, message_id=MESSAGE, day=TODAY, start=start, limit=4
    ):
        seen += [(row.ids[0], row.attempt) for _, row in page]
        bucket, last = page[-1]
        start = (bucket, last.ids[0], last.attempt + 1)

    assert sorted(seen) == sorted([*((number, 0) for number in IDS), (IDS[0], 1)])


async def test_other_days_apps_and_messages_are_not_mixed_in(db: Database):
    """Each report is about one message of one app."""
    app, other = await make_app(db), await make_app(db)
    await store(db, app, IDS[:2], [Code.SENT] * 2)
    bucket = app.home

    async def found(app_id: int, message_id: int, days: int) -> int:
        rows = await outcomes.of_recipient(
            db,
            app_id=app_id,
            bucket=bucket,
            message_id=message_id,
            day=TODAY + timedelta(days=days),
            subscription_id=IDS[0],
        )
        return len(rows)

    assert await found(app.id, MESSAGE, 0) == 1
    assert await found(other.id, MESSAGE, 0) == 0
    assert await found(app.id, MESSAGE + 1024, 0) == 0
    assert await found(app.id, MESSAGE, 1) == 0


async def test_a_group_takes_eleven_bytes_a_recipient(db: Database):
    """What makes a year of history affordable: packed, and never a row each."""
    app = await make_app(db)
    ids = drawn_ids(500, seed=5)
    await store(db, app, ids, [Code.SENT] * 500)

    stored = await db.fetchval("SELECT pg_column_size(ids) + pg_column_size(codes) FROM outcomes")

    assert stored / 500 < 11
