"""Requests over HTTP/2 as three servers understand them: nginx, nghttpd, and a strict one of our own."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from gateway.wire.exchange import Fields
from tests.wire.clients import NAME, client_for, connections_of, post
from tests.wire.servers.programs import nghttpd, nginx
from tests.wire.servers.scripted import Received, scripted

NGINX, NGHTTPD, STRICT = "nginx", "nghttpd", "strict"
REASON = b'{"reason":"BadDeviceToken"}'
LONG = bytes(range(256)) * 1000


class Place(msgspec.Struct, frozen=True):
    """Where the client goes, and whom to trust there."""

    port: int
    ca_file: Path

    def url(self, path: str) -> str:
        return f"https://{NAME}:{self.port}{path}"

    def client(self, **more):
        return client_for(self.port, ca_file=self.ca_file, **more)


Opens = Callable[..., AbstractAsyncContextManager[Place]]


def echo(request: Received) -> None:
    """As nghttpd does."""
    if request.path.startswith("/echo"):
        request.answer(200, [], request.body)
    elif request.path.startswith("/refused"):
        request.answer(400, [("content-type", "application/json")], REASON)
    else:
        request.answer(201)


@pytest.fixture(params=[NGINX, NGHTTPD, STRICT])
def opens(request: pytest.FixtureRequest, authority, tmp_path: Path) -> Opens:
    """Opens the server of this test: /echo gives the body back, /refused answers with an error."""

    @asynccontextmanager
    async def open_nginx(**settings: int) -> AsyncGenerator[Place]:
        known = {"max_concurrent_streams": "http2_max_concurrent_streams {};", "requests": "keepalive_requests {};"}
        options = "".join(known[name].format(value) for name, value in settings.items() if name in known)
        async with (
            _echo_behind() as behind,
            nginx(tmp_path, authority.leaf_file(NAME), behind=behind, options=options) as port,
        ):
            yield Place(port, authority.ca_file)

    @asynccontextmanager
    async def open_nghttpd(**settings: int) -> AsyncGenerator[Place]:
        known = {
            "max_concurrent_streams": "--max-concurrent-streams={}",
            "window_bits": "--window-bits={}",
            "header_table_size": "--header-table-size={}",
            "padding": "--padding={}",
        }
        options = [known[name].format(value) for name, value in settings.items() if name in known]
        async with nghttpd(tmp_path, authority.leaf_file(NAME), "--echo-upload", *options) as port:
            yield Place(port, authority.ca_file)

    @asynccontextmanager
    async def open_strict(**settings: int) -> AsyncGenerator[Place]:
        if "window_bits" in settings:
            settings["initial_window_size"] = 2 ** settings.pop("window_bits") - 1
        for foreign in ("padding", "requests"):
            settings.pop(foreign, None)
        async with scripted(authority.server_context(NAME), echo, on_connect=None, **settings) as server:
            yield Place(server.port, authority.ca_file)

    return {NGINX: open_nginx, NGHTTPD: open_nghttpd, STRICT: open_strict}[request.param]


@asynccontextmanager
async def _echo_behind() -> AsyncGenerator[int]:
    """What nginx asks: an HTTP/1.1 server that gives bodies back."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        lengths = [int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
        body = await reader.readexactly(lengths[0] if lengths else 0)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    async with AsyncExitStack() as stack:
        listener = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
        stack.callback(listener.close)
        yield listener.sockets[0].getsockname()[1]


@pytest.mark.parametrize("size", [0, 1, 300, 4096, 16_384, 16_385, 65_535, 65_536, 256_000])
async def test_a_body_of_any_size_arrives_whole(opens: Opens, size: int):
    """Beyond a frame, beyond a window: what comes back begins as what was sent, up to what is kept of an answer."""
    async with opens() as place, place.client() as client:
        answer = await post(client, place.url("/echo"), body=LONG[:size], wants_body=True)

    assert answer.status == 200
    assert answer.body == LONG[: min(size, 4096)]


async def test_many_requests_share_a_connection_and_none_gets_anothers_answer(opens: Opens):
    """300 at once, each with a body of its own."""
    bodies = [b"%d" % number * 10 for number in range(300)]
    async with opens() as place, place.client(connections_max=1) as client:
        answers = await asyncio.gather(
            *(post(client, place.url(f"/echo/{len(body)}"), body=body, wants_body=True) for body in bodies)
        )
        count = connections_of(client)

    assert [answer.body for answer in answers] == bodies
    assert count == 1


async def test_the_body_of_an_accepted_request_is_only_counted(opens: Opens):
    """Nobody reads it: a million of them would be memory for nothing."""
    async with opens() as place, place.client() as client:
        answers = [await post(client, place.url("/echo"), body=b"x" * 1000) for _ in range(200)]

    assert {(answer.status, answer.body) for answer in answers} == {(200, b"")}


async def test_long_answers_are_cut_and_hold_nobody_up(opens: Opens):
    """100 answers of 64 KB are six times the window of the whole connection."""
    async with opens() as place, place.client(connections_max=1) as client:
        answers = [
            await post(client, place.url("/echo"), body=LONG[:64_000], wants_body=True, deadline_s=20)
            for _ in range(100)
        ]
        last = await post(client, place.url("/echo"), body=b"still well", wants_body=True)
        count = connections_of(client)

    assert {answer.body for answer in answers} == {LONG[:4096]}
    assert last.body == b"still well"
    assert count == 1


async def test_headers_change_from_request_to_request_and_all_arrive(opens: Opens):
    """More tenants than the other side's table of headers has room for, in turns, twice."""
    tenants = [Fields([("authorization", f"vapid t={number:03}" + "x" * 300), ("ttl", "60")]) for number in range(60)]
    async with opens() as place, place.client(connections_max=1) as client:
        for turn in range(2):
            answers = await asyncio.gather(
                *(post(client, place.url("/x"), [("topic", f"t{turn}")], fixed=tenant) for tenant in tenants)
            )
            assert {answer.status // 100 for answer in answers} == {2}


@pytest.mark.parametrize("size", [0, 100, 4096, 65_536])
async def test_any_table_of_headers_is_respected(opens: Opens, size: int):
    """None at all, one for a single entry, a large one."""
    several = [Fields([("ttl", "60"), ("x", "y" * number)]) for number in range(40)]
    async with opens(header_table_size=size) as place, place.client(connections_max=1) as client:
        answers = [await post(client, place.url("/x"), [("topic", "t")], fixed=one) for one in several * 2]

    assert {answer.status // 100 for answer in answers} == {2}


async def test_one_stream_at_a_time_is_obeyed(opens: Opens):
    """Others wait in line; nothing is refused."""
    async with opens(max_concurrent_streams=1) as place, place.client(connections_max=1) as client:
        answers = await asyncio.gather(*(post(client, place.url("/echo"), body=b"x" * 100) for _ in range(50)))

    assert [answer.status for answer in answers] == [200] * 50


async def test_a_small_window_is_obeyed(opens: Opens):
    """The first 15 bytes of each body go out, the rest as it is asked for."""
    async with opens(window_bits=4) as place, place.client(connections_max=1) as client:
        answers = await asyncio.gather(
            *(post(client, place.url("/echo"), body=LONG[:2000], wants_body=True) for _ in range(20))
        )

    assert {answer.body for answer in answers} == {LONG[:2000]}


async def test_padding_is_no_content(opens: Opens):
    """It counts for the windows, and for nothing else."""
    async with opens(padding=200) as place, place.client(connections_max=1) as client:
        answers = [await post(client, place.url("/echo"), body=b"x" * 10, wants_body=True) for _ in range(1000)]

    assert {answer.body for answer in answers} == {b"x" * 10}


async def test_a_server_that_says_goodbye_after_fifty_requests_loses_none(opens: Opens):
    """One server closes a connection after a number of requests; the next ones go over another."""
    async with opens(requests=50) as place, place.client(connections_max=2) as client:
        answers = await asyncio.gather(*(post(client, place.url("/echo"), body=b"x") for _ in range(100)))

    assert [answer.status for answer in answers] == [200] * 100


async def test_1300_errors_on_one_connection_do_not_stall_it(opens: Opens):
    """Each has a body, and bodies use up the connection's window unless it is given back."""
    async with opens() as place, place.client(connections_max=1) as client:
        path = place.url("/refused")
        answers = [
            answer
            for _ in range(13)
            for answer in await asyncio.gather(*(post(client, path, body=REASON, wants_body=True) for _ in range(100)))
        ]
        count = connections_of(client)

    assert len(answers) == 1300
    assert {answer.body for answer in answers} == {REASON}
    assert count == 1
