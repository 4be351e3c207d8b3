"""What every call goes through: an id, the door, the handler, an answer of one shape, the metrics.

Not aiohttp's chain of middlewares: each route gets one function with all that is fixed for it, made at start. The way
of a send through this file costs some 20 microseconds, so nothing is logged and nothing computed twice here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final, TypeAlias

import structlog
from aiohttp import web
from prometheus_client import Counter

from gateway.api import bodies, idempotency
from gateway.api.answers import error_answer, internal_fault
from gateway.api.auth import admit
from gateway.api.call import Call
from gateway.api.gate import Gate
from gateway.api.origins import allow, has_origin, vary
from gateway.api.route import Route
from gateway.model.errors import GatewayError, Invalid
from gateway.model.ids import new_id, to_text
from gateway.model.limits import PUBLIC_BODY_BYTES_MAX
from gateway.telemetry import HTTP_REQUESTS, HTTP_SECONDS

Endpoint: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
_SHOWN_CHARS_MAX: Final = 64
_log: Final = structlog.get_logger(room="api")


def endpoint(route: Route, gate: Gate) -> Endpoint:
    """The function that aiohttp calls for this route."""
    seconds = HTTP_SECONDS.labels(route.path)
    counters: dict[int, Counter] = {}
    is_cross_origin = route.auth.is_cross_origin

    async def serve(request: web.Request) -> web.StreamResponse:
        began = perf_counter()
        call = Call(request, route, gate)
        try:
            answer = await _run(call)
        except GatewayError as fault:
            answer = _refusal(call, fault)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, the caller gets an answer and the log the reason
            _log.error(
                "call_failed", request_id=call.request_id, route=route.path, error=type(fault).__name__, exc_info=fault
            )
            answer = _refusal(call, internal_fault())
        if not answer.prepared:
            dress(answer, call.request_id)
            if is_cross_origin:
                await _open_to_origin(call, answer)
        counter = counters.get(answer.status)
        if counter is None:
            counter = counters[answer.status] = HTTP_REQUESTS.labels(route.path, route.method, str(answer.status))
        counter.inc()
        seconds.observe(perf_counter() - began)
        return answer

    return serve


def expectation(gate: Gate) -> Callable[[web.Request], Awaitable[web.StreamResponse | None]]:
    """What aiohttp asks about an Expect header: 100-continue is met, anything else is a 417 in our shape."""

    async def answer(request: web.Request) -> web.StreamResponse | None:
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # the answer proper has not begun
            return None
        fault = GatewayError(
            "header_invalid", "The only Expect that is met is 100-continue.", status=417, param="Expect"
        )
        request_id = to_text("req", new_id())
        refusal = error_answer(fault, request_id=request_id, url=gate.url)
        dress(refusal, request_id)
        return refusal

    return answer


async def _run(call: Call) -> web.StreamResponse:
    route = call.route
    await admit(call)
    if call.key is not None and call.request.query_string:
        _check_query(call)
    is_devices = route.auth.kind == "device" and call.key is None
    if route.body_max:
        size_max = min(route.body_max, PUBLIC_BODY_BYTES_MAX) if is_devices else route.body_max
        bodies.check_head(call.request, size_max)
        call.body = await bodies.read_body(call.request, size_max)
    if route.replay in ("plain", "sealed") and not is_devices:
        key = call.idempotency_key()
        if key is not None:
            return await idempotency.run(call, key, is_sealed=route.replay == "sealed")
    return await route.handler(call)


def _check_query(call: Call) -> None:
    """Refuses parameters that do nothing: `?dryrun=true` would be a message to everybody."""
    known = ["app", *(one.name for one in call.route.query if one.name != "app")]
    for name in call.request.query:
        if name not in known:
            said = name[:_SHOWN_CHARS_MAX]
            raise Invalid("field_unknown", f"There is no parameter `{said}` here: {', '.join(known)}.", param=said)


def _refusal(call: Call, fault: GatewayError) -> web.StreamResponse:
    if call.started is not None:
        # The head of a stream is out; all that can be done is to break it off, so that nobody takes it for whole.
        call.started.force_close()
        raise ConnectionResetError("the stream broke off") from fault
    return error_answer(fault, request_id=call.request_id, url=call.gate.url)


def dress(answer: web.StreamResponse, request_id: str) -> None:
    """The headers that every answer has."""
    headers = answer.headers
    headers["X-Request-Id"] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Server"] = "steeple"
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"


async def _open_to_origin(call: Call, answer: web.StreamResponse) -> None:
    """Lets the page read the answer if its origin is the app's; of a refusal without an app, if it is any app's."""
    vary(answer)
    origin = call.origin
    if origin is None:
        return
    try:
        is_known = await call.gate.origins.knows(origin) if call.app is None else has_origin(call.app, origin)
    except GatewayError:  # the database is away: the page gets an opaque answer, and tries again later
        return
    if is_known:
        allow(answer, origin)
