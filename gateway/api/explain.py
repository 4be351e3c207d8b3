"""`POST /v1/audience/explain`: why is somebody in an audience, or not?"""

from typing import Final

from aiohttp import web

from gateway.api.answers import json_answer
from gateway.api.call import Call, decoder_of
from gateway.api.orders import audience_of
from gateway.api.schema.explain import DeviceExplained, ExplainAnswer, ExplainRequest
from gateway.model.errors import Invalid
from gateway.model.ids import from_text, to_text
from gateway.sending import explain
from gateway.sending.segments import check_names
from gateway.subscribers.preferences import check_external_id

_DECODER: Final = decoder_of(ExplainRequest)


async def audience(call: Call) -> web.Response:
    """POST /v1/audience/explain"""
    request: ExplainRequest = call.decode(_DECODER)
    app = await call.app_for(request.app or call.query("app"))
    user, subscription = _whom(request)
    wanted = audience_of(request.audience)
    db = call.services.database
    await check_names(db, app, wanted)
    ids = await explain.devices_of(db, app, user=user, subscription=subscription)
    verdicts = await explain.explain_audience(db, app, wanted, ids=ids, now=call.now())
    devices = [
        DeviceExplained(
            subscription=to_text("sub", one.subscription_id),
            is_active=one.is_active,
            is_in=one.is_in,
            conditions=one.conditions,
        )
        for one in verdicts
    ]
    return json_answer(ExplainAnswer(is_in=any(one.is_in for one in verdicts), devices=devices))


def _whom(request: ExplainRequest) -> tuple[str | None, int | None]:
    """The person's id or the device's number. Raises `Invalid` unless it is one of the two."""
    if (request.user is None) == (request.subscription is None):
        raise Invalid("field_missing", "Name a `user` or a `subscription`, one of the two.", param="user")
    if request.subscription is None:
        return check_external_id(request.user or ""), None
    number = from_text("sub", request.subscription)
    if number is None:
        raise Invalid("field_invalid", "Expected a subscription's id, `sub_...`.", param="subscription")
    return None, number
