"""`GET /v1/messages/{id}/progress`: the report of a message as Server-Sent Events while it runs.

An event per change, at most two a second; a comment every 15 s keeps proxies from closing a quiet stream; `end` is the
last event. The number of streams is bounded, as each asks the database twice a second.
Format: HTML Living Standard, section 9.2 (server-sent events).
"""

import asyncio
import contextlib
from typing import Final

from aiohttp import web

from gateway.analytics import reports
from gateway.api.answers import ENCODER
from gateway.api.call import Call
from gateway.api.message_reports import message_answer
from gateway.api.middleware import dress
from gateway.model.app import App
from gateway.model.errors import GatewayError, StoreUnavailable
from gateway.model.limits import (
    PROGRESS_HEARTBEAT_S,
    PROGRESS_INTERVAL_S,
    PROGRESS_STREAM_S_MAX,
    PROGRESS_STREAMS_MAX,
)
from gateway.model.message import FINAL_STATES

_END: Final = b"event: end\ndata: {}\n\n"
_COMMENT: Final = b": still here\n\n"


async def progress(call: Call) -> web.StreamResponse:
    """GET /v1/messages/{id}/progress"""
    app = await call.app_for(call.query("app"))
    number = call.path_id("msg", "message")
    if call.gate.streams >= PROGRESS_STREAMS_MAX or call.services.is_draining():
        raise GatewayError(
            "overloaded", "Too many progress streams are open; ask for the report instead.", kind="unavailable",
            retry_after_s=5,
        )  # fmt: skip
    call.gate.streams += 1
    try:
        return await _stream(call, app, number)
    finally:
        call.gate.streams -= 1


async def _stream(call: Call, app: App, number: int) -> web.StreamResponse:
    event, is_final = await _event(call, app, number)
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    dress(answer, call.request_id)
    await answer.prepare(call.request)
    call.started = answer
    await answer.write(event)
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + PROGRESS_STREAM_S_MAX
    spoken_at = loop.time()
    while not is_final and loop.time() < ends_at and not call.services.is_draining():
        await asyncio.sleep(PROGRESS_INTERVAL_S)
        if call.request.transport is None:  # hung up: a quiet stream would notice by its next heartbeat only
            raise ConnectionResetError
        before = event
        with contextlib.suppress(StoreUnavailable):  # the database is away for a moment; whoever watches need not know
            event, is_final = await _event(call, app, number)
        if event != before:
            await answer.write(event)
            spoken_at = loop.time()
        elif loop.time() - spoken_at >= PROGRESS_HEARTBEAT_S:
            await answer.write(_COMMENT)
            spoken_at = loop.time()
    if is_final:
        await answer.write(_END)
    await answer.write_eof()
    return answer


async def _event(call: Call, app: App, number: int) -> tuple[bytes, bool]:
    """The message as it is now, and whether nothing more will come."""
    report = await reports.message_report(call.services.database, app, number)
    event = b"event: progress\ndata: " + ENCODER.encode(message_answer(report)) + b"\n\n"
    return event, report.state in FINAL_STATES and report.exact
