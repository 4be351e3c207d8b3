"""Approval of recalls with new words: they are a message to those who were sent the first one, and wait as one would.

A recall that only takes the first one away says nothing, and waits for nobody.
"""

from gateway.model.app import App
from gateway.model.approval import Approval
from gateway.policy.counting import counts_of, folded
from gateway.sending.accept import Order, takes_short_way
from gateway.store import chunks
from gateway.store.database import Database
from gateway.store.messages import StoredMessage


async def approval_of(db: Database, app: App, first: StoredMessage, *, actor: str) -> Approval | None:
    """What new words in place of `first` wait for, counted over those who were sent it by now; None: for nobody."""
    if app.own.approval_over is None:
        return None
    tally = first.tally
    if tally is None:
        _, tally = folded(await chunks.sums(db, app_id=app.id, buckets=app.buckets, message_id=first.id))
    told = counts_of(0, tally).counts["sent"]
    return Approval(audience=told, ordered_by=actor) if waits(app, first, recipients=told) else None


def waits(app: App, first: StoredMessage, *, recipients: int) -> bool:
    """Whether new words to so many in place of `first` need approval; a few named people's need none, as ever."""
    over = app.own.approval_over
    few = takes_short_way(Order(content=first.content, audience=first.audience))
    return over is not None and recipients > over and not few
