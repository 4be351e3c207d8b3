"""Stop 2 of a message's path: an order becomes rows, and its caller has a 202 that survives any crash.

Group commit. Orders that arrive while a transaction is under way go into the next one together: one commit, one
flush of Postgres' log, for up to `ACCEPT_BATCH_MAX` of them. An order that breaks its transaction is tried alone, so
that it fails alone.

The short way. An order to a few named people is planned right here, in the same transaction, and its chunks are born
claimed by this process, which sends them itself: no timer and no wake-up lie between the shop and the push service. If
this process dies, the lease runs out and a worker takes over.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import msgspec

from gateway.model.app import App
from gateway.model.approval import Approval
from gateway.model.audience import Audience
from gateway.model.delivery import Device
from gateway.model.errors import Conflict, GatewayError
from gateway.model.ids import bucket_of_id, bucket_of_text, new_id, new_message_id
from gateway.model.limits import ACCEPT_BATCH_MAX, ACCEPT_QUEUE_MAX, SHORT_WAY_RECIPIENTS_MAX
from gateway.model.message import Content, Message, MessageState
from gateway.model.terms import Terms
from gateway.model.work import Chunk, ChunkKey, Handover, MessageKind, NewChunk
from gateway.policy.chunking import lists
from gateway.policy.life import life_from_s
from gateway.policy.personalise import reads_person
from gateway.policy.wording import wording_of
from gateway.store import approvals, audiences, chunks, idempotency, messages
from gateway.store.database import Database, Queryable
from gateway.store.persons import subscriptions_of
from gateway.telemetry import MESSAGES_ACCEPTED, log

_COMMITS_UNDER_WAY: Final = 2
"""While one transaction waits for the disk, the next one can be put together."""
_ACCEPTED: Final = 202
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

Render = Callable[[int, int, datetime], bytes]
"""(message id, state, created_at) -> the JSON answer."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a shop asks for, checked. `due_at` None: at once."""

    content: Content
    audience: Audience
    due_at: datetime | None = None
    terms: Terms = Terms()
    approval: Approval | None = None
    """It waits for somebody's."""


class Claim(msgspec.Struct, frozen=True):
    """An Idempotency-Key and the hash of the body it came with."""

    key: str
    request_hash: bytes


class Acceptance(msgspec.Struct, frozen=True):
    """The order is in the store. `answer` is the JSON to send; with `replayed` it is the one given before."""

    message_id: int
    state: int
    created_at: datetime
    replayed: bool
    answer: bytes


class Sender(Protocol):
    """The delivery engine of this process, as far as the short way needs it."""

    owner: int

    def room(self) -> int:
        """How many more chunks it could send at once."""
        ...

    def take(self, work: Sequence[Handover]) -> None:
        """Sends chunks that were born claimed by `owner`."""
        ...


class _Waiting(msgspec.Struct, eq=False):
    app: App
    order: Order
    claim: Claim | None
    render: Render
    done: asyncio.Future[Acceptance]


class _Draft(msgspec.Struct, eq=False):
    """An order on its way into the transaction."""

    waiting: _Waiting
    message_id: int
    state: MessageState
    kind: MessageKind
    answer: bytes
    devices: dict[int, list[Device]]
    """By bucket; filled on the short way only."""


class Acceptor:
    """Takes orders for this process. `sender` None: everything is left to the workers."""

    def __init__(
        self,
        db: Database,
        *,
        sender: Sender | None,
        born_claimed_lease_s: int,
        clock: Callable[[], datetime],
        is_stopped: Callable[[int], bool] = lambda _app_id: False,
    ) -> None:
        self._db = db
        self._sender = sender
        self._lease_s = born_claimed_lease_s
        self._clock = clock
        self._is_stopped = is_stopped
        self._queue: deque[_Waiting] = deque()
        self._commits: set[asyncio.Task[None]] = set()

    async def accept(self, app: App, order: Order, *, claim: Claim | None, render: Render) -> Acceptance:
        """Stores the order and its idempotency key in one transaction.

        Raises `Conflict` for a key used with another body and for a stopped app (app_stopped), and `GatewayError`
        (overloaded, store_unavailable).
        """
        if self._is_stopped(app.id):
            return await self._while_stopped(app, claim)
        if len(self._queue) >= ACCEPT_QUEUE_MAX:
            raise GatewayError(
                "overloaded",
                "Too many orders wait already; try again in a second.",
                kind="unavailable",
                retry_after_s=1,
            )
        waiting = _Waiting(app, order, claim, render, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._start_commits()
        return await waiting.done

    async def aclose(self) -> None:
        """Waits until everything that was queued has been answered."""
        while self._commits:
            await asyncio.wait(self._commits)

    async def _while_stopped(self, app: App, claim: Claim | None) -> Acceptance:
        """What was accepted before the stop is answered as before; nothing new is taken.

        Whoever stops an app does so as something sends what it should not: taken now, all of it would go out later.
        """
        if claim is not None:
            stored = await self._stored(self._db, app, claim)
            if stored is not None and stored.answer is not None and stored.request_hash == claim.request_hash:
                return Acceptance(0, MessageState.SCHEDULED, _LONG_AGO, replayed=True, answer=stored.answer)
        raise Conflict(
            "app_stopped", "This app was stopped by hand: nothing is sent or taken until it is started again."
        )

    def _start_commits(self) -> None:
        while self._queue and len(self._commits) < _COMMITS_UNDER_WAY:
            task = asyncio.create_task(self._commit_one_batch())
            self._commits.add(task)
            task.add_done_callback(self._commit_ended)

    def _commit_ended(self, task: asyncio.Task[None]) -> None:
        self._commits.discard(task)
        self._start_commits()

    async def _commit_one_batch(self) -> None:
        # One turn of the loop lets requests that arrived together be read, and so be stored together.
        await asyncio.sleep(0)
        batch = self._next_batch()
        if not batch:
            return
        try:
            await self._store(batch)
        except Exception as fault:  # noqa: BLE001 - whatever it is, it goes to those who ordered
            if len(batch) == 1 or isinstance(fault, GatewayError):
                _fail(batch, fault)
                return
            log("sending").warning("batch_split", orders=len(batch), fault=type(fault).__name__)
            for waiting in batch:
                await self._store_alone(waiting)

    async def _store_alone(self, waiting: _Waiting) -> None:
        try:
            await self._store([waiting])
        except Exception as fault:  # noqa: BLE001 - whatever it is, it goes to the one who ordered
            _fail([waiting], fault)

    def _next_batch(self) -> list[_Waiting]:
        """Orders of one app, in order of arrival, without two of the same idempotency key."""
        batch: list[_Waiting] = []
        keys: set[str] = set()
        left: deque[_Waiting] = deque()
        while self._queue and len(batch) < ACCEPT_BATCH_MAX:
            waiting = self._queue.popleft()
            key = waiting.claim.key if waiting.claim else None
            if (batch and waiting.app.id != batch[0].app.id) or key in keys:
                left.append(waiting)
                continue
            if key is not None:
                keys.add(key)
            batch.append(waiting)
        self._queue.extendleft(reversed(left))
        return batch

    async def _store(self, batch: list[_Waiting]) -> None:
        app = batch[0].app
        created_at = self._clock()
        async with self._db.transaction() as tx:
            drafts = [_drafted(waiting) for waiting in batch]
            await self._resolve(tx, app, drafts)
            _settle_states(drafts, created_at)
            free, answered = await self._keep_keys(tx, app, drafts)
            handovers = await self._insert(tx, app, free, created_at)
        if self._sender is not None and handovers:
            self._sender.take(handovers)
        MESSAGES_ACCEPTED.inc(len(free))
        for draft in free:
            _succeed(
                draft.waiting,
                Acceptance(draft.message_id, draft.state, created_at, replayed=False, answer=draft.answer),
            )
        for waiting, stored in answered:
            _answer_again(waiting, stored)

    async def _resolve(self, tx: Queryable, app: App, drafts: list[_Draft]) -> None:
        """Finds the devices of the orders that take the short way, all with two queries."""
        short = [draft for draft in drafts if takes_short_way(draft.waiting.order)]
        if not short or self._sender is None:
            return
        persons = sorted({user for draft in short for user in draft.waiting.order.audience.users})
        subs: dict[str, list[int]] = {}
        if persons:
            subs = await subscriptions_of(tx, app, persons)
        wanted = {id(draft): _ids_of(draft.waiting.order.audience, subs) for draft in short}
        every = sorted({number for numbers in wanted.values() for number in numbers})
        place = {number: bucket_of_id(number, home=app.home, spread=app.spread) for number in every}
        found = (
            await audiences.devices(
                tx,
                app_id=app.id,
                buckets=sorted(set(place.values())),
                ids=every,
                reads_person=any(_reads_person(app, draft.waiting.order) for draft in short),
            )
            if every
            else {}
        )
        for draft in short:
            numbers = wanted[id(draft)]
            if len(numbers) > SHORT_WAY_RECIPIENTS_MAX:
                continue
            draft.state = MessageState.SENDING
            for number in sorted(numbers & found.keys()):
                draft.devices.setdefault(place[number], []).append(found[number])
            if draft.devices:
                draft.message_id = new_message_id(next(iter(draft.devices)))

    async def _keep_keys(
        self, tx: Queryable, app: App, drafts: list[_Draft]
    ) -> tuple[list[_Draft], list[tuple[_Waiting, idempotency.Stored | None]]]:
        """Which drafts may be stored, and for the others what was answered before."""
        rows = [
            idempotency.Answered(
                bucket=_key_bucket(app, draft.waiting.claim.key),
                key=draft.waiting.claim.key,
                request_hash=draft.waiting.claim.request_hash,
                answer=draft.answer,
            )
            for draft in drafts
            if draft.waiting.claim is not None
        ]
        if not rows:
            return drafts, []
        free = await idempotency.insert_answered(tx, app_id=app.id, rows=rows, status=_ACCEPTED)
        fresh = [draft for draft in drafts if draft.waiting.claim is None or draft.waiting.claim.key in free]
        known = [draft for draft in drafts if draft.waiting.claim is not None and draft.waiting.claim.key not in free]
        return fresh, [(draft.waiting, await self._stored(tx, app, draft.waiting.claim)) for draft in known]

    async def _stored(self, tx: Queryable, app: App, claim: Claim | None) -> idempotency.Stored | None:
        assert claim is not None
        slot = idempotency.Slot(app_id=app.id, bucket=_key_bucket(app, claim.key), key=claim.key)
        return await idempotency.find(tx, slot)

    async def _insert(self, tx: Queryable, app: App, drafts: list[_Draft], created_at: datetime) -> list[Handover]:
        """Stores messages and chunks; answers with the chunks that this process is to send itself."""
        await messages.insert(tx, [_row_of(app, draft, created_at) for draft in drafts], at=created_at)
        for draft in drafts:
            if draft.waiting.order.approval is not None:
                asked = draft.waiting.order.approval
                await approvals.ask(tx, app_id=app.id, message_id=draft.message_id, approval=asked)
        room = self._sender.room() if self._sender is not None else 0
        born: list[Handover] = []
        others: list[NewChunk] = []
        for draft in drafts:
            new = _chunks_of(app, draft)
            if len(born) + len(new) <= room and not _is_under_caps(app, draft.waiting.order):
                born += _handovers(app, draft, new, created_at)
            else:
                others += new
        if others:
            await chunks.insert(tx, others)
        if born and self._sender is not None:
            await chunks.insert_claimed(
                tx, [handover.chunk for handover in born], owner=self._sender.owner, lease_s=self._lease_s
            )
        return born


def takes_short_way(order: Order) -> bool:
    """Whether it goes to a few named people at once: then it is planned right here."""
    audience = order.audience
    named = len(audience.users) + len(audience.subscriptions)
    # Users and subscriptions together mean both (AND), which the planner works out.
    both = bool(audience.users and audience.subscriptions)
    # Hours of people's own, series, the two phases of an experiment, and a rate that workers keep: all the planner's.
    terms = order.terms
    is_simple = order.due_at is None and terms.experiment is None and terms.per_minute is None
    if not is_simple or terms.timing.recurring is not None or terms.timing.is_personal:
        return False
    return 0 < named <= SHORT_WAY_RECIPIENTS_MAX and not audience.is_filtered and not both


def _reads_person(app: App, order: Order) -> bool:
    return order.terms.needs_person or reads_person(order.content, wording_of(app, order.content))


def _is_under_caps(app: App, order: Order) -> bool:
    """Whether its people are counted: the workers do, who have the bucket's lease most of the time anyway."""
    return order.terms.category == "marketing" and order.terms.obeys_caps and app.own.caps is not None


def _ids_of(audience: Audience, subs: dict[str, list[int]]) -> set[int]:
    return {number for user in audience.users for number in subs.get(user, ())} | set(audience.subscriptions)


def _drafted(waiting: _Waiting) -> _Draft:
    app = waiting.app
    bucket = bucket_of_id(new_id(), home=app.home, spread=app.spread)
    kind = MessageKind.NAMED if waiting.order.audience.is_named else MessageKind.CAMPAIGN
    return _Draft(waiting, new_message_id(bucket), MessageState.SCHEDULED, kind, b"", {})


def _settle_states(drafts: list[_Draft], created_at: datetime) -> None:
    """What is known only once the devices are: a named message to nobody is done, and the answers."""
    for draft in drafts:
        if draft.state is MessageState.SENDING and not draft.devices:
            draft.state = MessageState.DONE
        draft.answer = draft.waiting.render(draft.message_id, draft.state, created_at)


def _row_of(app: App, draft: _Draft, created_at: datetime) -> messages.NewMessage:
    order = draft.waiting.order
    return messages.NewMessage(
        app_id=app.id,
        id=draft.message_id,
        kind=draft.kind,
        state=draft.state,
        content=order.content,
        audience=order.audience,
        due_at=order.due_at,
        life_s=life_from_s(order.content, order.terms.timing, order.due_at or created_at),
        terms=order.terms,
    )


def _chunks_of(app: App, draft: _Draft) -> list[NewChunk]:
    pairs = [(bucket, device.subscription_id) for bucket, found in draft.devices.items() for device in found]
    return [
        NewChunk(key=ChunkKey(app.id, bucket, draft.message_id, 0, ids[0], 0), hi=ids[-1], ids=ids, expected=len(ids))
        for bucket, ids in lists(pairs)
    ]


def _handovers(app: App, draft: _Draft, new: list[NewChunk], created_at: datetime) -> list[Handover]:
    order = draft.waiting.order
    message = Message(
        app_id=app.id,
        id=draft.message_id,
        content=order.content,
        audience=order.audience,
        planned_at=created_at,
        expires_at=created_at + timedelta(seconds=life_from_s(order.content, order.terms.timing, created_at)),
        terms=order.terms,
    )
    return [
        Handover(
            message=message,
            chunk=Chunk(
                key=chunk.key,
                hi=chunk.hi,
                cursor=chunk.key.lo - 1,
                ids=chunk.ids,
                strikes=0,
                claim_no=1,
                expected=chunk.expected,
                seen=0,
                tally={},
            ),
            devices=draft.devices[chunk.key.bucket],
            is_whole=len(new) == 1,
        )
        for chunk in new
    ]


def _key_bucket(app: App, key: str) -> int:
    return bucket_of_text(key.encode(), home=app.home, spread=app.spread)


def _answer_again(waiting: _Waiting, stored: idempotency.Stored | None) -> None:
    """What a repeated key gets: the stored answer, if the body is the same."""
    assert waiting.claim is not None
    if stored is None or stored.status is None or stored.answer is None:
        _fail(
            [waiting],
            Conflict(
                "idempotency_in_flight", "A request with this Idempotency-Key is being worked on.", retry_after_s=1
            ),
        )
    elif stored.request_hash != waiting.claim.request_hash:
        _fail(
            [waiting],
            Conflict("idempotency_mismatch", "This Idempotency-Key was used before with another body; use a new one."),
        )
    else:
        _succeed(waiting, Acceptance(0, MessageState.SCHEDULED, _LONG_AGO, replayed=True, answer=stored.answer))


def _succeed(waiting: _Waiting, acceptance: Acceptance) -> None:
    if not waiting.done.done():
        waiting.done.set_result(acceptance)


def _fail(batch: Sequence[_Waiting], fault: BaseException) -> None:
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_exception(fault)
