"""Frames that an attacker might send, frames that break the protocol, and odd ones that are all right."""

import asyncio

import pytest
from h2.errors import ErrorCodes

from gateway.wire import http2_frames as frames
from tests.wire.clients import NAME, client_for, failure, post
from tests.wire.servers.scripted import Received, Session, scripted


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return frames.frame_head(len(payload), kind, flags, stream_id) + payload


def at(server) -> str:
    return f"https://{NAME}:{server.port}/x"


@pytest.fixture
def context(authority):
    return authority.server_context(NAME)


FLOODS: dict[str, bytes] = {
    "settings": frame(frames.SETTINGS, 0, 0),
    "pings": frame(frames.PING, 0, 0, b"12345678"),
    "resets of what is over": frame(frames.RST_STREAM, 0, 1, bytes(4)),
    "updates of windows": frame(frames.WINDOW_UPDATE, 0, 0, b"\x00\x00\x00\x01"),
    "priorities": frame(frames.PRIORITY, 0, 1, bytes(5)),
    "empty bodies": frame(frames.DATA, 0, 1),
    "unknown frames": frame(77, 0, 0, b"?"),
    "headers of what is over": frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x88"),
    "goodbyes": frame(frames.GOAWAY, 0, 0, (2**31 - 1).to_bytes(4, "big") + bytes(4)),
}


@pytest.mark.parametrize("piece", FLOODS.values(), ids=FLOODS)
async def test_a_flood_ends_the_connection(context, authority, piece: bytes):
    """10,000 frames that move nothing on: the connection goes, with a word, and the next request opens another."""

    def flood(request: Received) -> None:
        if request.session is server.sessions[0] and len(server.requests) > 1:
            request.session.raw(piece * 10_000)
        elif request.session is server.sessions[0]:
            request.answer(201)
        else:
            request.answer(202)

    async with scripted(context, flood) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        await post(client, at(server))
        failed = await failure(client, at(server))
        answer = await post(client, at(server))
        await asyncio.wait_for(server.sessions[0].is_lost.wait(), 5)

    assert failed.kind == "broken"
    assert answer.status == 202
    assert server.sessions[0].goodbyes == [ErrorCodes.ENHANCE_YOUR_CALM]


FAULTS: dict[str, bytes] = {
    "a push": frame(frames.PUSH_PROMISE, frames.END_HEADERS, 1, b"\x00\x00\x00\x02\x82"),
    "headers without end": frame(frames.HEADERS, 0, 1, b"\x88") + frame(frames.CONTINUATION, 0, 1, b"x") * 100,
    "headers of many frames": frame(frames.HEADERS, 0, 1) + frame(frames.CONTINUATION, 0, 1) * 100,
    "large headers": frame(frames.HEADERS, 0, 1, b"x" * 16_000) + frame(frames.CONTINUATION, 0, 1, b"x" * 16_000),
    "interrupted headers": frame(frames.HEADERS, 0, 1, b"\x88") + frame(frames.PING, 0, 0, bytes(8)),
    "a continuation of nothing": frame(frames.CONTINUATION, frames.END_HEADERS, 1, b"\x88"),
    "headers that cannot be read": frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xff\xff\xff\xff\xff"),
    "headers that need a table": frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xbe"),
    "a stream of its own": frame(frames.HEADERS, frames.END_HEADERS, 2, b"\x88"),
    "a stream that nobody began": frame(frames.DATA, 0, 99, b"x"),
    "a frame that is too large": frames.frame_head(16_385, frames.DATA, 0, 1),
    "a ping of four bytes": frame(frames.PING, 0, 0, bytes(4)),
    "settings that are cut": frame(frames.SETTINGS, 0, 0, bytes(5)),
    "settings of a stream": frame(frames.SETTINGS, 0, 1),
    "push enabled": frame(frames.SETTINGS, 0, 0, b"\x00\x02\x00\x00\x00\x01"),
    "a window beyond all": frame(frames.SETTINGS, 0, 0, b"\x00\x04\xff\xff\xff\xff"),
    "a frame size beyond all": frame(frames.SETTINGS, 0, 0, b"\x00\x05\xff\xff\xff\xff"),
    "a window that overflows": frame(frames.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
    "a window that grows by nothing": frame(frames.WINDOW_UPDATE, 0, 0, bytes(4)),
    "more padding than content": frame(frames.DATA, frames.PADDED, 1, b"\xff123"),
    "a goodbye that is cut": frame(frames.GOAWAY, 0, 0, bytes(4)),
    "a reset that is cut": frame(frames.RST_STREAM, 0, 1, bytes(3)),
    "interim answers without end": frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x08\x03103") * 100,
}


@pytest.mark.parametrize("data", FAULTS.values(), ids=FAULTS)
async def test_what_breaks_the_protocol_ends_the_connection_with_a_word(context, authority, data: bytes):
    """The request is broken, not hung; the other side is told why, and the next request is well."""

    def misbehave(request: Received) -> None:
        if request.session is server.sessions[0]:
            request.session.raw(data)
        else:
            request.answer(201)

    async with scripted(context, misbehave) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        ended = await asyncio.gather(post(client, at(server)), return_exceptions=True)
        await asyncio.wait_for(server.sessions[0].is_lost.wait(), 5)
        answer = await post(client, at(server))

    assert [getattr(end, "kind", "answered") for end in ended] in (["broken"], ["answered"])
    assert server.sessions[0].goodbyes
    assert server.sessions[0].goodbyes[0] != ErrorCodes.NO_ERROR
    assert answer.status == 201


MALFORMED: dict[str, bytes] = {
    "no status": b"\x00\x01a\x01b",
    "no headers": b"",
    "a status of letters": b"\x08\x03abc",
    "a status that is no number": b"\x08\x03099",
    "a header in capitals": b"\x8c\x00\x01A\x01b",
    "a header of the connection": b"\x8c\x00\x0aconnection\x05close",
    "two statuses": b"\x8c\x8c",
    "a line break": b"\x8c\x00\x01a\x03b\r\n",
    "too many headers": b"\x8c" + b"\x00\x01a\x01b" * 65,
    "too large headers": b"\x8c" + b"\x00\x01a\x7f\xa1\x1f" + b"x" * 4128 + b"\x00\x01a\x7f\xa1\x1f" + b"x" * 4128
    + b"\x00\x01a\x7f\xa1\x1f" + b"x" * 4128 + b"\x00\x01a\x7f\x81\x1e" + b"x" * 3968,
    "an upgrade": b"\x08\x03101",
}  # fmt: skip


@pytest.mark.parametrize("block", MALFORMED.values(), ids=MALFORMED)
async def test_an_answer_that_is_none_breaks_its_stream_alone(context, authority, block: bytes):
    """The stream is reset; the connection, and what else is on it, stays."""

    def misbehave(request: Received) -> None:
        if request.stream_id == 1:
            request.session.raw(frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, block))
        else:
            request.answer(201)

    async with scripted(context, misbehave) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        failed = await failure(client, at(server))
        answer = await post(client, at(server))

    assert failed.kind == "broken"
    assert answer.status == 201
    assert server.sessions[0].resets == [(1, ErrorCodes.PROTOCOL_ERROR)]
    assert len(server.sessions) == 1


WELL: dict[str, bytes] = {
    "trailers": (
        frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x8c")
        + frame(frames.DATA, 0, 1, b"no")
        + frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, b"\x00\x01a\x01b")
    ),
    "interim answers": (
        frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x08\x03103\x00\x01a\x01b") * 3
        + frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x8c")
        + frame(frames.DATA, frames.END_STREAM, 1, b"no")
    ),
    "headers in pieces": (
        frame(frames.HEADERS, frames.PADDED | frames.PRIORITISED, 1, b"\x02\x00\x00\x00\x00\x10\x8c\x00" + bytes(2))
        + frame(frames.CONTINUATION, 0, 1, b"\x01a\x01")
        + frame(frames.CONTINUATION, frames.END_HEADERS, 1, b"b")
        + frame(frames.DATA, frames.END_STREAM | frames.PADDED, 1, b"\x03no\x00\x00\x00")
    ),
    "unknown frames and settings": (
        frame(77, 0, 1, b"?")
        + frame(frames.SETTINGS, 0, 0, b"\x00\x99\x00\x00\x00\x01")
        + frame(frames.HEADERS, frames.END_HEADERS | 0x40, 1, b"\x20\x8c")
        + frame(frames.DATA, frames.END_STREAM, 1, b"no")
    ),
    "Huffman coding": (
        frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x48\x83" + bytes.fromhex("680d7f"))
        + frame(frames.DATA, frames.END_STREAM, 1, b"no")
    ),
}


@pytest.mark.parametrize(("name", "data"), WELL.items(), ids=WELL)
async def test_an_answer_is_read_however_it_is_framed(context, authority, name: str, data: bytes):
    """Trailers, interim answers, continuations, padding, priorities, what later versions may bring."""

    def answer_raw(request: Received) -> None:
        request.session.raw(data)

    async with scripted(context, answer_raw) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        answer = await post(client, at(server))

    assert answer.body == b"no"
    assert answer.status == (404 if name == "Huffman coding" else 400)
    assert len(server.sessions) == 1


async def test_windows_that_grow_by_a_byte_end_the_connection(context, authority):
    """A body is held back, and the other side gives room a byte at a time: that is an attack, and it is cut short."""
    trickle = frame(frames.WINDOW_UPDATE, 0, 0, b"\x00\x00\x00\x01") * 10_000

    def begin(session: Session) -> None:
        asyncio.get_running_loop().call_later(0.2, session.raw, trickle)

    async with (
        scripted(context, on_connect=begin, initial_window_size=0) as server,
        client_for(server.port, ca_file=authority.ca_file) as client,
    ):
        failed = await failure(client, at(server))
        await asyncio.wait_for(server.sessions[0].is_lost.wait(), 5)

    assert failed.kind == "broken"
    assert server.sessions[0].goodbyes == [ErrorCodes.ENHANCE_YOUR_CALM]
