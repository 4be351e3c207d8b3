"""Why did this person (not) get the message? What became of each device, or what it waits for, and until when."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from gateway.model.app import App
from gateway.model.delivery import REASONS, Code, state_of
from gateway.model.errors import NotFound
from gateway.model.ids import bucket_of_id
from gateway.model.message import STATE_NAMES, MessageState
from gateway.model.reason_words import sentence
from gateway.model.subscriber import SubscriptionState
from gateway.policy.explaining import Condition
from gateway.sending.asked import Asked
from gateway.sending.explain import verdict_of
from gateway.sending.reasons import reasons_of
from gateway.store import holds, looked_at, messages, outcomes
from gateway.store.database import Queryable
from gateway.store.holds import Waiting
from gateway.store.messages import StoredMessage
from gateway.store.names import names_of


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """One device and one message. `state` and `reason` are words of reports, `text` says it to people.

    until: when its turn comes, where that is known. also: further reasons that hold at the moment. conditions: of the
    audience, each with its result, where the device is not in it.
    """

    subscription_id: int
    state: str
    reason: str | None
    text: str
    at: datetime | None = None
    attempt: int = 0
    until: datetime | None = None
    also: list[str] = []
    conditions: list[Condition] = []


async def explain_message(
    db: Queryable, app: App, message_id: int, *, ids: Sequence[int], now: datetime
) -> list[Recipient]:
    """What became of these devices in a message, in their order. Raises `NotFound` for the message."""
    message = await messages.get(db, app_id=app.id, message_id=message_id)
    if message is None:
        raise NotFound("message")
    names = await names_of(db, app, message.audience)
    known = {row.id: row for row in await looked_at.look_at(db, app, ids)}
    found: list[Recipient] = []
    for number in ids:
        told = await _ended(db, app, message, number)
        if told is None and number in known:
            told = await _open(Asked(db=db, app=app, message=message, device=known[number], names=names, now=now))
        found.append(told or _never(number, "ended"))
    return found


async def _open(asked: Asked) -> Recipient:
    """Somebody whose end is not written down: waiting, to come, or never meant."""
    app, message, number = asked.app, asked.message, asked.device.id
    bucket = bucket_of_id(number, home=app.home, spread=app.spread)
    waiting = await holds.of_recipient(
        asked.db, app_id=app.id, bucket=bucket, message_id=message.id, subscription_id=number
    )
    if waiting is not None and waiting.is_listed:
        return await _waiting(asked, waiting)
    return await _in_range(asked, waiting)


async def _ended(db: Queryable, app: App, message: StoredMessage, number: int) -> Recipient | None:
    """The end that is written down, if there is one."""
    if message.planned_at is None:
        return None
    rows = await outcomes.of_recipient(
        db,
        app_id=app.id,
        bucket=bucket_of_id(number, home=app.home, spread=app.spread),
        message_id=message.id,
        day=message.planned_at.astimezone(UTC).date(),
        subscription_id=number,
    )
    if not rows:
        return None
    row = rows[-1]
    code = Code(row.codes[row.ids.index(number)])
    state, reason = state_of(code), REASONS.get(code)
    return Recipient(
        subscription_id=number, state=state, reason=reason, text=sentence(state, reason), at=row.at, attempt=row.attempt
    )


async def _waiting(asked: Asked, waiting: Waiting) -> Recipient:
    """Of a list: those who were named, or were put off."""
    until = waiting.due_at if waiting.due_at > asked.now else None
    found = await reasons_of(asked)
    word = "paused" if asked.message.state == MessageState.PAUSED else None
    text = ""
    if word is None and waiting.is_rest:
        word = "experiment"
    if word is None and found:
        word, text, until = found[0].word, found[0].text, until or found[0].until
    if word is None:
        word = "retrying" if waiting.attempt else "not_reached"
    return Recipient(
        subscription_id=asked.device.id,
        state="pending",
        reason=word,
        text=text or sentence("pending", word),
        attempt=waiting.attempt,
        until=until,
        also=[one.text for one in found if one.word != word],
    )


async def _in_range(asked: Asked, waiting: Waiting | None) -> Recipient:
    """Of a range, or of nothing yet: who is in the audience is known by asking it."""
    message, device = asked.message, asked.device
    if device.state != SubscriptionState.ACTIVE:
        return _never(device.id, "ended")
    if message.planned_at is not None and device.enrolled_at > message.planned_at:
        return _never(device.id, "enrolled_later")
    verdict = verdict_of(device, message.audience, asked.names, now=message.planned_at or asked.now)
    is_to_come = waiting is not None or message.state in (MessageState.SCHEDULED, MessageState.PLANNING)
    if not verdict.is_in or not is_to_come:
        state = STATE_NAMES.get(message.state)
        reason = "cancelled" if state == "cancelled" and verdict.is_in else "not_in_audience"
        return _never(device.id, reason, verdict.conditions)
    found = await reasons_of(asked)
    word = "paused" if message.state == MessageState.PAUSED else "not_reached" if waiting else "not_planned"
    return Recipient(
        subscription_id=device.id,
        state="pending",
        reason=word,
        text=sentence("pending", word),
        until=message.due_at if message.due_at > asked.now else None,
        also=[one.text for one in found],
    )


def _never(number: int, reason: str, conditions: Sequence[Condition] = ()) -> Recipient:
    return Recipient(
        subscription_id=number,
        state="none",
        reason=reason,
        text=sentence("none", reason),
        conditions=list(conditions),
    )
