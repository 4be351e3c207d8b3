"""When a message's last chunk is done: its tallies become its final counts."""

from gateway.delivery.keys import Keys
from gateway.model.app import App
from gateway.model.errors import NotFound
from gateway.model.message import MessageState
from gateway.policy.counting import folded
from gateway.store import chunks, messages
from gateway.store.database import Database
from gateway.telemetry import log

_MESSAGES_PER_ROUND = 200
_OPEN = (MessageState.SENDING, MessageState.PAUSED, MessageState.CANCELLED)


async def close_if_done(db: Database, app: App, message_id: int) -> bool:
    """Closes the message unless a chunk of it is under way or waits; whether this call closed it."""
    if await chunks.unfinished(db, app_id=app.id, buckets=app.buckets, message_id=message_id):
        return False
    _, tally = folded(await chunks.sums(db, app_id=app.id, buckets=app.buckets, message_id=message_id))
    is_closed = await messages.finish(
        db,
        app_id=app.id,
        message_id=message_id,
        tally=tally,
        only_from=_OPEN,
    )
    if is_closed:
        log("delivery").info("message_closed", app=app.id, message=message_id, recipients=sum(tally.values()))
    return is_closed


async def close_finished(db: Database, keys: Keys) -> int:
    """Closes what nobody closed: cancelled messages, and those whose worker died after its last group; how many."""
    closed = 0
    for app_id, message_id in await messages.running(db, limit=_MESSAGES_PER_ROUND):
        closed += await close_of(db, keys, app_id, message_id)
    return closed


async def close_of(db: Database, keys: Keys, app_id: int, message_id: int) -> bool:
    """`close_if_done` for those who know only the app's number."""
    try:
        app = await keys.app_by_id(app_id)
    except NotFound:
        # Nobody can ask for its figures any more; left open, messages of deleted apps would fill each round.
        return await messages.finish(db, app_id=app_id, message_id=message_id, tally={}, only_from=_OPEN)
    return await close_if_done(db, app, message_id)
