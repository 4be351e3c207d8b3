"""Answers as servers really frame them, and as attackers would; connections that are kept, shared out and given up."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.wire.egress import EgressPolicy
from gateway.wire.exchange import Fields, WireFailure
from gateway.wire.pool import HttpClient

NAME, OTHER = "push.example", "other.example"
OK = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def answers(*pieces: bytes, closes: bool = False) -> Script:
    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        if closes:
            writer.close()

    return script


def client_for(*ports: int, connections_max: int = 4) -> HttpClient:
    policy = EgressPolicy.of(
        allow=[f"{name}:{port}" for name, port in zip((NAME, OTHER), ports, strict=False)], sandbox=True
    )
    return HttpClient(policy, connections_max=connections_max, deadline_s=2.0, lookup=loopback)


async def post(client: HttpClient, port: int, *, name: str = NAME):
    target = client._policy.check_url(f"http://{name}:{port}/x")
    return await client.post(target, Fields(()), (), b"body", wants_body=True)


CHUNKED = b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "status", "body"),
    [
        ([CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"], 400, b"abcde"),
        ([CHUNKED, b"3\r", b"\nab", b"c\r\n", b"0\r\n", b"\r\n"], 400, b"abc"),
        ([CHUNKED + b"1\r\na\r\n0\r\nTrailer: x\r\n\r\n"], 400, b"a"),
        ([CHUNKED + b"2000\r\n" + b"x" * 0x2000 + b"\r\n0\r\n\r\n"], 400, b"x" * 4096),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK], 201, b""),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], 204, b""),
        ([b"HTTP/1.1 201 \r\nContent-Length: 2\r\n\r\n", b"o", b"k"], 201, b"ok"),
    ],
    ids=["chunked", "chunked in pieces", "trailer", "huge chunk", "interim", "no content", "no reason, in pieces"],
)
async def test_an_answer_is_read_however_it_is_framed(serving, pieces: list[bytes], status: int, body: bytes):
    """What proxies and services make of an answer does not matter to the message's fate."""
    async with serving(answers(*pieces)) as server, client_for(server.port) as client:
        answer = await post(client, server.port)

    assert (answer.status, answer.body) == (status, body)


async def test_an_answer_without_a_length_ends_with_its_connection(serving):
    """Old proxies do that."""
    async with (
        serving(answers(b"HTTP/1.0 503 Busy\r\n\r\n", b"later", closes=True)) as server,
        client_for(server.port) as client,
    ):
        answer = await post(client, server.port)

    assert (answer.status, answer.body) == (503, b"later")


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"1\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"1" * 2000,
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
    ],
    ids=[
        "two lengths", "length and coding", "another coding", "folded line", "space before the colon", "signed length",
        "negative chunk", "no chunk", "chunk too long", "endless size", "another protocol", "interim without end",
    ],
)  # fmt: skip
async def test_an_answer_that_two_readers_could_read_differently_is_broken(serving, raw: bytes):
    """Smuggling lives on such answers; the connection is not used again."""
    async with serving(answers(raw)) as server, client_for(server.port) as client:
        with pytest.raises(WireFailure) as failed:
            await post(client, server.port)
        with pytest.raises(WireFailure):
            await post(client, server.port)

    assert failed.value.kind == "broken"
    assert server.connections == 2


@pytest.mark.parametrize(
    "raw",
    [
        OK + b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 201 Created\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["more than was asked for", "close", "HTTP/1.0"],
)
async def test_a_connection_that_is_not_clean_is_not_kept(serving, raw: bytes):
    """The next message must not get an answer that was sent before it."""
    async with serving(answers(raw)) as server, client_for(server.port) as client:
        first = await post(client, server.port)
        second = await post(client, server.port)

    assert (first.status, second.status) == (201, 201)
    assert server.connections == 2


async def test_an_idle_connection_that_the_server_closed_is_not_used(serving):
    """Services close what rests; that costs a handshake and no message."""
    async with serving(answers(OK, closes=True)) as server, client_for(server.port) as client:
        for _ in range(3):
            assert (await post(client, server.port)).status == 201
            await asyncio.sleep(0.05)

    assert server.connections == 3


async def test_a_resting_service_makes_room_for_another(serving):
    """The bound on connections holds over all services, and none keeps another one out."""
    async with (
        serving(answers(OK)) as server,
        serving(answers(OK)) as other,
        client_for(server.port, other.port, connections_max=2) as client,
    ):
        await asyncio.gather(*(post(client, server.port) for _ in range(4)))
        for _ in range(2):
            assert (await post(client, other.port, name=OTHER)).status == 201
        open_now = sum(len(connections.open) for connections in client._places.values())

    assert open_now <= 2
    assert (server.connections, other.connections) == (2, 1)
