"""Stop 3 of a message's path: from an audience to chunks.

A message is claimed under a lease. Its chunks and its change from planning to sending are one transaction, so that a
planner may die at any point: then the next one starts over, and nobody is planned twice.

An audience whose people are all due at the same moment becomes ranges. Where they are due at several, by hours of their
own or because it is night where some of them are, each person stands in exactly one list of the part of their place: a
device that moves to another zone later is in no second list and missing from none (`delivery/rules/hours.py` has the
last word). A message that recurs makes a message for each occurrence, and waits for the next.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from gateway.model.app import App
from gateway.model.approval import Approval
from gateway.model.audience import Audience
from gateway.model.delivery import Device
from gateway.model.errors import NotFound
from gateway.model.ids import ID_BITS, bucket_of_id
from gateway.model.limits import PART_CHUNK_RECIPIENTS_MAX
from gateway.model.message import MessageState
from gateway.model.segment import Names
from gateway.model.work import ChunkKey, NewChunk, Part, PlaceKey
from gateway.policy.chunking import lists, ranges
from gateway.policy.life import life_s
from gateway.policy.parts import begins_at, delay_s, ends_at, parts_of
from gateway.policy.spreading import spread_s
from gateway.sending import experiments, places, recall, recur
from gateway.store import approvals, audiences, chunks, messages, parts
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


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written. lists: parts whose people the store writes down itself. expires_at: of the message."""

    work: Sequence[NewChunk]
    lists: Sequence[Part] = ()
    audience: int
    expires_at: datetime
    begins_at: datetime | None = None
    """When the first of its people gets it; None: at once."""


class _Cut(msgspec.Struct, frozen=True):
    """An audience in parts, when the first of it gets the message, and when that is over."""

    parts: Sequence[Part]
    begins_at: datetime
    expires_at: datetime


async def plan_due(db: Database, app_of: AppSource, *, now: datetime | None = None) -> int:
    """Plans the messages whose time has come, up to eight of them; how many."""
    due = await messages.claim_due(db, limit=_MESSAGES_PER_ROUND, lease_s=_LEASE_S, now=now)
    for message in due:
        try:
            app = await app_of(message.app_id)
        except NotFound:
            await messages.move(
                db, app_id=message.app_id, message_id=message.id, to=MessageState.FAILED, only_from=_PLANNING
            )
            continue
        try:
            await plan_one(db, app, message, now=now)
        except Exception as fault:  # noqa: BLE001 - the others of this round are due, too; its lease brings it back
            log("sending").error("planning_failed", app=app.id, message=message.id, exc_info=fault)
    return len(due)


async def plan_one(db: Database, app: App, message: StoredMessage, *, now: datetime | None = None) -> None:
    """Writes the message's chunks and sets it going, in one transaction; not if it was paused or cancelled meanwhile.

    Counting comes first, outside of it, and the message's row last: the transaction holds it for milliseconds only.
    """
    now = now or message.planned_at or message.due_at
    if message.terms.timing.recurring is not None:
        await recur.step(db, message, now=now)
        return
    if message.audience.recipients_of:
        await recall.plan(db, app, message)
        return
    names = await names_of(db, app, message.audience)
    plan = await plan_of(db, app, message, names, now=now)
    if await _waits_for_approval(db, app, message, plan.audience):
        return
    with contextlib.suppress(_NotOurs):
        await _write(db, app, message, names, plan, now=now)


async def _write(db: Database, app: App, message: StoredMessage, names: Names, plan: Plan, *, now: datetime) -> None:
    async with db.transaction() as tx:
        if plan.lists:
            await parts.plan_afresh(tx)
            await _write_lists(tx, app, message, names, plan.lists, now=now)
        if plan.work:
            await chunks.insert(tx, plan.work)
        to = MessageState.SENDING if plan.audience else MessageState.DONE
        if not await messages.move(tx, app_id=app.id, message_id=message.id, to=to, only_from=_PLANNING):
            raise _NotOurs
        if plan.expires_at != message.expires_at:
            await messages.prolong(tx, app_id=app.id, message_id=message.id, expires_at=plan.expires_at)
        if plan.audience:
            begins_in_s = 0.0 if plan.begins_at is None else delay_s(plan.begins_at, now)
            await experiments.planned(tx, app, message, begins_in_s=begins_in_s, expires_at=plan.expires_at)
        if spread_s(plan.audience):
            await messages.note_recipients(tx, app_id=app.id, message_id=message.id, recipients=plan.audience)
    log("sending").info("message_planned", app=app.id, message=message.id, audience=plan.audience)


class _NotOurs(Exception):
    """It was paused, cancelled or planned by somebody else meanwhile: nothing of this plan is written."""


async def _waits_for_approval(db: Database, app: App, message: StoredMessage, audience: int) -> bool:
    """Whether it has grown past the size that needs approval since it was ordered, and nobody was asked then."""
    over = app.own.approval_over
    if over is None or audience <= over or message.approval is not None:
        return False
    return await approvals.ask(db, app_id=app.id, message_id=message.id, approval=Approval(audience=audience))


async def plan_of(db: Database, app: App, message: StoredMessage, names: Names, *, now: datetime) -> Plan:
    """The work of a message: ranges over everybody, lists where recipients are named or are due at several moments."""
    if message.audience.is_named:
        return await _named_plan(db, app, message, names, now=now)
    if not places.asks_where(message.terms, app):
        work = await _ranges(db, app, message, names)
        return Plan(work=work, audience=_expected(work), expires_at=message.expires_at)
    counts = await places.count_places(db, app, message.terms, message.audience, names, now=message.planned_at or now)
    cut = await _parts(db, app, message, counts, now=now)
    filled = [part for part in cut.parts if part.recipients]
    if len(filled) <= 1:
        wait_s = delay_s(filled[0].due_at, now) if filled else 0.0
        work = await _ranges(db, app, message, names, wait_s=wait_s)
        return Plan(work=work, audience=_expected(work), expires_at=cut.expires_at, begins_at=cut.begins_at)
    audience = sum(counts.values())
    return Plan(work=(), lists=cut.parts, audience=audience, expires_at=cut.expires_at, begins_at=cut.begins_at)


async def _parts(
    db: Queryable, app: App, message: StoredMessage, counts: Mapping[PlaceKey, int], *, now: datetime
) -> _Cut:
    """The parts of an audience; the message's life is over that long after the last of its hours."""
    calendar = await places.calendar_of(db, app, message.terms, base=message.planned_at or now)
    life = timedelta(seconds=life_s(message.content))
    expires_at = ends_at(calendar, counts, app.own.timezone, life=life, otherwise=message.expires_at)
    return _Cut(
        parts_of(calendar, counts, app.own.timezone, expires_at=expires_at),
        begins_at(calendar, counts, app.own.timezone, expires_at=expires_at),
        expires_at,
    )


async def _ranges(
    db: Queryable, app: App, message: StoredMessage, names: Names, *, wait_s: float = 0.0
) -> list[NewChunk]:
    slices = await audiences.count_slices(
        db,
        app_id=app.id,
        buckets=app.buckets,
        audience=message.audience,
        names=names,
        now=message.planned_at or message.due_at,
    )
    cut = ranges([(part.top_bits, part.recipients) for part in slices], home=app.home, spread=app.spread)
    return [
        NewChunk(
            key=ChunkKey(app.id, part.bucket, message.id, 0, part.lo, 0),
            hi=part.hi,
            expected=part.recipients,
            delay_s=wait_s,
        )
        for part in cut
    ]


async def _write_lists(
    tx: Queryable,
    app: App,
    message: StoredMessage,
    names: Names,
    found: Sequence[Part],
    *,
    now: datetime,
) -> None:
    await parts.insert_lists(
        tx,
        app_id=app.id,
        buckets=app.buckets,
        message_id=message.id,
        planned_at=message.planned_at or now,
        audience=message.audience,
        names=names,
        parts=[parts.PartList(part, delay_s(part.due_at, now), _width(part, buckets=app.spread)) for part in found],
        with_hours=message.terms.timing.best_time,
    )


def _width(part: Part, *, buckets: int) -> int:
    """How far apart the ids of one list may be, so that it holds about as many as it may."""
    lists_of_bucket = -(-part.recipients // (buckets * PART_CHUNK_RECIPIENTS_MAX * 3 // 4))
    return (1 << ID_BITS) // max(1, lists_of_bucket)


async def _named_plan(db: Queryable, app: App, message: StoredMessage, names: Names, *, now: datetime) -> Plan:
    asks_where = places.asks_where(message.terms, app)
    found = await devices_named(
        db, app, message.audience, names, now=message.planned_at or now, reads_person=asks_where
    )
    if not asks_where:
        work = _list_chunks(app, message.id, [(bucket, device.subscription_id) for bucket, device in found])
        return Plan(work=work, audience=len(found), expires_at=message.expires_at)
    by_key: dict[PlaceKey, list[tuple[int, int]]] = {}
    for bucket, device in found:
        by_key.setdefault(places.key_of(device, message.terms), []).append((bucket, device.subscription_id))
    counts = {key: len(pairs) for key, pairs in by_key.items()}
    cut = await _parts(db, app, message, counts, now=now)
    work = [
        chunk
        for part in cut.parts
        for chunk in _list_chunks(
            app,
            message.id,
            [pair for key in part.keys for pair in by_key.get(key, ())],
            part=part.number,
            wait_s=delay_s(part.due_at, now),
        )
    ]
    return Plan(work=work, audience=len(found), expires_at=cut.expires_at, begins_at=cut.begins_at)


async def devices_named(
    db: Queryable, app: App, audience: Audience, names: Names, *, now: datetime, reads_person: bool = False
) -> list[tuple[int, Device]]:
    """Of the devices that an audience names those that its other selectors leave, each with its bucket."""
    ids = set(audience.subscriptions)
    if audience.users:
        of_users = await _devices_of_users(db, app, audience.users)
        ids = ids & of_users if audience.subscriptions else of_users
    if not ids:
        return []
    buckets = sorted({bucket_of_id(number, home=app.home, spread=app.spread) for number in ids})
    return await audiences.named(
        db,
        app_id=app.id,
        buckets=buckets,
        ids=sorted(ids),
        audience=audience,
        names=names,
        now=now,
        reads_person=reads_person,
    )


async def _devices_of_users(db: Queryable, app: App, users: Sequence[str]) -> set[int]:
    by_person = await subscriptions_of(db, app, users)
    return {number for numbers in by_person.values() for number in numbers}


def _list_chunks(
    app: App, message_id: int, pairs: Sequence[tuple[int, int]], *, part: int = 0, wait_s: float = 0.0
) -> list[NewChunk]:
    return [
        NewChunk(
            key=ChunkKey(app.id, bucket, message_id, part, ids[0], 0),
            hi=ids[-1],
            ids=ids,
            expected=len(ids),
            delay_s=wait_s,
        )
        for bucket, ids in lists(pairs)
    ]


def _expected(work: Sequence[NewChunk]) -> int:
    return sum(chunk.expected for chunk in work)
