"""`POST /v1/events`: what people do, told by the shop's server. All events of a request are taken, or none."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.api.answers import json_answer
from gateway.api.call import Call, decoder_of
from gateway.api.schema.users import EventRequest, EventsAnswer, EventsRequest
from gateway.coupons.redeem import redeem_by_events
from gateway.model.app import App
from gateway.subscribers.events import event_of, taken_in

_EVENTS: Final = decoder_of(EventsRequest)


async def take(call: Call) -> web.Response:
    """POST /v1/events"""
    said: EventRequest | list[EventRequest] = call.decode(_EVENTS)
    is_one = isinstance(said, EventRequest)
    several = [said] if is_one else said
    app = await _app_of(call, several, is_one=is_one)
    now = call.now()
    events = [event_of(one, now=now, param="" if is_one else f"[{at}].") for at, one in enumerate(several)]
    taken = await taken_in(call.services.database, app, events)
    await redeem_by_events(call.services.database, app, [(one.name, one.properties) for one in several], at=now)
    answer = EventsAnswer(accepted=taken.accepted, duplicates=taken.duplicates)
    return json_answer(answer, status=HTTPStatus.ACCEPTED)


async def _app_of(call: Call, several: list[EventRequest], *, is_one: bool) -> App:
    """All of one app: the key's, or the one that the query or the first event names."""
    app = await call.app_for(call.query("app") or several[0].app)
    for at, one in enumerate(several):
        await call.app_for(one.app, param="app" if is_one else f"[{at}].app")
    return app
