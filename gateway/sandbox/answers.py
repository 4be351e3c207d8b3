"""Carries out what `faults.py` decided: the wrong, late, broken and endless answers, in HTTP/1.1."""

import asyncio
import socket
import struct
from datetime import datetime
from typing import Final

from aiohttp import web

from gateway.sandbox.faults import Fault, retry_after

_HUGE_PIECE: Final = b"x" * 16_384
_DRIBBLE_BODY: Final = b'{"message": "this answer arrives a byte at a time, and is not worth the wait"}'
_REDIRECTED_PATH: Final = "/wpush/v2/redirected"


async def spoil(request: web.BaseRequest, fault: Fault, *, now: datetime) -> web.StreamResponse:
    """Answer this request as the fault says. What is returned is for the server loop; the client may see none of it."""
    match fault.kind:
        case "status" | "delay":
            return _plain(fault, now)
        case "hang":
            await asyncio.sleep(fault.hang_s)
            return _reset(request, said=b"")
        case "reset":
            return _reset(request, said=b"HTTP/1.1 201 Created\r\nContent-Le")
        case "dribble":
            return await _dribble(request, fault, now)
        case "huge":
            return await _huge(request, fault, now)


def _headers(fault: Fault, now: datetime) -> dict[str, str]:
    headers = dict(fault.headers)
    if (wait := retry_after(fault, now=now)) is not None:
        headers["Retry-After"] = wait
    if fault.status in {301, 302, 303, 307, 308}:
        headers.setdefault("Location", _REDIRECTED_PATH)
    return headers


def _plain(fault: Fault, now: datetime) -> web.Response:
    return web.Response(status=fault.status, headers=_headers(fault, now), body=fault.body.encode())


def _reset(request: web.BaseRequest, *, said: bytes) -> web.Response:
    """Send these bytes and then a TCP reset, not an orderly end."""
    transport = request.transport
    if transport is not None:
        transport.write(said)
        raw: socket.socket | None = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)


async def _dribble(request: web.BaseRequest, fault: Fault, now: datetime) -> web.StreamResponse:
    body = fault.body.encode() or _DRIBBLE_BODY
    response = await _begin(request, fault, now, size_bytes=len(body))
    for byte in body:
        await response.write(bytes([byte]))
        await asyncio.sleep(fault.dribble_ms / 1000)
    await response.write_eof()
    return response


async def _huge(request: web.BaseRequest, fault: Fault, now: datetime) -> web.StreamResponse:
    response = await _begin(request, fault, now, size_bytes=fault.body_bytes)
    for left in range(fault.body_bytes, 0, -len(_HUGE_PIECE)):
        await response.write(_HUGE_PIECE[:left])
    await response.write_eof()
    return response


async def _begin(request: web.BaseRequest, fault: Fault, now: datetime, *, size_bytes: int) -> web.StreamResponse:
    response = web.StreamResponse(status=fault.status, headers=_headers(fault, now))
    response.content_length = size_bytes
    await response.prepare(request)
    return response
