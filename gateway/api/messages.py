"""`/v1/messages`: send, and change one's mind. Sending is the hot path: keep it short."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.analytics import reports
from gateway.api.answers import ENCODER, json_answer, json_bytes
from gateway.api.call import Call, decoder_of
from gateway.api.message_previews import finding_of
from gateway.api.message_reports import message_answer
from gateway.api.offers import check_coupon
from gateway.api.orders import order_of
from gateway.api.orders_timing import due_at_of
from gateway.api.schema.messages import (
    Accepted,
    ApprovalAnswer,
    ApproveRequest,
    HeldAnswer,
    HourAnswer,
    MessageChange,
    MessageState,
    PreviewAnswer,
    SendRequest,
)
from gateway.api.templates import from_template
from gateway.model import message
from gateway.model.app import App
from gateway.model.ids import to_text
from gateway.model.limits import SEND_BODY_BYTES_MAX
from gateway.policy.variants import contents_of
from gateway.policy.wording import wording_of
from gateway.sending import change, control
from gateway.sending.accept import Order, Render
from gateway.sending.approval import approve as give_approval
from gateway.sending.approval import with_approval
from gateway.sending.preview import preview
from gateway.sending.segments import check_names
from gateway.sending.sizes import check_size
from gateway.store.database import Database
from gateway.transports.base import Transport

_DECODER: Final = decoder_of(SendRequest)
_CHANGE: Final = decoder_of(MessageChange)
_APPROVE: Final = decoder_of(ApproveRequest)
_SURELY_FITS_BYTES: Final = 1_000
"""A request no larger than this makes a payload that fits, even if each character of it is escaped threefold."""


async def send(call: Call) -> web.Response:
    """POST /v1/messages"""
    request = call.decode(_DECODER)
    app = call.app if request.app is None and call.app is not None else await call.app_for(request.app)
    request = await from_template(call.services.database, app, request, call.body)
    order = order_of(request, app, call.now())
    await check_names(call.services.database, app, order.audience)
    await check_coupon(call, app, order)
    if call.request.query_string and call.flag("dry_run"):
        return await _preview(call, app, order)
    size = len(call.body) if request.template is None else SEND_BODY_BYTES_MAX
    check_fits(app, order, size, call.services.transports, await channels_of(call, app))
    order = await with_approval(call.services.database, app, order, actor=call.actor, now=call.now())
    acceptance = await call.services.acceptor.accept(app, order, claim=call.claim(), render=renderer(order))
    answer = json_bytes(acceptance.answer, status=HTTPStatus.ACCEPTED)
    if acceptance.replayed:
        answer.headers["Idempotent-Replayed"] = "true"
    return answer


async def channels_of(call: Call, app: App) -> frozenset[str]:
    """The channels that the app has a key for: a message need not fit the others."""
    return frozenset(one.provider for one in (await call.services.keyring.credentials(app.id)).values())


def check_fits(
    app: App, order: Order, request_bytes: int, transports: Mapping[str, Transport], channels: Collection[str]
) -> None:
    """Raises 422 for fields that a provider refuses, and for a message that fits no device of one of these channels.

    Small requests are not measured: what they hold surely fits.
    """
    for name, fields in order.content.extra.items():
        if name in transports:
            transports[name].check_extra(fields)
    if request_bytes > _SURELY_FITS_BYTES or order.content.utm:
        reachable = {name: one for name, one in transports.items() if name in channels}
        for content in contents_of(order.content, order.terms.variants):
            check_size(content, wording_of(app, content), reachable)


def renderer(order: Order) -> Render:
    """What writes the answer of an order, once it has an id."""

    def render(message_id: int, state: int, created_at: datetime) -> bytes:
        due_at = order.due_at or created_at
        is_waiting = due_at > created_at or order.approval is not None
        word = "done" if state == message.MessageState.DONE else "scheduled" if is_waiting else "accepted"
        asked = None if order.approval is None else ApprovalAnswer(state="needed", audience=order.approval.audience)
        return ENCODER.encode(
            Accepted(id=to_text("msg", message_id), state=word, created_at=created_at, due_at=due_at, approval=asked)
        )

    return render


async def cancel(call: Call) -> web.Response:
    """POST /v1/messages/{id}/cancel"""
    return await _change(call, control.cancel)


async def pause(call: Call) -> web.Response:
    """POST /v1/messages/{id}/pause"""
    return await _change(call, control.pause)


async def resume(call: Call) -> web.Response:
    """POST /v1/messages/{id}/resume"""
    return await _change(call, control.resume)


async def alter(call: Call) -> web.Response:
    """PATCH /v1/messages/{id}"""
    app = await call.app_for(call.query("app"))
    number = call.path_id("msg", "message")
    wanted = call.decode(_CHANGE)
    db = call.services.database
    if wanted.schedule is not None:
        due_at = due_at_of(wanted.schedule.at, call.now())
        await change.put_off(db, app, number, due_at or call.now())
    if wanted.limits is not None and wanted.limits.per_minute is not msgspec.UNSET:
        await change.set_rate(db, app, number, wanted.limits.per_minute)
    return json_answer(message_answer(await reports.message_report(db, app, number)))


async def approve(call: Call) -> web.Response:
    """POST /v1/messages/{id}/approve"""
    app = await call.app_for(call.query("app"))
    number = call.path_id("msg", "message")
    wanted = call.decode(_APPROVE) if call.body else ApproveRequest()
    db = call.services.database
    await give_approval(db, app, number, actor=call.actor, audience=wanted.audience, now=call.now())
    return json_answer(message_answer(await reports.message_report(db, app, number)))


async def _change(call: Call, how: Callable[[Database, App, int], Awaitable[int]]) -> web.Response:
    app = await call.app_for(call.query("app"))
    number = call.path_id("msg", "message")
    state = await how(call.services.database, app, number)
    return json_answer(MessageState(to_text("msg", number), _WORDS[state]))


async def _preview(call: Call, app: App, order: Order) -> web.Response:
    seen = await preview(call.services.database, app, order, transports=call.services.transports, now=call.now())
    return json_answer(
        PreviewAnswer(
            dry_run=True,
            audience=seen.audience,
            per_channel=seen.per_channel,
            per_platform=seen.per_platform,
            due_at=seen.due_at,
            by_hour=[HourAnswer(hour.at, hour.count, hour.zones) for hour in seen.forecast.by_hour],
            later=seen.forecast.later,
            zones=seen.forecast.zones,
            held={reason: HeldAnswer(held.count, held.until) for reason, held in seen.forecast.held.items()},
            payload_bytes=seen.payload_bytes,
            bytes_left=seen.bytes_left,
            warnings=seen.warnings,
            lint=[finding_of(finding) for finding in seen.findings],
        )
    )


_WORDS: Final[dict[int, Any]] = message.STATE_NAMES
