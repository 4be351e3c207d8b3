"""Puts spoilt replies on the wire in HTTP/2: reset streams, GOAWAY, cut and frozen connections, endless bodies."""

import asyncio
from typing import Final, Protocol

import msgspec
from hyperframe.frame import DataFrame

from gateway.sandbox.answers import DRIBBLE_BODY
from gateway.sandbox.exchange import Reply
from gateway.sandbox.faults import Fault

_INTERNAL_ERROR: Final = 2
"""RFC 9113 section 7."""
_HALF_FRAME_BYTES: Final = 12
"""Of a frame that says to be longer: its head and three bytes."""
_HUGE_PIECE: Final = b"x" * 65_536


class Answering(Protocol):
    """What a fault needs of a connection, see `http2.Http2Line`."""

    async def send(self, number: int, reply: Reply) -> None:
        """A whole answer."""
        ...

    def send_head(self, number: int, reply: Reply, *, is_end: bool = False, size_bytes: int | None = None) -> None:
        """The beginning of one."""
        ...

    async def send_body(self, number: int, body: bytes, *, is_end: bool) -> None:
        """More of one."""
        ...

    def reset(self, number: int, error_code: int) -> None:
        """End one stream."""
        ...

    def go_away(self, *, last: int | None, error_code: int, data: bytes) -> None:
        """Take no more streams."""
        ...

    def freeze(self) -> None:
        """Read no more."""
        ...

    def hang_up(self, *, said: bytes | None = None) -> None:
        """End the connection."""
        ...


async def carry_out(line: Answering, number: int, reply: Reply) -> None:
    """Answer stream `number` as `reply.fault` says."""
    fault = reply.fault
    assert fault is not None
    match fault.kind:
        case "status" | "delay" | "streams":
            await line.send(number, reply)
        case "hang":
            await asyncio.sleep(fault.hang_s)
            line.reset(number, _INTERNAL_ERROR)
        case "freeze":
            line.freeze()
            await asyncio.sleep(fault.hang_s)
            line.hang_up(said=b"")
        case "reset":
            line.send_head(number, reply, size_bytes=100)
            line.hang_up(said=DataFrame(number, b"x" * 100).serialize()[:_HALF_FRAME_BYTES])
        case "reset_stream":
            line.reset(number, fault.error_code)
        case "dribble":
            await _dribble(line, number, reply, pause_s=fault.dribble_ms / 1000)
        case "huge":
            await _huge(line, number, reply, size_bytes=fault.body_bytes)
        case "goaway":
            await _go_away(line, number, reply, fault)


async def _dribble(line: Answering, number: int, reply: Reply, *, pause_s: float) -> None:
    body = reply.body or DRIBBLE_BODY
    line.send_head(number, reply, size_bytes=len(body))
    for at in range(len(body)):
        await line.send_body(number, body[at : at + 1], is_end=at == len(body) - 1)
        await asyncio.sleep(pause_s)


async def _huge(line: Answering, number: int, reply: Reply, *, size_bytes: int) -> None:
    line.send_head(number, reply, size_bytes=size_bytes)
    for left in range(size_bytes, 0, -len(_HUGE_PIECE)):
        await line.send_body(number, _HUGE_PIECE[:left], is_end=left <= len(_HUGE_PIECE))


async def _go_away(line: Answering, number: int, reply: Reply, fault: Fault) -> None:
    last = {"before": max(0, number - 2), "this": number, "all": None}[fault.goaway_last]
    data = msgspec.json.encode({"reason": fault.goaway_reason}) if fault.goaway_reason else b""
    line.go_away(last=last, error_code=fault.error_code, data=data)
    if not fault.goaway_answers:
        line.hang_up(said=b"")
    elif fault.goaway_last != "before":
        await line.send(number, reply)
