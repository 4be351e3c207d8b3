"""What the other side takes at once: windows of streams and connections, sizes of headers, and the socket itself."""

import asyncio
from time import monotonic

import pytest
from h2.errors import ErrorCodes

from gateway.wire.exchange import Fields
from tests.wire.clients import NAME, client_for, connections_of, failure, post, until
from tests.wire.servers.scripted import Session, scripted

LARGE = b"x" * 300_000


def at(server) -> str:
    return f"https://{NAME}:{server.port}/x"


@pytest.fixture
def context(authority):
    return authority.server_context(NAME)


async def test_a_window_of_nothing_holds_bodies_back_until_it_opens(context, authority):
    """Headers go, bodies wait; a window below zero is no reason to break either."""

    def open_later(session: Session) -> None:
        asyncio.get_running_loop().call_later(0.2, lambda: session.change(initial_window_size=100))
        asyncio.get_running_loop().call_later(0.3, lambda: session.change(initial_window_size=10))
        asyncio.get_running_loop().call_later(0.4, lambda: session.change(initial_window_size=5000))

    async with (
        scripted(context, on_connect=open_later, initial_window_size=0) as server,
        client_for(server.port, ca_file=authority.ca_file) as client,
    ):
        start = monotonic()
        answers = await asyncio.gather(*(post(client, at(server), body=b"x" * 3000) for _ in range(20)))
        took_s = monotonic() - start

    assert [answer.status for answer in answers] == [201] * 20
    assert {request.body for request in server.requests} == {b"x" * 3000}
    assert took_s >= 0.2


async def test_all_bodies_together_stay_within_the_connections_window(context, authority):
    """50 of 4 KB are three times what may be on its way at once; the server counts, and breaks if it is too much."""
    async with (
        scripted(context, initial_window_size=1_000_000) as server,
        client_for(server.port, ca_file=authority.ca_file) as client,
    ):
        answers = await asyncio.gather(*(post(client, at(server), body=b"x" * 4000) for _ in range(50)))

    assert [answer.status for answer in answers] == [201] * 50
    assert {request.body for request in server.requests} == {b"x" * 4000}


async def test_a_service_that_reads_nothing_for_a_while_gets_all_of_it_later(context, authority):
    """Windows are endless, but it does not read: after a few megabytes nothing more is begun, and nothing is lost."""

    def rest(session: Session) -> None:
        assert session.transport is not None
        session.h2.increment_flow_control_window(2**30)
        session.flush()
        session.transport.pause_reading()

    async with (
        scripted(context, on_connect=rest, initial_window_size=2**30, max_frame_size=2**20) as server,
        client_for(server.port, ca_file=authority.ca_file, connections_max=1) as client,
    ):
        going = [asyncio.create_task(post(client, at(server), body=LARGE))]
        await until(lambda: connections_of(client) == 1)
        [connections] = client._places.values()
        while connections.open[0].room > 0:
            assert len(going) < 100
            going += [asyncio.create_task(post(client, at(server), body=LARGE)) for _ in range(5)]
            await asyncio.sleep(0.02)
        assert server.sessions[0].transport is not None
        server.sessions[0].transport.resume_reading()
        answers = await asyncio.gather(*going)
        room_afterwards = connections.open[0].room

    assert room_afterwards > 100
    assert {answer.status for answer in answers} == {201}
    assert len(server.requests) == len(going)


async def test_an_early_answer_ends_the_rest_of_the_body(context, authority):
    """A service may refuse a request by its headers; nobody sends it the rest, and the connection stays."""

    def refuse_at_once(session: Session) -> None:
        session.gives_credit = False

    async with (
        scripted(context, on_connect=refuse_at_once, initial_window_size=1000) as server,
        client_for(server.port, ca_file=authority.ca_file) as client,
    ):
        going = asyncio.create_task(post(client, at(server), body=b"x" * 5000))
        await until(lambda: server.began == 1)
        await asyncio.sleep(0.05)
        server.sessions[0].answer(1, 413)
        answer = await going
        await asyncio.sleep(0.05)
        count = connections_of(client)

    assert answer.status == 413
    assert count == 1
    assert server.sessions[0].resets == [(1, ErrorCodes.CANCEL)]


async def test_headers_that_the_other_side_would_not_take_are_not_sent(context, authority):
    """It says how many bytes it reads; another request is none the worse."""
    large = Fields([("x-large", "y" * 2000)])
    async with (
        scripted(context, max_header_list_size=1000) as server,
        client_for(server.port, ca_file=authority.ca_file) as client,
    ):
        failed = await failure(client, at(server), fixed=large)
        answer = await post(client, at(server))

    assert (failed.kind, answer.status) == ("refused", 201)
