"""Rows to work with: apps, devices, messages and chunks as other rooms would have written them."""

import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime

import msgspec
import pytest_asyncio

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.delivery import Code
from gateway.model.ids import bucket_of_id, new_id, new_message_id
from gateway.model.message import Content, MessageState
from gateway.model.work import Chunk, ChunkKey, GroupResult, MessageKind, NewChunk, Turn
from gateway.policy.counting import tally_key
from gateway.store import apps, chunks, messages, partitions
from gateway.store.database import Database, Queryable

TODAY = datetime.now(UTC).date()
EVERYBODY = Audience(everybody=True)
CONTENT = Content(title="Shipped", body="On its way")
PROVIDER = "stub"
_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_database(
    new_database: Callable[[str], Awaitable[str]], migrated_template: str
) -> AsyncIterator[Database]:
    """A pool on a migrated database with its day partitions, for all tests of this process that leave it as it is."""
    pool = await Database.open(await new_database(migrated_template), name="steeple-test")
    await partitions.ensure(pool, today=TODAY)
    yield pool
    await pool.close()


@pytest_asyncio.fixture(loop_scope="session")
async def db(shared_database: Database) -> Database:
    """A pool on a database that is ready to send and holds no row: quicker than a new one for each test."""
    await shared_database.execute(
        "DELETE FROM apps; DELETE FROM credentials; DELETE FROM topics; DELETE FROM lanes; DELETE FROM processes;"
        " DELETE FROM subscriptions; DELETE FROM addresses; DELETE FROM persons; DELETE FROM idempotency;"
        " DELETE FROM person_events; DELETE FROM erasures; DELETE FROM prompts; DELETE FROM opt_ins;"
        " DELETE FROM device_events;"
        " DELETE FROM messages; DELETE FROM chunks; DELETE FROM outcomes; DELETE FROM receipts;"
        " DELETE FROM receipt_counts; DELETE FROM secrets; DELETE FROM audit_log; DELETE FROM api_keys;"
        " DELETE FROM app_stops; DELETE FROM stretch_leases; DELETE FROM throttles;"
        " DELETE FROM visitors; DELETE FROM inbox_marks"
    )
    return shared_database


async def make_app(db: Queryable, *, spread: int = 1, home: int = 7) -> App:
    """An app in so many buckets."""
    app = await apps.insert(
        db,
        public_id=new_id(),
        name=f"shop {next(_numbers)}",
        home=home,
        origins=["https://shop.example"],
        link_hosts=[],
        subject="mailto:push@shop.example",
        settings={},
    )
    assert app is not None
    await db.execute("UPDATE apps SET spread = $2 WHERE id = $1", app.id, spread)
    return msgspec.structs.replace(app, spread=spread)


async def enrol(
    db: Queryable,
    app: App,
    ids: Iterable[int],
    *,
    provider: str = PROVIDER,
    topics: Sequence[int] = (),
    locale: str | None = None,
    person: str | None = None,
    state: int = 0,
    suspect_at: datetime | None = None,
) -> list[int]:
    """Devices of these ids."""
    numbers = sorted(ids)
    await db.copy_records_to_table(
        "subscriptions",
        columns=(
            "app_id", "bucket", "id", "provider", "credential_id", "wire", "address_hash", "topics", "locale", "person",
            "state", "suspect_at",
        ),
        records=[
            (
                app.id, bucket_of_id(number, home=app.home, spread=app.spread), number, provider, 1, b"\x01wire",
                address_hash_of(number), list(topics), locale, person, state, suspect_at,
            )
            for number in numbers
        ],
    )  # fmt: skip
    return numbers


def address_hash_of(number: int) -> bytes:
    """The hash of the address of the device with this id."""
    return number.to_bytes(16, "big")


def drawn_ids(count: int, *, seed: int = 1) -> list[int]:
    """Ids all over the key space, the same ones each time."""
    dice = random.Random(seed)
    return sorted(dice.getrandbits(62) for _ in range(count))


async def add_message(
    db: Queryable,
    app: App,
    *,
    bucket: int | None = None,
    audience: Audience = EVERYBODY,
    state: MessageState = MessageState.SENDING,
    due_at: datetime | None = None,
    content: Content = CONTENT,
) -> int:
    """A message of the app, an hour of life before it; its id."""
    message_id = new_message_id(app.home if bucket is None else bucket)
    kind = MessageKind.NAMED if audience.is_named else MessageKind.CAMPAIGN
    row = messages.NewMessage(
        app_id=app.id, id=message_id, kind=kind, state=state, content=content, audience=audience, due_at=due_at,
        life_s=3600,
    )  # fmt: skip
    await messages.insert(db, [row], at=datetime.now(UTC))
    return message_id


def work(
    app: App, message_id: int, ids: Sequence[int], *, attempt: int = 0, delay_s: float = 0.0, is_range: bool = False
) -> NewChunk:
    """A chunk of these recipients, due at once."""
    bucket = bucket_of_id(ids[0], home=app.home, spread=app.spread)
    return NewChunk(
        key=ChunkKey(app.id, bucket, message_id, 0, ids[0], attempt),
        hi=ids[-1],
        ids=None if is_range else list(ids),
        expected=len(ids),
        delay_s=delay_s,
    )


async def claim_one(db: Queryable, new: NewChunk, *, owner: int = 1, lease_s: int = 60) -> Chunk:
    """Adds the chunk and claims it; there is no other one due."""
    await chunks.insert(db, [new])
    (chunk,) = await claim(db, owner=owner, limit=10, lease_s=lease_s)
    return chunk


async def claim(db: Queryable, *, owner: int, limit: int, lease_s: int) -> list[Chunk]:
    """Takes up to so many due chunks, whosever they are."""
    due = await chunks.due(db, after=(0, 0), limit=1000)
    found: list[Chunk] = []
    for app_id, message_id in due.pairs:
        turn = Turn(app_id, message_id, limit - len(found))
        found += await chunks.claim(db, turn, owner=owner, lease_s=lease_s) if turn.chunks else []
    return found


def settled(
    chunk: Chunk,
    ends: dict[int, Code],
    *,
    cursor: int | None = None,
    is_finished: bool = True,
    retries: Sequence[NewChunk] = (),
    gone: Sequence[int] = (),
    suspects: Sequence[int] = (),
    cleared: Sequence[int] = (),
    read_at: datetime | None = None,
) -> GroupResult:
    """What a worker found out about a group of the chunk."""
    tally = dict(chunk.tally)
    for code in ends.values():
        key = tally_key(PROVIDER, 0, code)
        tally[key] = tally.get(key, 0) + 1
    return GroupResult(
        chunk=chunk,
        day=TODAY,
        cursor=chunk.hi if cursor is None else cursor,
        seen=chunk.seen + len(ends) + sum(one.expected for one in retries),
        tally=tally,
        is_finished=is_finished,
        ids=sorted(ends),
        codes=bytes(ends[number] for number in sorted(ends)),
        retries=list(retries),
        gone=dict.fromkeys(gone, read_at or datetime.now(UTC)),
        suspects=list(suspects),
        cleared=list(cleared),
        read_at=read_at or datetime.now(UTC),
    )


async def everything(db: Queryable) -> list[object]:
    """All rows of the hot tables: to see that nothing at all was written."""
    return [
        await db.fetch("SELECT * FROM subscriptions ORDER BY app_id, bucket, id"),
        await db.fetch("SELECT * FROM messages ORDER BY app_id, bucket, id"),
        await db.fetch("SELECT * FROM chunks ORDER BY app_id, bucket, msg_id, part, lo, attempt"),
        await db.fetch("SELECT * FROM outcomes ORDER BY app_id, bucket, msg_id, lo, attempt"),
        await db.fetch("SELECT * FROM idempotency ORDER BY app_id, bucket, key"),
    ]


async def expire_leases(db: Queryable) -> None:
    """Lets a minute and more go by for every lease."""
    await db.execute("UPDATE chunks SET lease_until = now() - interval '1 second' WHERE state = 1")
    await db.execute("UPDATE messages SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL")
