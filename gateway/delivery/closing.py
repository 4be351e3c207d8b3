"""When a message's last chunk is done: its tallies become its final counts."""

from datetime import datetime

from gateway.delivery.keys import Keys, app_if_there
from gateway.model.app import App
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


class Closer:
    """Closes what nobody closed: cancelled messages, and those whose worker died after its last group.

    Each round goes on behind the one before: hundreds that run for days must not hide those behind them.
    """

    def __init__(self, db: Database, keys: Keys) -> None:
        self._db = db
        self._keys = keys
        self._after: tuple[datetime, int] | None = None

    async def run(self) -> int:
        """One round; how many it closed."""
        found = await messages.running(self._db, after=self._after, limit=_MESSAGES_PER_ROUND)
        last = found[-1] if len(found) == _MESSAGES_PER_ROUND else None
        self._after = None if last is None else (last.created_at, last.id)
        closed = 0
        for message in found:
            closed += await close_of(self._db, self._keys, message.app_id, message.id)
        return closed


async def close_of(db: Database, keys: Keys, app_id: int, message_id: int) -> bool:
    """`close_if_done` for those who know only the app's number."""
    app = await app_if_there(keys, app_id)
    if app is None:
        # Nobody can ask for its figures any more; left open, messages of deleted apps would fill each round.
        return await messages.finish(db, app_id=app_id, message_id=message_id, tally={}, only_from=_OPEN)
    return await close_if_done(db, app, message_id)
