"""Which connection is made: to a proven name, in the version of HTTP both speak, and not again and again."""

import asyncio
import os
import random
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

import pytest

from gateway.wire.exchange import Peer, TlsIdentity
from tests.wire.clients import NAME, OTHER, client_for, connections_of, failure, loopback, post
from tests.wire.servers.programs import nghttpd
from tests.wire.servers.scripted import Received, Session, scripted

OK = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"


def at(server, scheme: str = "https", name: str = NAME) -> str:
    return f"{scheme}://{name}:{server.port}/secret"


async def old(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers in HTTP/1.1."""
    writer.write(OK)
    await writer.drain()


@pytest.fixture
def context(authority):
    return authority.server_context(NAME)


@pytest.mark.parametrize("protocols", [[], ["http/1.1"]], ids=["no negotiation", "HTTP/1.1"])
async def test_a_service_without_http2_gets_http1(serving, context, authority, protocols: list[str]):
    """The same client, the same answer."""
    if protocols:
        context.set_alpn_protocols(protocols)
    async with serving(old, context) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        answers = [await post(client, at(server), [("topic", "t")], wants_body=wanted) for wanted in (True, False)]

    assert [(answer.status, answer.body) for answer in answers] == [(201, b"ok"), (201, b"")]
    assert server.requests[0].startswith(b"POST /secret HTTP/1.1\r\nHost: push.example:")
    assert b"\r\ntopic: t\r\n" in server.requests[0]
    assert server.connections == 1


async def test_without_tls_it_is_http1(serving):
    """There is nothing to negotiate with: the sandbox on http:// is spoken to as ever."""
    async with serving(old) as server, client_for(server.port) as client:
        answers = await asyncio.gather(*(post(client, at(server, "http")) for _ in range(20)))

    assert [answer.status for answer in answers] == [201] * 20
    assert 1 <= server.connections <= 4


@pytest.mark.parametrize(("name", "is_trusted"), [(NAME, False), (OTHER, True)], ids=["authority", "name"])
async def test_a_certificate_that_does_not_prove_the_name_is_refused(authority, name: str, *, is_trusted: bool):
    """F25: an unknown authority, or another host's certificate; nothing is sent."""
    ca_file = authority.ca_file if is_trusted else None
    async with (
        scripted(authority.server_context(name)) as server,
        client_for(server.port, ca_file=ca_file) as client,
    ):
        failed = await failure(client, at(server))

    assert (failed.kind, failed.is_unsent) == ("tls", True)
    assert server.began == 0


@pytest.fixture
def identity(authority) -> TlsIdentity:
    """A client certificate; the key stands behind it in the file."""
    pem = authority.leaf_file("client.example").read_bytes()
    certificate, mark, key = pem.partition(b"-----BEGIN PRIVATE KEY-----")
    return TlsIdentity(certificate, mark + key)


async def test_a_client_certificate_is_shown_and_leaves_no_file(
    authority, identity: TlsIdentity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The service asks for it and gets it; the key is on disk for a moment only, and nobody else could read it."""
    context = authority.server_context(NAME)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.ca_file)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    modes: list[int] = []
    load = ssl.SSLContext.load_cert_chain

    def watched(self: ssl.SSLContext, certfile: str, *given, **more) -> None:
        modes.append(os.stat(certfile).st_mode & 0o777)  # noqa: PTH116 - as the operating system sees it
        load(self, certfile, *given, **more)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watched)
    async with scripted(context) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        answer = await post(client, at(server), peer=Peer("team", identity))
        failed = await failure(client, at(server))
        await post(client, at(server), peer=Peer("team", identity))

    assert answer.status == 201
    assert failed.kind in ("tls", "unreachable")  # the alert may be overtaken by the end of the connection
    assert failed.is_unsent
    assert modes == [0o600]
    assert list(tmp_path.iterdir()) == []


async def test_nghttpd_gets_the_client_certificate(authority, identity: TlsIdentity, tmp_path: Path):
    """A server of others ends the handshake with those who show none."""
    async with (
        nghttpd(tmp_path, authority.leaf_file(NAME), "--echo-upload", "--verify-client") as port,
        client_for(port, ca_file=authority.ca_file) as client,
    ):
        answer = await post(client, f"https://{NAME}:{port}/x", peer=Peer("team", identity))
        failed = await failure(client, f"https://{NAME}:{port}/x")

    assert answer.status == 200
    assert failed.is_unsent


@pytest.mark.parametrize("key", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
async def test_a_client_certificate_that_cannot_be_used_is_told(
    authority, identity: TlsIdentity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: bytes
):
    """Nothing is sent, and no file is left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    peer = Peer("team", TlsIdentity(identity.certificate_pem, key))
    async with (
        scripted(authority.server_context(NAME)) as server,
        client_for(server.port, ca_file=authority.ca_file) as client,
    ):
        failed = await failure(client, at(server), peer=peer)

    assert failed.kind == "tls"
    assert list(tmp_path.iterdir()) == []
    assert "PRIVATE" not in repr(peer)


async def test_a_closed_port_is_unreachable_at_once_and_for_all_who_wait():
    """Nothing was sent, so that trying again is safe."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with client_for(port) as client:
            start = monotonic()
            failed = await asyncio.gather(*(failure(client, f"https://{NAME}:{port}/x") for _ in range(100)))

    assert {(one.kind, one.is_unsent) for one in failed} == {("unreachable", True)}
    assert monotonic() - start < 2


def counting() -> tuple[list[float], Callable[[str, int], Awaitable[list[str]]]]:
    """When a connection was tried, as the look-ups of its name tell."""
    tried: list[float] = []

    async def lookup(host: str, port: int) -> list[str]:
        tried.append(monotonic())
        return await loopback(host, port)

    return tried, lookup


async def test_a_place_that_cannot_be_reached_is_tried_less_and_less(contacts):
    """Three seconds of requests, a handful of attempts: 0.25 s between them, then 0.5 s, then 1 s."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with client_for(port) as client:
            with contacts() as seen:
                end_s = monotonic() + 3
                while monotonic() < end_s:
                    await failure(client, f"https://{NAME}:{port}/x", deadline_s=0.2)
                    await asyncio.sleep(0.01)

    connects = [one for one in seen if one.startswith("socket.connect")]
    assert 2 <= len(connects) <= 7


async def test_who_cannot_be_served_before_the_deadline_hears_it_at_once():
    """While a place rests after failures, its requests fail in a moment and not in ten seconds."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with client_for(port) as client:
            await failure(client, f"https://{NAME}:{port}/x")
            failed = await failure(client, f"https://{NAME}:{port}/x", deadline_s=0.05)

    assert failed.kind == "unreachable"  # at the deadline it would be a timeout


async def test_who_can_wait_is_served_when_the_place_is_back(context, authority):
    """A short outage costs latency and no failure but the first one's."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    async with client_for(port, ca_file=authority.ca_file) as client:
        failed = await failure(client, f"https://{NAME}:{port}/x")
        context.set_alpn_protocols(["h2"])
        async with scripted(context, port=port):
            answer = await post(client, f"https://{NAME}:{port}/x")

    assert (failed.kind, answer.status) == ("unreachable", 201)


async def test_a_service_that_sends_everybody_away_is_not_stormed(context, authority):
    """Each connection is told to go at once; Apple would take quick reconnects for an attack."""

    def leave(session: Session) -> None:
        session.say_goodbye(0)

    async with (
        scripted(context, on_connect=leave) as server,
        client_for(server.port, ca_file=authority.ca_file) as client,
    ):
        await asyncio.gather(*(failure(client, at(server), deadline_s=1.5) for _ in range(20)))

    assert len(server.sessions) <= 6


async def test_a_server_that_never_greets_is_not_used(serving, context, authority, monkeypatch: pytest.MonkeyPatch):
    """It takes the handshake and says nothing: nothing is sent to it, and nobody waits beyond the deadline."""
    context.set_alpn_protocols(["h2"])

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent, context) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        failed = await failure(client, at(server), deadline_s=1)

    assert (failed.kind, failed.is_unsent) == ("timeout", True)


async def test_a_server_that_speaks_something_else_is_unreachable(context, authority, serving):
    """It negotiated HTTP/2 and answers in HTTP/1.1."""
    context.set_alpn_protocols(["h2"])
    async with serving(old, context) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        failed = await failure(client, at(server), deadline_s=1)

    assert (failed.kind, failed.is_unsent) == ("unreachable", True)


async def test_pauses_are_drawn(context):
    """A hundred gateways that lose a service in the same moment do not come back in the same moment."""
    pauses: list[float] = []
    for seed in range(5):
        client = client_for(1, dice=random.Random(seed))
        await failure(client, f"https://{NAME}:1/x")
        [connections] = client._places.values()
        pauses.append(connections._retry_at_s - asyncio.get_running_loop().time())
        await client.aclose()

    assert max(pauses) - min(pauses) > 0.03
    assert all(0.1 < pause <= 0.25 for pause in pauses)


async def test_a_name_is_looked_up_once_for_all_connections_of_half_a_minute(context, authority):
    """And the connection goes to the address that was checked."""
    tried, lookup = counting()

    def one_each(request: Received) -> None:
        asyncio.get_running_loop().call_later(0.02, request.answer, 201)

    async with (
        scripted(context, one_each, max_concurrent_streams=1) as server,
        client_for(server.port, ca_file=authority.ca_file, lookup=lookup) as client,
    ):
        await asyncio.gather(*(post(client, at(server)) for _ in range(30)))
        count = connections_of(client)

    assert count > 1
    assert len(tried) == 1
