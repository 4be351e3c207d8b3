"""What became of a message: its counts, and what became of whom. Read only."""

from datetime import UTC, date, datetime
from typing import Final

import msgspec

from gateway.analytics.variants import ExperimentFigures, figures_of
from gateway.model.app import App
from gateway.model.approval import Approval
from gateway.model.audience import Audience, topics_text
from gateway.model.delivery import REASONS, Code, state_of
from gateway.model.errors import Invalid, NotFound
from gateway.model.event import ARM_STEP, ReceiptKind
from gateway.model.ids import to_text
from gateway.model.inbox import Inbox
from gateway.model.message import Content, MessageState, state_word
from gateway.model.terms import Category
from gateway.policy.areas import words_of
from gateway.policy.counting import counts_of, folded
from gateway.policy.filter_writing import written
from gateway.store import chunks, messages, outcomes, receipts
from gateway.store.database import Queryable
from gateway.store.erasures import BLANK
from gateway.store.messages import StoredMessage
from gateway.store.outcomes import OutcomeRow

_RECEIPT_WORDS: Final = {
    ReceiptKind.SHOWN: "shown",
    ReceiptKind.CLICKED: "clicked",
    ReceiptKind.CLOSED: "closed",
}


class MessageReport(msgspec.Struct, frozen=True, kw_only=True):
    """A message with its figures. `exact` is False while some of the audience is a count from planning."""

    id: int
    state: int
    state_word: str
    content: Content
    audience: dict[str, object]
    category: Category
    per_minute: int | None
    approval: Approval | None
    needs_approval: bool
    series: int | None
    schedule: dict[str, object]
    inbox: dict[str, object] | None
    waiting: tuple[int, datetime] | None
    recalls: int | None
    recalled_by: int | None
    created_at: datetime
    due_at: datetime
    planned_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    counts: dict[str, int]
    skipped_by: dict[str, int]
    failed_by: dict[str, int]
    per_channel: dict[str, dict[str, int]]
    per_platform: dict[str, dict[str, int]]
    per_variant: dict[str, dict[str, int]]
    experiment: ExperimentFigures | None
    exact: bool


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one device. `state` is a word of the counts; `reason` says more where there is more."""

    subscription_id: int
    state: str
    reason: str | None
    at: datetime | None
    attempt: int


async def message_report(db: Queryable, app: App, message_id: int) -> MessageReport:
    """One message. Raises `NotFound`."""
    message = await messages.get(db, app_id=app.id, message_id=message_id)
    if message is None:
        raise NotFound("message")
    return await _report(db, app, message)


async def messages_page(
    db: Queryable, app: App, *, after: str | None, limit: int, state: MessageState | None, series: int | None = None
) -> tuple[list[MessageReport], str | None]:
    """Messages, newest first, and the cursor of the next page. `after` is such a cursor."""
    found = await messages.page(
        db, app_id=app.id, before=_read_cursor(after), limit=limit + 1, state=state, series=series
    )
    page = found[:limit]
    following = f"{page[-1].created_at.isoformat()}_{page[-1].id}" if len(found) > limit else None
    return [await _report(db, app, message) for message in page], following


async def recipients_page(
    db: Queryable,
    app: App,
    message_id: int,
    *,
    after: str | None,
    limit: int,
) -> tuple[list[Recipient], str | None]:
    """What became of whom, by key order. Of one person or device `sending.recipient` tells more."""
    message = await messages.get(db, app_id=app.id, message_id=message_id)
    if message is None:
        raise NotFound("message")
    if message.planned_at is None:
        return [], None
    day = message.planned_at.astimezone(UTC).date()
    return await _of_all(db, app, message_id, day, after=after, limit=limit)


async def _report(db: Queryable, app: App, message: StoredMessage) -> MessageReport:
    if message.tally is not None:
        audience, tally = sum(message.tally.values()), message.tally
    else:
        audience, tally = await _under_way(db, app, message)
    waiting = await _waiting(db, app, message) if message.state == MessageState.SENDING else None
    figures = counts_of(audience, tally)
    reported = await receipts.counts(db, app_id=app.id, buckets=app.buckets, message_id=message.id)
    per_variant, experiment = await figures_of(db, message, tally, reported)
    return MessageReport(
        id=message.id,
        state=message.state,
        state_word=_word(message),
        content=message.content,
        audience=audience_words(message.audience),
        category=message.terms.category,
        per_minute=message.terms.per_minute,
        approval=message.approval,
        needs_approval=message.needs_approval,
        series=message.series,
        schedule=msgspec.to_builtins(message.terms.timing),
        inbox=_inbox_words(message.terms.inbox),
        waiting=waiting,
        recalls=message.audience.recipients_of or None,
        recalled_by=message.recalled_by,
        created_at=message.created_at,
        due_at=message.due_at,
        planned_at=message.planned_at,
        finished_at=message.finished_at,
        expires_at=message.expires_at,
        counts={
            **figures.counts,
            **{
                word: sum(n for coded, n in reported.items() if coded % ARM_STEP == kind)
                for kind, word in _RECEIPT_WORDS.items()
            },
            "bought": 0,
            "recalled": await _recalled(db, app, message),
        },
        skipped_by=figures.skipped_by,
        failed_by=figures.failed_by,
        per_channel=figures.per_channel,
        per_platform=figures.per_platform,
        per_variant=per_variant,
        experiment=experiment,
        exact=message.tally is not None,
    )


def _word(message: StoredMessage) -> str:
    if message.needs_approval and message.state == MessageState.SCHEDULED:
        return "scheduled"
    return state_word(state=message.state, due_at=message.due_at, created_at=message.created_at)


async def _under_way(db: Queryable, app: App, message: StoredMessage) -> tuple[int, dict[str, int]]:
    """Audience and tally of a message that is not closed."""
    return folded(await chunks.sums(db, app_id=app.id, buckets=app.buckets, message_id=message.id))


async def _recalled(db: Queryable, app: App, message: StoredMessage) -> int:
    """How many devices its recall was sent to."""
    if message.recalled_by is None:
        return 0
    made = await messages.get(db, app_id=app.id, message_id=message.recalled_by)
    if made is None:
        return 0
    tally = made.tally if made.tally is not None else (await _under_way(db, app, made))[1]
    return counts_of(0, tally).counts["sent"]


async def _waiting(db: Queryable, app: App, message: StoredMessage) -> tuple[int, datetime] | None:
    found = await chunks.waiting(db, app_id=app.id, buckets=app.buckets, message_id=message.id)
    return None if found.recipients == 0 or found.until is None else (found.recipients, found.until)


def _inbox_words(inbox: Inbox | None) -> dict[str, object] | None:
    return None if inbox is None else {"until": inbox.until, "banner": inbox.banner}


def audience_words(audience: Audience) -> dict[str, object]:
    """The audience in the words of the API."""
    said: dict[str, object] = {
        "all": audience.everybody,
        "users": audience.users,
        "subscriptions": [to_text("sub", number) for number in audience.subscriptions],
        "topics": topics_text(audience.topics) if audience.topics is not None else "",
        "languages": audience.languages,
        "channels": audience.channels,
        "where": written(audience.where) if audience.where is not None else None,
        "geo": None if audience.geo is None else words_of(audience.geo),
        "segment": audience.segments[0] if len(audience.segments) == 1 else audience.segments,
        "lists": audience.lists,
        "recipients_of": to_text("msg", audience.recipients_of) if audience.recipients_of else "",
        "exclude": audience_words(audience.exclude) if audience.exclude is not None else None,
    }
    return {name: value for name, value in said.items() if value}


async def _of_all(
    db: Queryable, app: App, message_id: int, day: date, *, after: str | None, limit: int
) -> tuple[list[Recipient], str | None]:
    """Pages run along (bucket, group, place in the group): the order in which outcomes are stored."""
    bucket, lo, attempt, skip = _read_place(after)
    rows = await outcomes.of_message(
        db, app_id=app.id, buckets=app.buckets, message_id=message_id, day=day, start=(bucket, lo, attempt), limit=limit
    )
    page: list[Recipient] = []
    for at_bucket, row in rows:
        start = skip if (at_bucket, row.lo, row.attempt) == (bucket, lo, attempt) else 0
        for place in range(start, len(row.ids)):
            if row.ids[place] == BLANK:
                continue
            if len(page) == limit:
                return page, f"{at_bucket}.{row.lo}.{row.attempt}.{place}"
            page.append(_at_place(row, place))
    if len(rows) < limit:
        return page, None
    last_bucket, last = rows[-1]
    return page, f"{last_bucket}.{last.lo}.{last.attempt}.{len(last.ids)}"


def _at_place(row: OutcomeRow, place: int) -> Recipient:
    code = Code(row.codes[place])
    return Recipient(
        subscription_id=row.ids[place],
        state=state_of(code),
        reason=REASONS.get(code),
        at=row.at,
        attempt=row.attempt,
    )


def _read_cursor(text: str | None) -> tuple[datetime, int] | None:
    if text is None:
        return None
    at, _, number = text.rpartition("_")
    try:
        return datetime.fromisoformat(at), int(number)
    except ValueError:
        raise _bad_cursor() from None


def _read_place(text: str | None) -> tuple[int, int, int, int]:
    if text is None:
        return -1, -1, -1, 0
    try:
        bucket, lo, attempt, skip = (int(part) for part in text.split("."))
    except ValueError:
        raise _bad_cursor() from None
    return bucket, lo, attempt, skip


def _bad_cursor() -> Invalid:
    return Invalid("field_invalid", "This cursor is not one that a page gave; start without it.", param="after")
