"""`GET /v1/messages...`: what became of them."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final

from aiohttp import web

from gateway.analytics import reports
from gateway.analytics.reports import MessageReport, Recipient
from gateway.analytics.variants import ExperimentFigures, VariantFigures
from gateway.api.answers import json_answer
from gateway.api.call import Call
from gateway.api.schema.messages import (
    ApprovalAnswer,
    MessageAnswer,
    MessagePage,
    RecipientAnswer,
    RecipientPage,
    Waiting,
)
from gateway.api.schema.offers import ExperimentAnswer, IntervalAnswer, VariantResult
from gateway.model.approval import Approval
from gateway.model.errors import Invalid
from gateway.model.ids import from_text, to_text
from gateway.model.message import STATE_NAMES, MessageState
from gateway.sending import recipient
from gateway.sending.explain import devices_of
from gateway.sending.recipient import explain_message

_NUMBERS: Final = {word: MessageState(number) for number, word in STATE_NAMES.items()}
_MESSAGE_CURSOR: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?[+-]\d\d:\d\d_\d{1,18}[0-9]?", re.ASCII
)
_RECIPIENT_CURSOR: Final = re.compile(r"\d{1,4}\.\d{1,19}\.\d{1,4}\.\d{1,4}", re.ASCII)
_BIGINT_MAX: Final = (1 << 63) - 1


async def show(call: Call) -> web.Response:
    """GET /v1/messages/{id}"""
    app = await call.app_for(call.query("app"))
    report = await reports.message_report(call.services.database, app, call.path_id("msg", "message"))
    return json_answer(message_answer(report))


async def page(call: Call) -> web.Response:
    """GET /v1/messages"""
    app = await call.app_for(call.query("app"))
    found, following = await reports.messages_page(
        call.services.database,
        app,
        after=_opened(call.cursor(), _MESSAGE_CURSOR),
        limit=call.page_limit(),
        state=_state(call),
        series=_series(call),
    )
    return json_answer(MessagePage([message_answer(report) for report in found], _closed(following)))


async def recipients(call: Call) -> web.Response:
    """GET /v1/messages/{id}/recipients"""
    app = await call.app_for(call.query("app"))
    message_id = call.path_id("msg", "message")
    user, subscription = call.query("user"), _subscription(call)
    db = call.services.database
    if user is not None or subscription is not None:
        ids = [subscription] if subscription is not None else await devices_of(db, app, user=user, subscription=None)
        explained = await explain_message(db, app, message_id, ids=ids, now=call.now())
        return json_answer(RecipientPage([_explained(one) for one in explained], None))
    found, following = await reports.recipients_page(
        db, app, message_id, after=_opened(call.cursor(), _RECIPIENT_CURSOR), limit=call.page_limit()
    )
    return json_answer(RecipientPage([_recipient(one) for one in found], _closed(following)))


def _subscription(call: Call) -> int | None:
    named = call.query("subscription")
    number = None if named is None else from_text("sub", named)
    if named is not None and number is None:
        raise Invalid("field_invalid", "Expected a subscription's id, `sub_...`.", param="subscription")
    return number


def message_answer(report: MessageReport) -> MessageAnswer:
    """A message as callers see it."""
    content = report.content
    word: Any = report.state_word
    return MessageAnswer(
        id=to_text("msg", report.id),
        state=word,
        title=content.title,
        body=content.body,
        url=content.url,
        audience=report.audience,
        category=report.category,
        per_minute=report.per_minute,
        approval=approval_answer(
            report.approval, is_open=report.needs_approval and report.state != MessageState.CANCELLED
        ),
        series=None if report.series is None else to_text("msg", report.series),
        schedule=report.schedule,
        recalls=None if report.recalls is None else to_text("msg", report.recalls),
        recalled_by=None if report.recalled_by is None else to_text("msg", report.recalled_by),
        inbox=report.inbox,
        waiting=None if report.waiting is None else Waiting(*report.waiting),
        created_at=report.created_at,
        due_at=report.due_at,
        planned_at=report.planned_at,
        finished_at=report.finished_at,
        expires_at=report.expires_at,
        counts=report.counts,
        skipped_by=report.skipped_by,
        failed_by=report.failed_by,
        per_channel=report.per_channel,
        per_platform=report.per_platform,
        per_variant=report.per_variant,
        experiment=None if report.experiment is None else _experiment(report.experiment),
        exact=report.exact,
    )


def _experiment(figures: ExperimentFigures) -> ExperimentAnswer:
    return ExperimentAnswer(
        metric=figures.metric,
        share=figures.share_percent,
        decide_at=figures.decide_at,
        winner=figures.winner,
        decided_by=figures.decided_by,
        decided_at=figures.decided_at,
        variants=[_variant(one) for one in figures.variants],
    )


def _variant(figures: VariantFigures) -> VariantResult:
    compared = figures.comparison
    return VariantResult(
        name=figures.name,
        sent=figures.result.sent,
        successes=figures.result.successes,
        rate=figures.result.rate,
        rate_interval=IntervalAnswer(figures.interval.low, figures.interval.high),
        difference=None if compared is None else compared.difference,
        difference_interval=(
            None if compared is None else IntervalAnswer(compared.interval.low, compared.interval.high)
        ),
        p_value=None if compared is None else compared.p_value,
        is_significant=compared is not None and compared.is_significant,
    )


def approval_answer(asked: Approval | None, *, is_open: bool) -> ApprovalAnswer | None:
    """What is told of an approval. is_open: the message still waits for it."""
    if asked is None:
        return None
    state: Any = "given" if asked.by is not None else "needed" if is_open else "ended"
    return ApprovalAnswer(state=state, audience=asked.audience, by=asked.by, at=asked.at)


def _recipient(one: Recipient) -> RecipientAnswer:
    return RecipientAnswer(
        subscription=to_text("sub", one.subscription_id),
        state=one.state,
        reason=one.reason,
        at=one.at,
        attempt=one.attempt,
    )


def _explained(one: recipient.Recipient) -> RecipientAnswer:
    return RecipientAnswer(
        subscription=to_text("sub", one.subscription_id),
        state=one.state,
        reason=one.reason,
        at=one.at,
        attempt=one.attempt,
        text=one.text,
        until=one.until,
        also=one.also,
        conditions=one.conditions,
    )


def _series(call: Call) -> int | None:
    text = call.query("series")
    number = None if text is None else from_text("msg", text)
    if text is not None and number is None:
        raise Invalid("field_invalid", "Expected a message's id, `msg_...`.", param="series")
    return number


def _state(call: Call) -> MessageState | None:
    word = call.query("state")
    if word is None:
        return None
    if word not in _NUMBERS:
        raise Invalid("field_invalid", f"A state is one of {', '.join(_NUMBERS)}.", param="state")
    return _NUMBERS[word]


def _closed(cursor: str | None) -> str | None:
    """A cursor as it goes out: plain letters, as a `+` in a query means a space."""
    return None if cursor is None else urlsafe_b64encode(cursor.encode()).decode().rstrip("=")


def _opened(text: str | None, shape: re.Pattern[str]) -> str | None:
    """The cursor in it, once its numbers are such as the database can hold."""
    if text is None:
        return None
    try:
        cursor = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        cursor = ""
    if shape.fullmatch(cursor) is None or any(int(number) > _BIGINT_MAX for number in re.findall(r"\d+", cursor)):
        raise Invalid("field_invalid", "Give the `next` of the page before, unchanged.", param="after")
    return cursor
