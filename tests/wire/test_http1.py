"""A push service, or somebody in its place, can refuse us but not lead us on, hold us up or fill us up."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic

import msgspec
import pytest
from aiohttp import web

from gateway.wire.egress import EgressPolicy, Lookup, Target
from gateway.wire.exchange import Fields, WireFailure, check_headers
from gateway.wire.pool import HttpClient

NAME = "push.example"
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CREATED = b"HTTP/1.1 201 Created\r\nLocation: /m/1\r\nX-Two: a\r\nContent-Length: 2\r\n\r\nok"


async def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def answers(raw: bytes) -> Script:
    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return script


def client_for(port: int, *, lookup: Lookup = loopback, deadline_s: float = 5.0, **more) -> HttpClient:
    policy = EgressPolicy.of(allow=[f"{NAME}:{port}"], sandbox=True, **more)
    return HttpClient(policy, connections_max=4, deadline_s=deadline_s, lookup=lookup)


async def post(client: HttpClient, url: str, headers: Mapping[str, str] | None = None, **more):
    fixed = Fields((headers or {"ttl": "60"}).items())
    return await client.post(client._policy.check_url(url), fixed, (), b"body", wants_body=True, **more)


async def failure(client: HttpClient, url: str, headers: Mapping[str, str] | None = None, **more) -> WireFailure:
    with pytest.raises(WireFailure) as caught:
        await post(client, url, headers, **more)
    return caught.value


async def test_an_answer_comes_back_whole(serving):
    """Status, headers by their lower-case names, body."""
    async with serving(answers(CREATED)) as server, client_for(server.port) as client:
        answer = await post(client, f"http://{NAME}:{server.port}/x")

    assert (answer.status, answer.body) == (201, b"ok")
    assert answer.headers["location"] == "/m/1"
    assert answer.headers["x-two"] == "a"


async def test_the_request_holds_what_was_given_and_nothing_else(serving):
    """No user agent, no accepted encodings, no cookies; path and query byte for byte."""
    path = "/Q%2Fx/../%2e//a?token=B%2b%3d&x=a+b&@:~"
    async with serving(answers(CREATED)) as server, client_for(server.port) as client:
        await post(client, f"http://PUSH.example:{server.port}{path}", {"TTL": "60", "topic": "t"})

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    assert line == f"POST {path} HTTP/1.1"
    assert sorted(headers) == sorted(["ttl: 60", "topic: t", f"Host: {NAME}:{server.port}", "Content-Length: 4"])
    assert body == b"body"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(serving, status: int):
    """The other server, which the policy even permits, is never contacted."""
    async with serving(answers(CREATED)) as other:
        there = f"http://{NAME}:{other.port}/stolen"
        raw = f"HTTP/1.1 {status} Moved\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n".encode()
        async with serving(answers(raw)) as server:
            policy = EgressPolicy.of(allow=[f"{NAME}:{server.port}", f"{NAME}:{other.port}"], sandbox=True)
            async with HttpClient(policy, connections_max=4, lookup=loopback) as client:
                answer = await post(client, f"http://{NAME}:{server.port}/x")

        assert answer.status == status
        assert answer.headers["location"] == there
        assert (server.connections, other.connections) == (1, 0)


async def test_a_cookie_is_not_kept(serving):
    """Nobody can mark us and recognise us again."""
    raw = CREATED.replace(b"X-Two: a", b"Set-Cookie: a=b; Path=/")
    async with serving(answers(raw)) as server, client_for(server.port) as client:
        for _ in range(2):
            await post(client, f"http://{NAME}:{server.port}/x")

    assert len(server.requests) == 2
    assert not any(b"cookie" in request.lower() for request in server.requests)


async def test_a_proxy_of_the_environment_is_not_used(serving, monkeypatch: pytest.MonkeyPatch):
    """A stray variable does not send customers' endpoints elsewhere."""
    async with serving(answers(CREATED)) as proxy, serving(answers(CREATED)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with client_for(server.port) as client:
            await post(client, f"http://{NAME}:{server.port}/x")

    assert (proxy.connections, server.connections) == (0, 1)


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 10000000\r\n\r\n", b"Connection: close\r\n\r\n"],
    ids=["announced", "until the end"],
)
async def test_a_huge_body_is_cut_and_its_connection_closed(serving, head: bytes):
    """10 MB cost us 4 KiB."""
    cut = asyncio.Event()

    async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad\r\n" + head)
        try:
            for _ in range(1000):
                writer.write(b"x" * 10_000)
                await writer.drain()
        except OSError:
            cut.set()

    async with serving(pour) as server, client_for(server.port) as client:
        answer = await post(client, f"http://{NAME}:{server.port}/x")
        await asyncio.wait_for(cut.wait(), 5)

    assert answer.status == 400
    assert answer.body == b"x" * 4096


async def test_a_compressed_bomb_stays_as_small_as_it_came(serving):
    """Nothing is decompressed."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    async with serving(answers(raw)) as server, client_for(server.port) as client:
        answer = await post(client, f"http://{NAME}:{server.port}/x")

    assert answer.body == b"\x1f\x8b\x08\x00"


async def test_a_server_that_never_answers_is_left_at_the_deadline(serving):
    """It may have the message: the failure does not claim otherwise."""
    async with serving(answers(b"")) as server, client_for(server.port) as client:
        start = monotonic()
        failed = await failure(client, f"http://{NAME}:{server.port}/x", deadline_s=0.3)

    assert failed.kind == "timeout"
    assert not failed.is_unsent
    assert monotonic() - start < 2


async def test_a_body_byte_by_byte_is_left_at_the_deadline(serving):
    """Each byte in time does not prolong the whole; the connection is closed."""
    left = asyncio.Event()

    async def dribble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            for _ in range(1000):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        except OSError:
            left.set()

    async with serving(dribble) as server, client_for(server.port) as client:
        start = monotonic()
        failed = await failure(client, f"http://{NAME}:{server.port}/x", deadline_s=0.5)
        took_s = monotonic() - start
        await asyncio.wait_for(left.wait(), 5)

    assert failed.kind == "timeout"
    assert took_s < 2


async def _reset(writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize(
    "raw",
    [b"", b"HTTP/1.1 20", b"HTTP/1.1 201 Created\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"],
    ids=["before the answer", "in the status", "in the headers", "in the body"],
)
@pytest.mark.parametrize("is_reset", [True, False], ids=["reset", "closed"])
async def test_a_connection_lost_in_the_answer_is_told_from_a_refusal(serving, raw: bytes, *, is_reset: bool):
    """The message may have arrived; whoever retries must know."""

    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        if is_reset:
            await _reset(writer)
        writer.close()

    async with serving(script) as server, client_for(server.port) as client:
        failed = await failure(client, f"http://{NAME}:{server.port}/x")

    assert failed.kind == "broken"
    assert not failed.is_unsent


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
    ],
    ids=["another protocol", "status", "length", "long header", "many headers"],
)
async def test_nonsense_for_an_answer_is_a_broken_answer(serving, raw: bytes):
    """And never an exception that nobody expects, or memory without bound."""
    async with serving(answers(raw)) as server, client_for(server.port) as client:
        failed = await failure(client, f"http://{NAME}:{server.port}/x")

    assert failed.kind == "broken"


async def test_a_closed_port_is_unreachable():
    """Nothing was sent, so that trying again is safe."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with client_for(port) as client:
            failed = await failure(client, f"https://{NAME}:{port}/x")

    assert failed.kind == "unreachable"
    assert failed.is_unsent


async def test_a_name_that_cannot_be_resolved_is_told_apart():
    """Nothing was sent."""

    async def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async with client_for(443, lookup=unknown) as client:
        failed = await failure(client, f"https://{NAME}/x")

    assert failed.kind == "unresolved"
    assert failed.is_unsent


async def test_a_name_server_that_does_not_answer_is_left_at_the_deadline():
    """The deadline covers looking the name up, too."""

    async def silent(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(30)
        return []

    async with client_for(443, lookup=silent) as client:
        failed = await failure(client, f"https://{NAME}/x", deadline_s=0.2)

    assert failed.kind == "timeout"


async def test_a_full_pool_is_left_at_the_deadline(serving):
    """Waiting for a free connection counts as well."""
    async with serving(answers(b"")) as server:
        policy = EgressPolicy.of(allow=[f"{NAME}:{server.port}"], sandbox=True)
        async with HttpClient(policy, connections_max=1, lookup=loopback) as client:
            url = f"http://{NAME}:{server.port}/x"
            first, second = await asyncio.gather(
                failure(client, url, deadline_s=0.6), failure(client, url, deadline_s=0.3)
            )

    assert (first.kind, second.kind) == ("timeout", "timeout")
    assert server.connections == 1


async def test_tls_with_our_own_authority_works(serving, authority):
    """The CA file of the settings is trusted, and connections are kept."""
    async with (
        serving(answers(CREATED), authority.server_context(NAME)) as server,
        client_for(server.port, ca_file=authority.ca_file) as client,
    ):
        answer = await post(client, f"https://{NAME}:{server.port}/x")

    assert answer.status == 201


@pytest.mark.parametrize(("name", "is_trusted"), [(NAME, False), ("other.example", True), ("example", True)])
async def test_a_certificate_that_does_not_prove_the_name_is_refused(
    serving, authority, name: str, *, is_trusted: bool
):
    """An unknown authority, or another host's certificate: the request is never sent."""
    ca_file = authority.ca_file if is_trusted else None
    async with (
        serving(answers(CREATED), authority.server_context(name)) as server,
        client_for(server.port, ca_file=ca_file) as client,
    ):
        failed = await failure(client, f"https://{NAME}:{server.port}/x")

    assert failed.kind == "tls"
    assert failed.is_unsent
    assert server.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {"topic": "a\r\nX-Evil: 1"},
        {"topic": "a\nb"},
        {"topic": "a\rb"},
        {"topic": "a\x00b"},
        {"topic": "a\x0bb"},
        {"topic": "a\tb"},
        {"topic": "\u010d\u010a"},
        {"to\r\npic": "a"},
        {"to pic": "a"},
        {"to:pic": "a"},
        {"": "a"},
        {"ttl": "60", "x": "\x7f"},
    ],
)
async def test_a_header_that_could_smuggle_a_line_is_not_sent(serving, contacts, headers: dict[str, str]):
    """The error names the header and not its value; no connection is made."""
    async with serving(answers(CREATED)) as server, client_for(server.port) as client:
        with contacts() as seen:
            failed = await failure(client, f"http://{NAME}:{server.port}/x", headers)

    assert failed.kind == "refused"
    assert "Evil" not in str(failed)
    assert (seen, server.connections) == ([], 0)


def test_ordinary_headers_pass():
    """Printable ASCII, and an empty value."""
    check_headers(
        {"authorization": "vapid t=a.b.c, k=d", "x-wns-cache-policy": "no-cache", "a": "~ !", "b": ""}.items()
    )


def changing(*answers_in_turn: str) -> Callable[[str, int], Awaitable[list[str]]]:
    left = list(answers_in_turn)

    async def lookup(_host: str, _port: int) -> list[str]:
        return [left.pop(0) if len(left) > 1 else left[0]]

    return lookup


async def test_a_name_that_moves_to_loopback_after_the_check_is_not_followed(serving, contacts):
    """DNS rebinding: public when the subscription is saved, 127.0.0.1 when the push is sent."""
    async with serving(answers(CREATED)) as server:
        counted: list[str] = []
        policy = EgressPolicy.of(allow=[f"{NAME}:{server.port}"], on_refused=counted.append)
        lookup = changing("8.8.8.8", "127.0.0.1")
        target = policy.check_url(f"https://{NAME}:{server.port}/x")
        assert await lookup(NAME, 443) == ["8.8.8.8"]
        async with HttpClient(policy, connections_max=1, lookup=lookup) as client:
            with contacts() as seen, pytest.raises(WireFailure) as failed:
                await client.post(target, Fields(()), (), b"")

    assert failed.value.kind == "unresolved"
    assert (seen, server.connections, counted) == ([], 0, ["address"])


async def test_the_connection_goes_to_the_address_that_was_checked(serving, contacts):
    """The name is looked up once; a second answer has no chance to differ."""
    async with serving(answers(CREATED)) as server:
        lookup = changing("127.0.0.1", "10.0.0.1")
        async with client_for(server.port, lookup=lookup) as client:
            with contacts() as seen:
                await post(client, f"http://{NAME}:{server.port}/x")

    assert seen == [f"socket.connect ('127.0.0.1', {server.port})"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/x", "http://[::1]:{port}/x", "http://2130706433:{port}/x"])
async def test_an_address_in_figures_never_reaches_a_socket(serving, contacts, url: str):
    """HTTP libraries ask no resolver about these; here they do not come that far, even in a forged target."""
    async with serving(answers(CREATED)) as server, client_for(server.port) as client:
        real = client._policy.check_url(f"http://{NAME}:{server.port}/x")
        forged = msgspec.structs.replace(real, url=url.format(port=server.port), host="127.0.0.1")
        with contacts() as seen, pytest.raises(WireFailure) as failed:
            await client.post(forged, Fields(()), (), b"")

    assert failed.value.kind == "refused"
    assert (seen, server.connections) == ([], 0)


async def test_a_target_that_was_made_by_hand_is_refused(serving):
    """Only what the client's own policy has checked is contacted, not what another one would permit."""
    async with serving(answers(CREATED)) as server, client_for(server.port) as client:
        url = f"http://{NAME}:{server.port}/x"
        real = client._policy.check_url(url)
        anothers = EgressPolicy.of(allow=[f"{NAME}:{server.port}"], sandbox=True).check_url(url)
        by_hand = Target(real.url, real.scheme, real.host, real.port, real.origin, real.path_and_query)
        for forged in (by_hand, anothers):
            with pytest.raises(WireFailure, match="policy"):
                await client.post(forged, Fields(()), (), b"")

    assert server.connections == 0


async def test_a_failure_does_not_show_the_endpoint(serving):
    """An endpoint is a secret: logs get the host only."""
    async with serving(answers(b"")) as server, client_for(server.port) as client:
        failed = await failure(client, f"http://{NAME}:{server.port}/secret?token=t", deadline_s=0.1)

    assert str(failed) == f"{NAME}: there was no answer in time"


async def test_connections_are_kept_between_requests():
    """100 pushes to one service, one at a time, share a connection; this is what a handshake is saved by."""
    peers: set[object] = set()

    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(status=201)

    app = web.Application()
    app.router.add_post("/x", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        port = runner.addresses[0][1]
        async with client_for(port) as client:
            statuses = [(await post(client, f"http://{NAME}:{port}/x")).status for _ in range(100)]
    finally:
        await runner.cleanup()

    assert statuses == [201] * 100
    assert len(peers) == 1
