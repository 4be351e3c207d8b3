"""`POST /v1/messages/batch`: many independent messages in one request, each with a result of its own.

With an Idempotency-Key every message of the batch carries a claim of its own as well, so that a repetition after a
crash makes only what was not made: the answers of the others come back as they were.
"""

import asyncio
import hashlib
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from gateway.api import bodies
from gateway.api.answers import error_body, json_answer
from gateway.api.call import Call, decoder_of
from gateway.api.messages import channels_of, check_fits, renderer
from gateway.api.offers import check_coupon
from gateway.api.orders import order_of
from gateway.api.schema.messages import BatchAnswer, BatchRequest, BatchResult, MessageFields, SendRequest
from gateway.api.templates import from_template
from gateway.model.app import App
from gateway.model.errors import GatewayError, Invalid
from gateway.model.limits import BATCH_IN_FLIGHT_MAX, SEND_BODY_BYTES_MAX
from gateway.sending.accept import Claim, Order
from gateway.sending.segments import check_names

_OUTER: Final = decoder_of(BatchRequest)
_DECODER: Final = decoder_of(SendRequest)


async def send_batch(call: Call) -> web.Response:
    """POST /v1/messages/batch"""
    messages = bodies.decode(call.body, _OUTER, is_final=False).messages
    app = await _app_of(call, messages)
    key = call.idempotency_key()
    limit = asyncio.Semaphore(BATCH_IN_FLIGHT_MAX)

    async def send(at: int, raw: msgspec.Raw) -> BatchResult:
        async with limit:
            return await _send_one(call, app, at, bytes(raw), key)

    results = await asyncio.gather(*(send(at, raw) for at, raw in enumerate(messages)))
    accepted = sum(result.error is None for result in results)
    return json_answer(
        BatchAnswer(accepted=accepted, refused=len(results) - accepted, data=results), status=HTTPStatus.ACCEPTED
    )


async def _app_of(call: Call, messages: list[msgspec.Raw]) -> App:
    """The key's app; for keys of the installation the one in the query or in the first message."""
    named = call.query("app")
    if named is None and call.app is None:
        named = _request(bytes(messages[0]), 0).app
    return await call.app_for(named)


async def _send_one(call: Call, app: App, at: int, body: bytes, key: str | None) -> BatchResult:
    try:
        request = _request(body, at)
        await call.app_for(request.app, param=f"messages[{at}].app")
        request = await from_template(call.services.database, app, request, body, prefix=f"messages[{at}].")
        size = len(body) if request.template is None else SEND_BODY_BYTES_MAX
        order = await _order(call, request, app, at, size)
        # A header holds no line break, so this is nobody's own key.
        claim = None if key is None else Claim(f"{key}\n{at}", hashlib.sha256(body).digest())
        acceptance = await call.services.acceptor.accept(app, order, claim=claim, render=renderer(order))
    except GatewayError as fault:
        return BatchResult(status=fault.status, error=error_body(fault, request_id=call.request_id, url=call.gate.url))
    return BatchResult(status=HTTPStatus.ACCEPTED, message=msgspec.Raw(acceptance.answer))


def _request(body: bytes, at: int) -> MessageFields:
    request: MessageFields = bodies.decode(body, _DECODER, prefix=f"messages[{at}].")
    if not (request.audience.users or request.audience.subscriptions):
        raise Invalid(
            "audience_invalid",
            "A message of a batch names its people: users or subscriptions.",
            param=f"messages[{at}].audience",
        )
    return request


async def _order(call: Call, request: MessageFields, app: App, at: int, size: int) -> Order:
    channels = await channels_of(call, app)
    try:
        order = order_of(request, app, call.now())
        await check_names(call.services.database, app, order.audience)
        await check_coupon(call, app, order)
        check_fits(app, order, size, call.services.transports, channels)
    except Invalid as fault:
        fault.param = f"messages[{at}].{fault.param}" if fault.param else f"messages[{at}]"
        raise
    return order
