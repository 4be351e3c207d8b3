"""A connection that rests is kept, asked whether it lives, and given up in the end. Hours pass by the clock given."""

import asyncio

import pytest

from gateway.model.limits import HTTP2_IDLE_S, PING_AFTER_S, PING_ANSWER_S, PING_IDLE_S
from gateway.wire.http2_connection import Http2Connection
from tests.wire.clients import NAME, client_for, connections_of, post, until
from tests.wire.servers.scripted import Received, scripted


def at(server) -> str:
    return f"https://{NAME}:{server.port}/x"


def connection_of(client) -> Http2Connection:
    [connections] = client._places.values()
    [connection] = connections.open
    return connection


@pytest.fixture
def context(authority):
    return authority.server_context(NAME)


async def test_a_resting_connection_is_pinged_once_a_minute_and_lives(context, authority):
    """What a cloud's router has forgotten is noticed before a message is lost on it."""
    async with scripted(context) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        await post(client, at(server))
        pings, connection = server.sessions[0].pings, connection_of(client)
        for minute in range(3):
            now_s = connection._watch.heard_at_s + PING_IDLE_S
            connection.sweep(now_s - 1)
            await asyncio.sleep(0.02)
            assert len(pings) == minute
            connection.sweep(now_s)
            await until(lambda count=minute: len(pings) == count + 1)
            await until(lambda: connection._watch._pinged_at_s is None)
        count = connections_of(client)

    assert len(set(pings)) == 3
    assert count == 1


async def test_a_silent_connection_with_requests_is_asked_sooner(context, authority):
    """After 15 s without a byte; without an answer for 10 s more, the requests hear of it."""

    def fall_silent(request: Received) -> None:
        if len(server.requests) > 1:
            request.session.is_deaf = True
        else:
            request.answer(201)

    async with (
        scripted(context, fall_silent) as server,
        client_for(server.port, ca_file=authority.ca_file, deadline_s=120) as client,
    ):
        await post(client, at(server))
        connection = connection_of(client)
        going = asyncio.create_task(post(client, at(server)))
        await until(lambda: len(server.requests) == 2)
        now_s = connection._watch.heard_at_s + PING_AFTER_S
        connection.sweep(now_s)
        connection.sweep(now_s + PING_ANSWER_S)
        await asyncio.sleep(0.05)
        assert not going.done()
        connection.sweep(now_s + PING_ANSWER_S + 1)
        [ended] = await asyncio.gather(going, return_exceptions=True)
        count = connections_of(client)

    assert getattr(ended, "kind", None) == "broken"
    assert count == 0


async def test_a_connection_that_nobody_uses_is_closed_after_minutes(context, authority):
    """Not after seconds: Apple takes coming and going for an attack."""
    async with scripted(context) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        await post(client, at(server))
        [connections] = client._places.values()
        used_at_s = connection_of(client).used_at_s

        connections.sweep(used_at_s + HTTP2_IDLE_S - 1)
        before = connections_of(client)
        connections.sweep(used_at_s + HTTP2_IDLE_S + 1)
        after = connections_of(client)
        await asyncio.wait_for(server.sessions[0].is_lost.wait(), 5)

    assert (before, after) == (1, 0)
    assert HTTP2_IDLE_S >= 300


async def test_floods_are_counted_by_the_second(context, authority):
    """A service that sends a few needless frames a second, for ever, is not an attacker."""
    async with scripted(context) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        await post(client, at(server))
        connection = connection_of(client)
        now_s = asyncio.get_running_loop().time()
        for second in range(5):
            for _ in range(500):
                server.sessions[0].h2.ping(b"12345678")
            server.sessions[0].flush()
            await until(lambda count=second: server.sessions[0].pongs == 500 * (count + 1))
            connection.sweep(now_s + 2 * second + 2)
        count = connections_of(client)

    assert count == 1
