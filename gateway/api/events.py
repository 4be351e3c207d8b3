"""`POST /v1/events`: what people do, told by the shop's server, or by a device of what was done on it.

All events of a request are taken, or none. A device proves itself with its secret, in the header or in the body: a page
that is being left can send that without a preflight. What a device says redeems no coupon: that is the shop's to tell.
"""

from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from gateway.api.answers import json_answer
from gateway.api.call import Call, decoder_of
from gateway.api.devices import enter_with_secret
from gateway.api.schema.users import DeviceEventsRequest, EventRequest, EventsAnswer, EventsRequest
from gateway.coupons.redeem import redeem_by_events
from gateway.model.app import App
from gateway.model.errors import GatewayError, Invalid
from gateway.model.ids import from_text
from gateway.subscribers.events import device_event_of, event_of
from gateway.subscribers.tracking import Taken

_EVENTS: Final = decoder_of(EventsRequest)
_OF_DEVICE: Final = decoder_of(DeviceEventsRequest)


class _Sender(msgspec.Struct, frozen=True):
    """Only whether a body is meant to be a device's."""

    subscription: object


_SENDER: Final = msgspec.json.Decoder(_Sender)


async def take(call: Call) -> web.Response:
    """POST /v1/events"""
    taken = await _from_device(call) if call.key is None else await _from_server(call)
    answer = EventsAnswer(accepted=taken.accepted, duplicates=taken.duplicates)
    return json_answer(answer, status=HTTPStatus.ACCEPTED)


async def _from_server(call: Call) -> Taken:
    said: EventRequest | list[EventRequest] = call.decode(_EVENTS)
    is_one = isinstance(said, EventRequest)
    several = [said] if is_one else said
    app = await _app_of(call, several, is_one=is_one)
    now = call.now()
    events = [event_of(one, now=now, param="" if is_one else f"[{at}].") for at, one in enumerate(several)]
    taken = await call.services.tracker.take(app, events)
    await redeem_by_events(call.services.database, app, [(one.name, one.properties) for one in several], at=now)
    return taken


async def _app_of(call: Call, several: list[EventRequest], *, is_one: bool) -> App:
    """All of one app: the key's, or the one that the query or the first event names."""
    app = await call.app_for(call.query("app") or several[0].app)
    for at, one in enumerate(several):
        await call.app_for(one.app, param="app" if is_one else f"[{at}].app")
    return app


async def _from_device(call: Call) -> Taken:
    token = call.bearer
    if token is None and not _names_a_device(call):
        raise _nobody()
    said: DeviceEventsRequest = call.decode(_OF_DEVICE)
    token = token or said.secret
    if not token:
        raise _nobody()
    app, secret = await enter_with_secret(call, token)
    number = from_text("sub", said.subscription)
    if number is None:
        raise GatewayError("secret_invalid", "There is no such subscription.", kind="authentication")
    call.gate.take_for_events(app.id, number)
    now = call.now()
    events = [device_event_of(one, now=now, param=f"events[{at}].") for at, one in enumerate(said.events)]
    return await call.services.tracker.take_from(app, number, secret, events)


def _names_a_device(call: Call) -> bool:
    """Whether the body is meant to be a device's. Raises 400 where nobody can tell, as it cannot be read."""
    if not call.body:
        return False
    try:
        call.decode(_SENDER)
    except Invalid:
        return False
    return True


def _nobody() -> GatewayError:
    return GatewayError(
        "key_missing",
        "Send an API key as `Authorization: Bearer stpl_sk_...`, or, as a device, its `subscription` and `secret`.",
        kind="authentication",
    )
