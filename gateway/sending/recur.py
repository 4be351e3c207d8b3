"""A series whose time has come: a message for its occurrence, and the wait for the next one.

Both are one transaction, and it holds only while the series waits for this very occurrence: a planner may die at any
point, and each occurrence is made once.
"""

from datetime import datetime

import msgspec

from gateway.model.message import MessageState
from gateway.policy.life import life_s
from gateway.policy.series import begins_at, moved_on, occurrence_id, occurrence_timing, step_of
from gateway.store import messages
from gateway.store.database import Database
from gateway.store.messages import NewMessage, StoredMessage
from gateway.telemetry import log


async def step(db: Database, series: StoredMessage, *, now: datetime) -> None:
    """Makes what is due, and sets the series to its next occurrence, or to its end."""
    timing = series.terms.timing
    found = step_of(timing, now=now)
    terms = msgspec.structs.replace(series.terms, timing=moved_on(timing, found.next_at))
    due_at = None if found.next_at is None else begins_at(timing, found.next_at)
    async with db.transaction() as tx:
        if not await messages.move_series(
            tx, app_id=series.app_id, message_id=series.id, was_due_at=series.due_at, due_at=due_at, terms=terms
        ):
            return
        if found.occurrence_at is not None:
            await messages.insert(tx, [_occurrence(series, found.occurrence_at)], at=now)
    log("sending").info(
        "series_moved_on", app=series.app_id, message=series.id, made=found.occurrence_at is not None, next=due_at
    )


def _occurrence(series: StoredMessage, moment: datetime) -> NewMessage:
    timing = occurrence_timing(series.terms.timing, moment)
    return NewMessage(
        app_id=series.app_id,
        id=occurrence_id(series.id, moment),
        kind=series.kind,
        state=MessageState.SCHEDULED,
        content=series.content,
        audience=series.audience,
        due_at=begins_at(series.terms.timing, moment),
        life_s=life_s(series.content),
        terms=msgspec.structs.replace(series.terms, timing=timing),
        series=series.id,
    )
