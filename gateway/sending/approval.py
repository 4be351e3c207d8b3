"""Approval of messages over a size that the app sets: by a second key, or by typing the number of its audience.

The number is counted when the order comes, and once more when it is planned: an audience that has grown past the size
meanwhile waits then. What was approved once is approved, whatever its audience comes to. New words in a recall wait as
well: `sending.corrections`.
"""

from datetime import datetime
from typing import Final

import msgspec

from gateway.model.app import App
from gateway.model.approval import Approval
from gateway.model.delivery import Code
from gateway.model.errors import Conflict, NotFound
from gateway.model.ids import to_text
from gateway.model.limits import EXPIRED_TOGETHER_MAX
from gateway.policy.counting import unread_key
from gateway.sending.accept import Order, takes_short_way
from gateway.sending.preview import audience_size
from gateway.store import approvals, audit, messages
from gateway.store.database import Database

_MESSAGE: Final = "message"


async def with_approval(db: Database, app: App, order: Order, *, actor: str, now: datetime) -> Order:
    """The order, waiting for approval where its audience is over the app's size.

    Nothing is counted for apps without such a size, nor for orders to a few named people.
    """
    over = app.own.approval_over
    if over is None or takes_short_way(order):
        return order
    audience = await audience_size(db, app, order.audience, now=now)
    if audience <= over:
        return order
    return msgspec.structs.replace(order, approval=Approval(audience=audience, ordered_by=actor))


async def approve(
    db: Database, app: App, message_id: int, *, actor: str, audience: int | None, now: datetime
) -> Approval:
    """Lets a message go that waits for approval; approving twice changes nothing.

    Whoever ordered it has to repeat the number of its audience; so has everybody where nobody is known to have.
    Raises `NotFound`, and `Conflict` (approval_unconfirmed, state_conflict).
    """
    message = await messages.get(db, app_id=app.id, message_id=message_id)
    if message is None:
        raise NotFound(_MESSAGE)
    asked = message.approval
    if asked is not None and asked.by is not None:
        return asked
    if asked is None or not message.needs_approval:
        raise Conflict("state_conflict", "The message does not wait for approval.")
    _check(asked, actor, audience)
    given = msgspec.structs.replace(asked, by=actor, at=now)
    async with db.transaction() as tx:
        if not await approvals.give(tx, app_id=app.id, message_id=message_id, approval=given):
            raise Conflict("state_conflict", "The message does not wait for approval any more.")
        await audit.append(
            tx, app_id=app.id, actor=actor, action="message_approved", target=to_text("msg", message_id),
            detail={"audience": asked.audience, "ordered_by": asked.ordered_by, "typed": audience is not None},
        )  # fmt: skip
    return given


def _check(asked: Approval, actor: str, audience: int | None) -> None:
    if audience is not None and audience != asked.audience:
        raise Conflict(
            "approval_unconfirmed",
            "That is not the number of its audience; `GET` tells it, under `approval`.",
            param="audience",
        )
    if audience is None and asked.ordered_by in {actor, None}:
        raise Conflict(
            "approval_unconfirmed",
            "Approve it with another key, or repeat the number of its audience as `audience`.",
            param="audience",
        )


async def expire_unapproved(db: Database) -> int:
    """Ends what nobody approved in time: its whole audience is counted as expired; how many messages."""
    return await approvals.expire(db, code=unread_key(Code.EXPIRED), limit=EXPIRED_TOGETHER_MAX)
