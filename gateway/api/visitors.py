"""`/v1/visitors`: browsers that read the inbox and have no push address."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.api.answers import json_answer, no_content
from gateway.api.call import Call, decoder_of
from gateway.api.devices import VISITOR_PREFIX, enter, outward, platform_of
from gateway.api.schema.inbox import VisitorMade, VisitorsRequest
from gateway.api.schema.subscriptions import IdentityAnswer, IdentityRequest
from gateway.model.errors import GatewayError
from gateway.model.ids import from_text, to_text
from gateway.subscribers.visitors import VisitorRequest

_MAKE: Final = decoder_of(VisitorsRequest)
_IDENTITY: Final = decoder_of(IdentityRequest)


async def create(call: Call) -> web.Response:
    """POST /v1/visitors"""
    wanted: VisitorsRequest = call.decode(_MAKE)
    app = await call.enter_app(wanted.app)
    if call.origin is None:
        raise GatewayError("origin_refused", "Only pages of the app's origins make visitors.", kind="permission")
    call.gate.take_for_visitor(call.address, app.id)
    said = VisitorRequest(
        language=wanted.language, timezone=wanted.timezone, platform=platform_of(wanted.platform, wanted.os)
    )
    made = await call.gate.visitors.make(app, said, client=call.address, now=call.now())
    answer = VisitorMade(id=to_text("vis", made.id), secret=outward(made.secret, app))
    return json_answer(answer, status=HTTPStatus.CREATED)


async def login(call: Call) -> web.Response:
    """POST /v1/visitors/{id}/identity"""
    app, secret = await enter(call, prefix=VISITOR_PREFIX)
    number = visitor_number(call, secret)
    wanted: IdentityRequest = call.decode(_IDENTITY)
    await call.gate.visitors.login(
        app,
        number,
        secret,
        external_id=wanted.external_id,
        signature=wanted.signature,
        expires=wanted.expires,
        now=call.now(),
    )
    return json_answer(IdentityAnswer(to_text("vis", number), wanted.external_id))


async def logout(call: Call) -> web.Response:
    """DELETE /v1/visitors/{id}/identity"""
    app, secret = await enter(call, prefix=VISITOR_PREFIX)
    await call.gate.visitors.logout(app, visitor_number(call, secret), secret)
    return no_content()


async def leave(call: Call) -> web.Response:
    """DELETE /v1/visitors/{id}"""
    app, secret = await enter(call, prefix=VISITOR_PREFIX)
    await call.gate.visitors.leave(app, visitor_number(call, secret), secret)
    return no_content()


def visitor_number(call: Call, secret: str | None) -> int:
    """The id in the path. To a visitor an id that is none looks like one that is not its own."""
    number = from_text("vis", call.request.match_info["id"])
    if number is not None:
        return number
    return call.path_id("vis", "visitor") if secret is None else -1
