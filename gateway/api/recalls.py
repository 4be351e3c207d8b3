"""`POST /v1/messages/{id}/recall`: a message that was sent wrongly is taken back."""

from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gateway.api.answers import json_answer
from gateway.api.call import Call, decoder_of
from gateway.api.contents import content_of
from gateway.api.message_reports import approval_answer
from gateway.api.messages import channels_of, check_fits
from gateway.api.schema.messages import AudienceRequest, SendRequest
from gateway.api.schema.recalls import RecallAnswer, RecallRequest
from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.errors import Invalid
from gateway.model.ids import to_text
from gateway.model.message import STATE_NAMES, Content, MessageState
from gateway.sending.accept import Order
from gateway.sending.recall import recall

_DECODER: Final = decoder_of(RecallRequest)
_WORDS: Final[dict[int, Any]] = STATE_NAMES
_NOBODY: Final = AudienceRequest()


async def take_back(call: Call) -> web.Response:
    """POST /v1/messages/{id}/recall"""
    app = await call.app_for(call.query("app"))
    number = call.path_id("msg", "message")
    replacement = _replacement(call.decode(_DECODER) if call.body else RecallRequest(), app)
    if replacement is not None:
        order = Order(content=replacement, audience=Audience(recipients_of=number))
        check_fits(app, order, len(call.body), call.services.transports, await channels_of(call, app))
    done = await recall(call.services.database, app, number, replacement, actor=call.actor, now=call.now())
    made = done.recall
    is_new = made.state == MessageState.SCHEDULED and not made.needs_approval
    answer = RecallAnswer(
        id=to_text("msg", made.id),
        state="accepted" if is_new else _WORDS[made.state],
        recalls=to_text("msg", number),
        stopped=done.state == MessageState.CANCELLED,
        created_at=made.created_at,
        approval=approval_answer(made.approval, is_open=made.needs_approval and made.state != MessageState.CANCELLED),
    )
    return json_answer(answer, status=HTTPStatus.ACCEPTED)


def _replacement(request: RecallRequest, app: App) -> Content | None:
    """What is shown instead, checked as a message is. Raises `Invalid`."""
    if not (request.title or request.body):
        if request.url:
            raise Invalid("content_missing", "A replacement has a title or a body.", param="title")
        return None
    said = SendRequest(audience=_NOBODY, title=request.title, body=request.body, url=request.url)
    return content_of(said, app)
