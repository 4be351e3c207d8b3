"""What operators and load balancers ask: alive, ready, which version."""

import asyncio
from http import HTTPStatus

from aiohttp import web

import gateway
from gateway.api.answers import json_answer
from gateway.api.call import Call
from gateway.api.schema.system import Alive, Ready, Version
from gateway.model.errors import NotFound

_LAG_S_MAX = 5.0


async def livez(_call: Call) -> web.Response:
    """GET /livez: the event loop turns. Never asks the database."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await asyncio.sleep(0)
    is_alive = loop.time() - began_s < _LAG_S_MAX
    return json_answer(Alive(is_alive), status=HTTPStatus.OK if is_alive else HTTPStatus.SERVICE_UNAVAILABLE)


async def readyz(call: Call) -> web.Response:
    """GET /readyz: whether a load balancer should send requests here. Push services being down changes nothing."""
    reasons = ["draining"] if call.services.is_draining() else await call.services.is_ready()
    answer = json_answer(
        Ready(not reasons, reasons), status=HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    )
    if reasons:
        answer.headers["Retry-After"] = "2"
    return answer


async def version(call: Call) -> web.Response:
    """GET /version"""
    return json_answer(Version(gateway.__version__, call.services.started_at))


async def not_found(_call: Call) -> web.Response:
    """Everything that is in no line of the table."""
    raise NotFound("path")
