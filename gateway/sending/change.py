"""Changing a message that is on its way: how fast it goes, and when what has not gone out does."""

from datetime import datetime

from gateway.model.app import App
from gateway.model.errors import Conflict, NotFound
from gateway.model.message import FINAL_STATES, STATE_NAMES, MessageState
from gateway.sending import experiments
from gateway.store import chunks, messages, throttles
from gateway.store.database import Database
from gateway.store.messages import StoredMessage


async def set_rate(db: Database, app: App, message_id: int, per_minute: int | None) -> None:
    """So many recipients a minute from now on, in all processes within seconds; None: as fast as it goes.

    Raises `NotFound`, and `Conflict` when it has ended.
    """
    await _open_message(db, app, message_id)
    if not await messages.set_rate(db, app_id=app.id, message_id=message_id, per_minute=per_minute):
        raise _ended(await _message(db, app, message_id))
    await throttles.forget(db, app_id=app.id, message_id=message_id)


async def put_off(db: Database, app: App, message_id: int, to: datetime) -> None:
    """Another time for all that has not gone out. The message's life begins then.

    Who waits for another try comes no sooner for it. Raises `NotFound`, and `Conflict` when it has ended or is being
    planned at this moment.
    """
    message = await _open_message(db, app, message_id)
    if message.state == MessageState.PLANNING:
        raise Conflict("state_conflict", "The message is being planned; ask again in a moment.", retry_after_s=1)
    if message.terms.timing.recurring is not None or message.terms.timing.is_personal:
        raise Conflict(
            "state_conflict", "It goes out at hours of its people's own, or recurs: cancel it and send another."
        )
    async with db.transaction() as tx:
        # Work comes before the message, as in every other transaction.
        await chunks.put_off(tx, app_id=app.id, buckets=app.buckets, message_id=message_id, to=to)
        if not await messages.put_off(tx, app_id=app.id, message_id=message_id, to=to):
            raise _ended(await _message(db, app, message_id))
        await experiments.put_off(tx, message, to)


async def _open_message(db: Database, app: App, message_id: int) -> StoredMessage:
    message = await _message(db, app, message_id)
    if message.state in FINAL_STATES:
        raise _ended(message)
    return message


async def _message(db: Database, app: App, message_id: int) -> StoredMessage:
    message = await messages.get(db, app_id=app.id, message_id=message_id)
    if message is None:
        raise NotFound("message")
    return message


def _ended(message: StoredMessage) -> Conflict:
    return Conflict("state_conflict", f"The message is {STATE_NAMES[message.state]}; nothing of it can be changed.")
