"""Cancel, pause and resume a message. Groups under way are finished; workers hear of it when they settle them."""

from collections.abc import Sequence
from typing import Final

from gateway.model.app import App
from gateway.model.errors import Conflict, NotFound
from gateway.model.message import STATE_NAMES, MessageState
from gateway.model.work import Hold
from gateway.store import chunks, messages
from gateway.store.database import Database, Queryable
from gateway.store.messages import StoredMessage

_UNDER_WAY: Final = (MessageState.SCHEDULED, MessageState.PLANNING, MessageState.SENDING)
_STOPPABLE: Final = (*_UNDER_WAY, MessageState.PAUSED)


async def cancel(db: Database, app: App, message_id: int) -> int:
    """Nothing of it goes out any more, but for groups under way; the state. Cancelling twice changes nothing.

    Raises `NotFound`, and `Conflict` when it is done already.
    """
    message = await _message(db, app, message_id)
    if message.state == MessageState.CANCELLED:
        return message.state
    await _move(db, app, message, to=MessageState.CANCELLED, only_from=_STOPPABLE, hold=Hold.CANCELLED)
    return MessageState.CANCELLED


async def stop(tx: Queryable, app: App, message: StoredMessage) -> None:
    """As `cancel`, in the transaction of the caller; a message that has ended stays as it is."""
    if message.state in _STOPPABLE:
        await _change(tx, app, message.id, to=MessageState.CANCELLED, only_from=_STOPPABLE, hold=Hold.CANCELLED)


async def pause(db: Database, app: App, message_id: int) -> int:
    """Stops it until `resume`; the state. Its expiry goes on running: nobody wants yesterday's news."""
    message = await _message(db, app, message_id)
    if message.state == MessageState.PAUSED:
        return message.state
    await _move(db, app, message, to=MessageState.PAUSED, only_from=_UNDER_WAY, hold=Hold.PAUSED)
    return MessageState.PAUSED


async def resume(db: Database, app: App, message_id: int) -> int:
    """Lets a paused message go on where it stopped; the state."""
    message = await _message(db, app, message_id)
    if message.state in _UNDER_WAY:
        return message.state
    # Without chunks it was paused before or during planning, which then starts over.
    was_planned = await chunks.sums(db, app_id=app.id, buckets=app.buckets, message_id=message_id)
    to = MessageState.SENDING if was_planned else MessageState.SCHEDULED
    await _move(db, app, message, to=to, only_from=(MessageState.PAUSED,), hold=Hold.NONE)
    return to


async def _message(db: Queryable, app: App, message_id: int) -> StoredMessage:
    message = await messages.get(db, app_id=app.id, message_id=message_id)
    if message is None:
        raise NotFound("message")
    return message


async def _move(
    db: Database, app: App, message: StoredMessage, *, to: MessageState, only_from: Sequence[MessageState], hold: Hold
) -> None:
    """The message and all of its work, or nothing: a state that is half changed would stay so. Raises `Conflict`."""
    async with db.transaction() as tx:
        if not await _change(tx, app, message.id, to=to, only_from=only_from, hold=hold):
            now = await _message(tx, app, message.id)
            raise Conflict(
                "state_conflict", f"The message is {STATE_NAMES[now.state]}; it cannot be {STATE_NAMES[to]}."
            )


async def _change(
    tx: Queryable, app: App, message_id: int, *, to: MessageState, only_from: Sequence[MessageState], hold: Hold
) -> bool:
    """Work comes before the message, as in every other transaction; and once more behind it, for what a planner added.

    False where the message is in none of these states; its work is marked all the same.
    """
    await chunks.hold(tx, app_id=app.id, buckets=app.buckets, message_id=message_id, to=hold)
    if not await messages.move(tx, app_id=app.id, message_id=message_id, to=to, only_from=only_from):
        return False
    await chunks.hold(tx, app_id=app.id, buckets=app.buckets, message_id=message_id, to=hold)
    return True
