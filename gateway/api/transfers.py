"""`/v1/subscriptions/import` and `/export`, and those of users: lines of JSON, streamed both ways.

Neither side holds the whole. An import may be repeated: a device is known by its address, a user by their id. It
reads as fast as the database writes, and a client that pauses longer than 30 s is given up; what was stored stays.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from aiohttp import web
from aiohttp.client_exceptions import ClientPayloadError

from gateway.api import bodies
from gateway.api.answers import json_answer
from gateway.api.call import Call
from gateway.api.middleware import dress
from gateway.model.errors import GatewayError
from gateway.model.limits import BODY_READ_S
from gateway.subscribers.rows import lines_of
from gateway.subscribers.user_transfer import export_users as all_users
from gateway.subscribers.user_transfer import import_users

_NDJSON: Final = "application/x-ndjson"


async def load(call: Call) -> web.Response:
    """POST /v1/subscriptions/import"""
    app = await call.app_for(call.query("app"))
    bodies.check_head(call.request, None)
    report = await call.gate.transfer.import_subscriptions(app, lines_of(pieces(call.request)), now=call.now())
    return json_answer(report)


async def export(call: Call) -> web.StreamResponse:
    """GET /v1/subscriptions/export"""
    app = await call.app_for(call.query("app"))
    return await streamed(call, call.gate.transfer.export_subscriptions(app), media=_NDJSON)


async def load_users(call: Call) -> web.Response:
    """POST /v1/users/import"""
    app = await call.app_for(call.query("app"))
    bodies.check_head(call.request, None)
    report = await import_users(call.gate.users, app, lines_of(pieces(call.request)), now=call.now())
    return json_answer(report)


async def export_users(call: Call) -> web.StreamResponse:
    """GET /v1/users/export"""
    app = await call.app_for(call.query("app"))
    return await streamed(call, all_users(call.gate.users, app, now=call.now()), media=_NDJSON)


async def streamed(call: Call, content: AsyncIterator[bytes], *, media: str) -> web.StreamResponse:
    """An answer that is written as it is read."""
    answer = web.StreamResponse(headers={"Content-Type": media})
    dress(answer, call.request_id)
    await answer.prepare(call.request)
    call.started = answer
    async for piece in content:
        await answer.write(piece)
    await answer.write_eof()
    return answer


async def pieces(request: web.Request) -> AsyncGenerator[bytes]:
    """A streamed body as it comes. Raises for one that breaks off, or pauses for longer than 30 s."""
    content = request.content
    while True:
        try:
            async with asyncio.timeout(BODY_READ_S):
                piece = await content.readany()
        except TimeoutError:
            raise GatewayError("body_too_slow", f"Nothing came for {BODY_READ_S:.0f} s.", status=408) from None
        except (ClientPayloadError, web.RequestPayloadError):
            raise GatewayError("http_unreadable", "The body breaks off.", status=400) from None
        if not piece:
            return
        yield piece
