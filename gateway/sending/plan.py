"""Stop 3 of a message's path: from an audience to chunks.

A message is claimed under a lease. Its chunks and its change from planning to sending are one transaction, so that a
planner may die at any point: then the next one starts over, and nobody is planned twice.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from gateway.model.app import App
from gateway.model.approval import Approval
from gateway.model.audience import Audience
from gateway.model.delivery import Device
from gateway.model.errors import NotFound
from gateway.model.ids import bucket_of_id
from gateway.model.message import MessageState
from gateway.model.work import ChunkKey, NewChunk
from gateway.policy.chunking import lists, ranges
from gateway.sending import experiments
from gateway.store import approvals, audiences, chunks, messages
from gateway.store.database import Database, Queryable
from gateway.store.messages import StoredMessage
from gateway.store.names import names_of
from gateway.store.persons import subscriptions_of
from gateway.telemetry import log

_MESSAGES_PER_ROUND: Final = 8
_LEASE_S: Final = 60
_PLANNING: Final = (MessageState.PLANNING,)

AppSource = Callable[[int], Awaitable[App]]
"""The app of an internal id; raises `NotFound` if it is gone."""


async def plan_due(db: Database, app_of: AppSource) -> int:
    """Plans the messages whose time has come, up to eight of them; how many."""
    due = await messages.claim_due(db, limit=_MESSAGES_PER_ROUND, lease_s=_LEASE_S)
    for message in due:
        try:
            app = await app_of(message.app_id)
        except NotFound:
            await messages.move(
                db, app_id=message.app_id, message_id=message.id, to=MessageState.FAILED, only_from=_PLANNING
            )
            continue
        try:
            await plan_one(db, app, message)
        except Exception as fault:  # noqa: BLE001 - the others of this round are due, too; its lease brings it back
            log("sending").error("planning_failed", app=app.id, message=message.id, exc_info=fault)
    return len(due)


async def plan_one(db: Database, app: App, message: StoredMessage) -> None:
    """Writes the message's chunks and sets it going, in one transaction; not if it was paused or cancelled meanwhile.

    Counting comes first, outside of it: the transaction holds the message's row for milliseconds only.
    """
    work = await chunks_of(db, app, message)
    if await _waits_for_approval(db, app, message, sum(chunk.expected for chunk in work)):
        return
    async with db.transaction() as tx:
        to = MessageState.SENDING if work else MessageState.DONE
        is_ours = await messages.move(tx, app_id=app.id, message_id=message.id, to=to, only_from=_PLANNING)
        if is_ours and work:
            await chunks.insert(tx, work)
            await experiments.planned(tx, app, message)
    if is_ours:
        audience = sum(chunk.expected for chunk in work)
        log("sending").info("message_planned", app=app.id, message=message.id, chunks=len(work), audience=audience)


async def _waits_for_approval(db: Database, app: App, message: StoredMessage, audience: int) -> bool:
    """Whether it has grown past the size that needs approval since it was ordered, and nobody was asked then."""
    over = app.own.approval_over
    if over is None or audience <= over or message.approval is not None:
        return False
    return await approvals.ask(db, app_id=app.id, message_id=message.id, approval=Approval(audience=audience))


async def chunks_of(db: Queryable, app: App, message: StoredMessage) -> list[NewChunk]:
    """The work of a message: ranges over everybody, or lists where recipients are named."""
    audience = message.audience
    now = message.planned_at or message.due_at
    if audience.is_named:
        return _list_chunks(app, message.id, await _named(db, app, audience, now=now))
    names = await names_of(db, app, audience)
    slices = await audiences.count_slices(
        db, app_id=app.id, buckets=app.buckets, audience=audience, names=names, now=now
    )
    cut = ranges([(part.top_bits, part.recipients) for part in slices], home=app.home, spread=app.spread)
    return [
        NewChunk(key=ChunkKey(app.id, part.bucket, message.id, 0, part.lo, 0), hi=part.hi, expected=part.recipients)
        for part in cut
    ]


async def devices_named(db: Queryable, app: App, audience: Audience, *, now: datetime) -> list[tuple[int, Device]]:
    """Of the devices that an audience names those that its other selectors leave, each with its bucket."""
    ids = set(audience.subscriptions)
    if audience.users:
        of_users = await _devices_of_users(db, app, audience.users)
        ids = ids & of_users if audience.subscriptions else of_users
    if not ids:
        return []
    buckets = sorted({bucket_of_id(number, home=app.home, spread=app.spread) for number in ids})
    names = await names_of(db, app, audience)
    return await audiences.named(
        db, app_id=app.id, buckets=buckets, ids=sorted(ids), audience=audience, names=names, now=now
    )


async def _named(db: Queryable, app: App, audience: Audience, *, now: datetime) -> list[tuple[int, int]]:
    return [(bucket, device.subscription_id) for bucket, device in await devices_named(db, app, audience, now=now)]


async def _devices_of_users(db: Queryable, app: App, users: Sequence[str]) -> set[int]:
    by_person = await subscriptions_of(db, app, users)
    return {number for numbers in by_person.values() for number in numbers}


def _list_chunks(app: App, message_id: int, pairs: Sequence[tuple[int, int]]) -> list[NewChunk]:
    return [
        NewChunk(key=ChunkKey(app.id, bucket, message_id, 0, ids[0], 0), hi=ids[-1], ids=ids, expected=len(ids))
        for bucket, ids in lists(pairs)
    ]
