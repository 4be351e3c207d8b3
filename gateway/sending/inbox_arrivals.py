"""Which messages came to a reader of the inbox: what was sent to them, and for a visitor what would have been.

Would have been: the visitor is in the audience, by what is known of them now, and in no group that is held out. Caps
and quiet hours are about disturbing people; an inbox disturbs nobody.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from gateway.model.app import App
from gateway.model.delivery import Code, state_of
from gateway.model.work import REST_PARTS_FROM
from gateway.policy.holdout import is_held_out, seed_of_app, seed_of_message
from gateway.policy.owners import owner_of
from gateway.sending.explain import verdict_of
from gateway.sending.inbox_reader import Reader
from gateway.sending.inbox_shelf import Candidate
from gateway.store import inbox
from gateway.store.database import Queryable
from gateway.store.inbox import InboxMessage, Sending


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A message that came. owner: as whose variants and coupons are looked up; is_rest: after an experiment."""

    message: InboxMessage
    at: datetime
    owner: str
    is_sent: bool
    is_rest: bool = False


async def arrived(db: Queryable, app: App, reader: Reader, candidates: Sequence[Candidate]) -> list[Arrival]:
    """Those of the messages that came to the reader, in their order."""
    sent = await _sent(db, app, reader, candidates) if reader.devices and candidates else {}
    found = [sent.get(one.message.id) or _would_have_come(app, reader, one) for one in candidates]
    return [one for one in found if one is not None]


async def _sent(db: Queryable, app: App, reader: Reader, candidates: Sequence[Candidate]) -> dict[int, Arrival]:
    messages = {one.message.id: one.message for one in candidates}
    days = [(one.id, one.planned_at.astimezone(UTC).date()) for one in messages.values()]
    sent: dict[int, Sending] = {}
    for row in await inbox.ends(db, app, days, reader.devices):
        known = sent.get(row.message_id)
        if state_of(Code(row.code)) == "sent" and (known is None or row.at < known.at):
            sent[row.message_id] = row
    return {
        number: Arrival(
            message=messages[number],
            at=max(row.at, messages[number].planned_at),
            owner=owner_of(reader.person, row.device),
            is_sent=True,
            is_rest=row.part >= REST_PARTS_FROM,
        )
        for number, row in sent.items()
    }


def _would_have_come(app: App, reader: Reader, candidate: Candidate) -> Arrival | None:
    message = candidate.message
    if reader.known_since is None or message.planned_at < reader.known_since:
        return None
    if _is_held_out(app, reader, message):
        return None
    if not verdict_of(reader.looked, message.audience, candidate.names, now=message.planned_at).is_in:
        return None
    owner = owner_of(reader.person, reader.looked.id)
    return Arrival(message=message, at=message.planned_at, owner=owner, is_sent=False)


def _is_held_out(app: App, reader: Reader, message: InboxMessage) -> bool:
    if message.terms.category != "marketing":
        return False
    shares = (
        (seed_of_app(app.public_id), app.own.holdout_percent),
        (seed_of_message(message.id), message.terms.holdout_percent),
    )
    person, number = reader.person, reader.looked.id
    return any(is_held_out(person, number, seed=seed, percent=percent) for seed, percent in shares)
