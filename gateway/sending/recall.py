"""Taking a message back: nothing more of it goes out, and those who were sent it are sent a recall.

A recall is a message of its own. Its audience is whoever a push service took the first one for, as the outcomes tell;
so it is planned once the first one's last group is settled, and its people stand in lists. With new words it waits for
approval as any message to so many would.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.model.app import App
from gateway.model.approval import Approval
from gateway.model.audience import Audience
from gateway.model.errors import Conflict, NotFound
from gateway.model.ids import bucket_of_message, new_message_id, to_text
from gateway.model.limits import RECALL_LOOK_AGAIN_S
from gateway.model.message import Content, MessageState
from gateway.model.terms import Terms
from gateway.model.work import MessageKind
from gateway.policy.life import life_s
from gateway.policy.recall import recall_of
from gateway.policy.spreading import spread_s
from gateway.sending import control, corrections
from gateway.store import approvals, messages, parts, recalls
from gateway.store.database import Database
from gateway.store.messages import NewMessage, StoredMessage
from gateway.telemetry import MESSAGES_ACCEPTED, log

_PLANNING: Final = (MessageState.PLANNING,)


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """The message that takes another one back, and the state of the one that is taken back."""

    recall: StoredMessage
    state: int


async def recall(
    db: Database, app: App, message_id: int, replacement: Content | None, *, actor: str, now: datetime
) -> Recalled:
    """Takes a message back, at once and for good: in one transaction it is stopped and its recall is stored.

    `actor` is who orders it: with a `replacement` for many it waits for somebody else's approval. Asked again with the
    same replacement it changes nothing. Raises `NotFound`, and `Conflict` (already_recalled) where it was taken back
    with other words.
    """
    first = await _message(db, app, message_id)
    content = recall_of(first.on_its_way(), replacement, name=app.name, page=_front_page(app))
    if first.recalled_by is None:
        approval = None if replacement is None else await corrections.approval_of(db, app, first, actor=actor)
        if await _store(db, app, first, content, approval, now=now):
            MESSAGES_ACCEPTED.inc()
        first = await _message(db, app, message_id)
    assert first.recalled_by is not None
    made = await _message(db, app, first.recalled_by)
    if not _is_same(made.content, content):
        told = f"It was recalled by {to_text('msg', made.id)}, with other words: recall that one to change them."
        raise Conflict("already_recalled", told)
    return Recalled(recall=made, state=first.state)


async def plan(db: Database, app: App, message: StoredMessage) -> None:
    """Writes down who gets a recall; later, while groups of the message that it takes back are under way."""
    first = await messages.get(db, app_id=app.id, message_id=message.audience.recipients_of)
    if first is not None and not _is_over(first):
        await recalls.put_off(db, app_id=app.id, message_id=message.id, wait_s=RECALL_LOOK_AGAIN_S)
        return
    try:
        await _write(db, app, message, first)
    except _Unapproved as waits:
        # Counted anew: groups that were under way when it was ordered may have made it so many.
        await approvals.ask(db, app_id=app.id, message_id=message.id, approval=Approval(audience=waits.recipients))
    except _NotOurs:
        pass


async def _write(db: Database, app: App, message: StoredMessage, first: StoredMessage | None) -> None:
    async with db.transaction() as tx:
        await parts.plan_afresh(tx)
        recipients = 0
        if first is not None and first.planned_at is not None:
            recipients = await recalls.insert_lists(
                tx,
                app_id=app.id,
                buckets=app.buckets,
                message_id=message.id,
                of=first.id,
                day=first.planned_at.astimezone(UTC).date(),
            )
            if _waits(app, message, first, recipients=recipients):
                raise _Unapproved(recipients)
        to = MessageState.SENDING if recipients else MessageState.DONE
        if not await messages.move(tx, app_id=app.id, message_id=message.id, to=to, only_from=_PLANNING):
            raise _NotOurs
        if spread_s(recipients):
            await messages.note_recipients(tx, app_id=app.id, message_id=message.id, recipients=recipients)
    log("sending").info("message_planned", app=app.id, message=message.id, audience=recipients)


class _NotOurs(Exception):
    """It was paused, cancelled or planned by somebody else meanwhile: nothing of this plan is written."""


class _Unapproved(Exception):
    """New words to more people than may be told without approval: nothing of this plan is written."""

    def __init__(self, recipients: int) -> None:
        super().__init__()
        self.recipients = recipients


def _waits(app: App, message: StoredMessage, first: StoredMessage, *, recipients: int) -> bool:
    """Whether a recall waits for approval that nobody was asked for yet. To take away alone needs none."""
    recalls_of = message.content.recalls
    is_neutral = recalls_of is not None and recalls_of.is_neutral
    return not is_neutral and message.approval is None and corrections.waits(app, first, recipients=recipients)


def _is_same(made: Content, wanted: Content) -> bool:
    """Whether two recalls of one message say the same. The neutral line is one, whatever the shop is called by now."""
    if made.recalls != wanted.recalls:
        return False
    is_neutral = wanted.recalls is not None and wanted.recalls.is_neutral
    return is_neutral or (made.title, made.body, made.url) == (wanted.title, wanted.body, wanted.url)


def _is_over(message: StoredMessage) -> bool:
    """Whether nothing of it is under way any more: its figures are final then."""
    return message.tally is not None or message.state == MessageState.FAILED


async def _store(
    db: Database, app: App, first: StoredMessage, content: Content, approval: Approval | None, *, now: datetime
) -> bool:
    """Stops the first message and stores its recall, in the same bucket; False where somebody else was first."""
    number = new_message_id(bucket_of_message(first.id))
    row = NewMessage(
        app_id=app.id,
        id=number,
        kind=MessageKind.NAMED,
        state=MessageState.SCHEDULED,
        content=content,
        audience=Audience(recipients_of=first.id),
        due_at=None,
        life_s=life_s(content),
        terms=Terms(category="transactional"),
    )
    async with db.transaction() as tx:
        await control.stop(tx, app, first)
        # Where somebody else recalled it meanwhile, they have stopped it as well.
        is_ours = await recalls.mark(tx, app_id=app.id, message_id=first.id, recalled_by=number)
        if is_ours:
            await messages.insert(tx, [row], at=now)
        if is_ours and approval is not None:
            await approvals.ask(tx, app_id=app.id, message_id=number, approval=approval)
    return is_ours


def _front_page(app: App) -> str:
    """Where a recall leads that names no page of its own."""
    return f"{app.origins[0]}/" if app.origins else ""


async def _message(db: Database, app: App, message_id: int) -> StoredMessage:
    message = await messages.get(db, app_id=app.id, message_id=message_id)
    if message is None:
        raise NotFound("message")
    return message
