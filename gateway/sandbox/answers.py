"""Puts replies on the wire in HTTP/1.1, also the wrong, late, broken and endless ones that `faults.py` decided."""

import asyncio
import socket
import struct
from typing import Any, Final

from aiohttp import web

from gateway.sandbox.exchange import Reply

_HUGE_PIECE: Final = b"x" * 16_384
DRIBBLE_BODY: Final = b'{"message": "this answer arrives a byte at a time, and is not worth the wait"}'


async def send(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Answer this request as the reply says. What is returned is for the server loop; the client may see none of it."""
    fault = reply.fault
    if fault is None:
        return _plain(reply)
    match fault.kind:
        case "status" | "delay" | "streams":
            return _plain(reply)
        case "goaway":
            response = _plain(reply)
            response.force_close()
            return response
        case "hang" | "freeze":
            await asyncio.sleep(fault.hang_s)
            return _reset(request, said=b"")
        case "reset" | "reset_stream":
            return _reset(request, said=b"HTTP/1.1 201 Created\r\nContent-Le")
        case "dribble":
            return await _dribble(request, reply, pause_s=fault.dribble_ms / 1000)
        case "huge":
            return await _huge(request, reply, size_bytes=fault.body_bytes)


def cut(transport: asyncio.WriteTransport) -> None:
    """End the connection by a TCP reset, not by an orderly end."""
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _plain(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, headers=dict(reply.headers), body=reply.body)


def _reset(request: web.BaseRequest, *, said: bytes) -> web.Response:
    """Send these bytes and then a TCP reset."""
    transport: Any = request.transport
    if transport is not None:
        transport.write(said)
        cut(transport)
    return web.Response(status=500)


async def _dribble(request: web.BaseRequest, reply: Reply, *, pause_s: float) -> web.StreamResponse:
    body = reply.body or DRIBBLE_BODY
    response = await _begin(request, reply, size_bytes=len(body))
    for byte in body:
        await response.write(bytes([byte]))
        await asyncio.sleep(pause_s)
    await response.write_eof()
    return response


async def _huge(request: web.BaseRequest, reply: Reply, *, size_bytes: int) -> web.StreamResponse:
    response = await _begin(request, reply, size_bytes=size_bytes)
    for left in range(size_bytes, 0, -len(_HUGE_PIECE)):
        await response.write(_HUGE_PIECE[:left])
    await response.write_eof()
    return response


async def _begin(request: web.BaseRequest, reply: Reply, *, size_bytes: int) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=dict(reply.headers))
    response.content_length = size_bytes
    await response.prepare(request)
    return response
