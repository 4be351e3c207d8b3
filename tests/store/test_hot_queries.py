"""Hot statements keep their index. A plan that reads a whole table is a gateway that slows down as a shop grows.

The statements are caught on their way to Postgres, as their functions send them, and explained on tables of a size at
which the planner has a choice.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import pytest_asyncio

from gateway.model.app import App
from gateway.model.audience import Audience, parse_topics
from gateway.model.delivery import Code
from gateway.model.ids import bucket_of_id
from gateway.model.message import MessageState
from gateway.model.segment import Names
from gateway.model.work import Chunk, GroupResult, Turn
from gateway.store import (
    approvals,
    audiences,
    chunks,
    copies,
    holds,
    idempotency,
    list_members,
    messages,
    outcomes,
    partitions,
    persons,
    pressure,
    profiles,
    segments,
    singles,
    subscriptions,
)
from gateway.store.database import Database
from tests.store.plans import plans, whole_tables
from tests.store.rows import EVERYBODY, TODAY, add_message, enrol, make_app, settled, work

DEVICES: Final = 6_000
CHUNKS: Final = 4_000
TOPIC: Final = 77
LIST: Final = 78
IDS: Final = [number * (2**62 // DEVICES) + 11 for number in range(DEVICES)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filled(
    new_database: Callable[[str], Awaitable[str]], migrated_template: str
) -> AsyncIterator[tuple[Database, App]]:
    """An app with thousands of devices, messages, chunks and keys, most of them done; all tables analysed."""
    pool = await Database.open(await new_database(migrated_template), name="steeple-plans")
    for day in (TODAY, TODAY + timedelta(days=17)):
        await partitions.ensure(pool, today=day)
    app = await make_app(pool, spread=4)
    other = await make_app(pool, spread=4, home=9)
    for one in (app, other):
        await enrol(pool, one, IDS[: DEVICES - 40], person="somebody")
        await enrol(pool, one, IDS[DEVICES - 40 : DEVICES - 20], topics=[TOPIC + one.id, 5])
        await enrol(pool, one, IDS[DEVICES - 20 :], state=1)
    await pool.execute("UPDATE subscriptions SET ended_at = now() - interval '40 days' WHERE state = 1")
    message = await add_message(pool, app)
    await pool.execute(
        """
        INSERT INTO chunks (app_id, bucket, msg_id, lo, hi, cursor, state, lease_until, owner, due_at)
        SELECT $1, 7, $2, n, n, n, CASE n % 100 WHEN 0 THEN 0 WHEN 1 THEN 1 ELSE 2 END, now() + n * interval '1 second',
               n % 3, now() + (n - 2000) * interval '1 second'
          FROM generate_series(1, $3::int) AS n
        """,
        app.id,
        message,
        CHUNKS,
    )
    await pool.execute(
        """
        INSERT INTO messages (app_id, bucket, id, kind, state, content, audience, due_at, expires_at, created_at, tally,
                              finished_at)
        SELECT $1, n % 1024, n, 1, CASE n % 200 WHEN 0 THEN 0 WHEN 1 THEN 2 ELSE 4 END, '{}', '{}',
               now() + (n - 2000) * interval '1 minute', now(), now() - n * interval '1 minute', '{}', now()
          FROM generate_series(1, $2::int) AS n
        """,
        app.id,
        CHUNKS,
    )
    await pool.execute(
        """
        INSERT INTO idempotency (app_id, bucket, key, request_hash, expires_at)
        SELECT $1, 7, 'k' || n, '', now() + (n - 10) * interval '1 minute' FROM generate_series(1, $2::int) AS n
        """,
        app.id,
        CHUNKS,
    )
    await pool.execute(
        """
        INSERT INTO persons (app_id, bucket, person, subs)
        SELECT $1, 7, 'user-' || n, ARRAY[n] FROM generate_series(1, $2::int) AS n
        """,
        app.id,
        CHUNKS,
    )
    await pool.execute(
        """
        INSERT INTO outcomes (app_id, bucket, day, msg_id, lo, hi, at, ids, codes)
        SELECT $1, 7, $2, n, n, n + 1, now(), ARRAY[n, n + 1], '\\x0a0a' FROM generate_series(1, $3::int) AS n
        """,
        app.id,
        TODAY,
        CHUNKS,
    )
    await pool.execute("UPDATE subscriptions SET lists = ARRAY[$1::int] WHERE topics <> '{}'", LIST)
    await pool.execute("UPDATE subscriptions SET person_lists = ARRAY[$1::int] WHERE topics <> '{}'", LIST + 1)
    await pool.execute("UPDATE persons SET lists = ARRAY[$1::int] WHERE person LIKE 'user-1__7'", LIST)
    await pool.execute("ANALYZE")
    yield pool, app
    await pool.close()


async def _settle(db: Any, app: App) -> None:
    await chunks.settle(db, await _result(db, app), owner=1, lease_s=60)


async def _settle_singles(db: Any, app: App) -> None:
    result = await _result(db, app)
    await singles.settle(db, [result], whole=[result.chunk.key.message_id])


async def _result(db: Any, app: App) -> GroupResult:
    """What became of a chunk that is ours: somebody gone, a doubt, a doubt gone, a retry."""
    message = await add_message(db, app)
    key = work(app, message, IDS[:3]).key
    chunk = Chunk(
        key=key, hi=IDS[2], cursor=IDS[0] - 1, ids=IDS[:3], strikes=0, claim_no=1, expected=3, seen=0, tally={}
    )  # fmt: skip
    await chunks.insert_claimed(db, [chunk], owner=1, lease_s=60)
    return settled(
        chunk, dict.fromkeys(IDS[:3], Code.GONE), gone=IDS[:1], suspects=IDS[1:2], cleared=IDS[2:3],
        retries=[work(app, message, IDS[3:4], attempt=1)],
    )  # fmt: skip


def reading(app: App, audience: Audience = EVERYBODY) -> dict[str, Any]:
    return {"app_id": app.id, "audience": audience, "names": Names(topics={"vip": TOPIC + app.id})}


NOW = datetime.now(UTC)
LATELY = pressure.Since([1], NOW - timedelta(days=1), TODAY)
VIP = Audience(topics=parse_topics("vip"))
VIPS = Audience(lists=("vips",))
Use = Callable[[Any, App], Awaitable[object]]


def _group(db: Any, app: App, audience: Audience = EVERYBODY) -> Awaitable[object]:
    bucket = bucket_of_id(IDS[3000], home=app.home, spread=app.spread)
    return audiences.read_range(
        db, bucket=bucket, after=IDS[3000], up_to=IDS[5000], planned_at=NOW + timedelta(hours=1), limit=500,
        **reading(app, audience),
    )  # fmt: skip


CASES: dict[str, tuple[Use, tuple[str, ...]]] = {
    "whose turn": (lambda db, _: chunks.due(db, after=(0, 0), limit=64), ("chunks_turns",)),
    "claim": (
        lambda db, app: chunks.claim(db, Turn(app.id, 1031, 4), owner=9, lease_s=60),
        ("chunks_turns",),
    ),
    "release what expired": (lambda db, _: chunks.release_expired(db), ("chunks_leased",)),
    "wake who waits for a lane": (lambda db, app: chunks.wake(db, app_id=app.id, lanes=[0, 7]), ("chunks_lane",)),
    "release what a process held": (lambda db, _: chunks.release_owned(db, owner=1), ("chunks_leased",)),
    "claim messages": (lambda db, _: messages.claim_due(db, limit=8, lease_s=60), ("messages_due",)),
    "messages to prepare for": (lambda db, _: messages.coming(db, within_s=600, limit=8), ("messages_due",)),
    "messages that may be done": (lambda db, _: messages.running(db, after=None, limit=200), ("messages_running",)),
    "list messages": (
        lambda db, app: messages.page(db, app_id=app.id, before=None, limit=20, state=None),
        ("messages_recent",),
    ),
    "a message": (lambda db, app: messages.get(db, app_id=app.id, message_id=1031), ("messages_pkey",)),
    "read a group": (_group, ("subscriptions_pkey", "subscriptions_live")),
    "read a group of a topic": (
        lambda db, app: _group(db, app, VIP),
        ("subscriptions_pkey", "subscriptions_live", "subscriptions_topics"),
    ),
    "count everybody": (
        lambda db, app: audiences.count_slices(db, buckets=app.buckets, now=NOW, **reading(app)),
        ("subscriptions_pkey", "subscriptions_live"),
    ),
    "count a small topic": (
        lambda db, app: audiences.count_slices(db, buckets=app.buckets, now=NOW, **reading(app, VIP)),
        ("subscriptions_topics",),
    ),
    "preview a small topic": (
        lambda db, app: audiences.count_by_kind(db, buckets=app.buckets, now=NOW, **reading(app, VIP)),
        ("subscriptions_topics",),
    ),
    "count a small list": (
        lambda db, app: audiences.count_slices(
            db, buckets=app.buckets, now=NOW, app_id=app.id, audience=VIPS, names=Names(lists={"vips": LIST})
        ),
        ("subscriptions_lists", "subscriptions_person_lists"),
    ),
    "people of a small list": (
        lambda db, app: list_members.count_persons(db, app, LIST),
        ("persons_lists",),
    ),
    "messages that use a segment": (
        lambda db, app: segments.messages_with(db, app.id, "vips", limit=10),
        ("messages_filtered",),
    ),
    "where somebody waits": (
        lambda db, app: holds.of_recipient(db, app_id=app.id, bucket=7, message_id=1031, subscription_id=5),
        ("chunks_pkey",),
    ),
    "named devices": (
        lambda db, app: audiences.named(db, buckets=app.buckets, ids=IDS[:100:7], now=NOW, **reading(app)),
        ("subscriptions_pkey", "subscriptions_live"),
    ),
    "listed devices": (
        lambda db, app: audiences.read_listed(db, app_id=app.id, bucket=app.home, ids=IDS[:100:7]),
        ("subscriptions_pkey", "subscriptions_live"),
    ),
    "devices of the short way": (
        lambda db, app: audiences.devices(db, app_id=app.id, buckets=app.buckets, ids=IDS[:20:7]),
        ("subscriptions_pkey", "subscriptions_live"),
    ),
    "devices of people": (
        lambda db, app: persons.subscriptions_of(db, app, ["user-5"]),
        ("persons_pkey",),
    ),
    "people whose devices lag behind": (
        lambda db, _: copies.stale(db, older_s=2.0, limit=500),
        ("persons_stale",),
    ),
    "a person": (lambda db, app: profiles.get(db, app, "user-5"), ("persons_pkey",)),
    "what a bucket got lately": (
        lambda db, app: pressure.recent(db, (app.id, 7), (0, 4000), LATELY),
        (r"outcomes_\d+_(?:lately|app_id_bucket_category_at_lo_hi_\w*idx)",),
    ),
    "which messages came to a bucket lately": (
        lambda db, app: pressure.came(db, (app.id, 7), (0, 4000), LATELY),
        (r"Index Only Scan using outcomes_\d+_(?:lately|app_id_bucket_category_at_lo_hi_\w*idx)",),
    ),
    "messages that nobody approved": (
        lambda db, _: approvals.expire(db, code="..50", limit=100),
        ("messages_unapproved",),
    ),
    "settle a group": (_settle, ("chunks_pkey", "subscriptions_pkey", "subscriptions_live")),
    "settle singles": (_settle_singles, ("chunks_pkey",)),
    "what is not done": (
        lambda db, app: chunks.unfinished(db, app_id=app.id, buckets=app.buckets, message_id=5),
        ("chunks_pkey",),
    ),
    "tallies": (
        lambda db, app: chunks.sums(db, app_id=app.id, buckets=app.buckets, message_id=5),
        ("chunks_pkey",),
    ),
    "hold": (
        lambda db, app: chunks.hold(db, app_id=app.id, buckets=app.buckets, message_id=5, to=chunks.Hold.PAUSED),
        ("chunks_pkey",),
    ),
    "what became of one device": (
        lambda db, app: outcomes.of_recipient(
            db, app_id=app.id, bucket=7, message_id=55, day=TODAY, subscription_id=55
        ),
        ("outcomes_\\d+_pkey",),
    ),
    "an idempotency key": (
        lambda db, app: idempotency.find(db, idempotency.Slot(app_id=app.id, bucket=7, key="k5")),
        ("idempotency_pkey",),
    ),
    "a device": (lambda db, app: subscriptions.get(db, app, IDS[4]), ("subscriptions_pkey",)),
    "devices by page": (lambda db, app: subscriptions.list_page(db, app, IDS[9], 20), ("subscriptions_pkey",)),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_hot_statement_keeps_its_index(filled: tuple[Database, App], case: str):
    """It names its index, and reads no hot table from end to end."""
    db, app = filled
    use, indexes = CASES[case]

    found = await plans(db, lambda recording: use(recording, app))

    assert [plan for plan in found if whole_tables(plan)] == []
    assert re.search("|".join(rf"\b{index}\b" for index in indexes), "\n".join(found)), "\n".join(found)


async def test_a_statement_without_an_index_is_caught(filled: tuple[Database, App]):
    """Negative control: the same check on a statement that has to read everything."""
    db, _ = filled

    (plan,) = await plans(db, lambda recording: recording.fetch("SELECT ids FROM chunks WHERE owner = $1", 2))

    assert whole_tables(plan) == ["chunks"]


def test_the_states_above_are_those_of_the_gateway():
    """The filled tables use numbers; they are these."""
    assert (MessageState.SCHEDULED, MessageState.SENDING, MessageState.DONE) == (0, 2, 4)
