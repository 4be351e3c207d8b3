"""Who shares a connection with whom, how many there are, who waits, and that nothing is left of it afterwards."""

import asyncio
import contextlib
import gc
import time

import pytest
from h2.errors import ErrorCodes

from gateway.wire.exchange import Peer, WireFailure
from gateway.wire.request import Request
from tests.wire.clients import NAME, OTHER, client_for, connections_of, failure, post, until
from tests.wire.servers.scripted import Received, scripted

A, B = Peer(key="a"), Peer(key="b")


def at(server, name: str = NAME) -> str:
    return f"https://{name}:{server.port}/x"


def late(request: Received) -> None:
    asyncio.get_running_loop().call_later(0.05, request.answer, 201)


def never(_request: Received) -> None:
    """Takes requests and answers none."""


@pytest.fixture
def context(authority):
    return authority.server_context(NAME, OTHER)


async def test_requests_of_different_peers_never_share_a_connection(context, authority):
    """A token counts for the connection it was sent on; those of two teams on one would be refused."""
    async with scripted(context) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        for peer in (A, B, A, B, A):
            await post(client, at(server), peer=peer)

    assert [request.session is server.sessions[0] for request in server.requests] == [True, False, True, False, True]
    assert len(server.sessions) == 2


async def test_connections_are_added_as_streams_are_used_up(context, authority):
    """35 at once where a connection carries 10 take four connections, one opened after the other."""
    held: list[Received] = []

    def hold(request: Received) -> None:
        if len(server.requests) in (1, 11, 21, 31):  # one on each connection is answered: that shows it is of use
            request.answer(201)
        else:
            held.append(request)

    async with (
        scripted(context, hold, max_concurrent_streams=10) as server,
        client_for(server.port, ca_file=authority.ca_file, connections_max=9) as client,
    ):
        going = [asyncio.create_task(post(client, at(server))) for _ in range(38)]
        await until(lambda: len(server.requests) == 38)
        await asyncio.sleep(0.2)
        count = connections_of(client)
        for request in held:
            request.answer(201)
        await asyncio.gather(*going)

    assert count == len(server.sessions) == 4


async def test_a_new_connection_waits_until_the_last_one_was_of_use(context, authority):
    """A service in trouble is not stormed: 50 requests wait, and one connection is all it gets."""
    async with (
        scripted(context, never, max_concurrent_streams=2) as server,
        client_for(server.port, ca_file=authority.ca_file, connections_max=9) as client,
    ):
        await asyncio.gather(*(failure(client, at(server), deadline_s=1) for _ in range(50)))

    assert len(server.sessions) == 1


async def test_who_comes_first_goes_first(context, authority):
    """Waiting requests keep their order, and nobody who comes later overtakes them."""
    async with (
        scripted(context, late, max_concurrent_streams=1) as server,
        client_for(server.port, ca_file=authority.ca_file, connections_max=1) as client,
    ):
        going: list[asyncio.Task[object]] = []
        for number in range(12):
            going.append(asyncio.create_task(post(client, at(server), body=b"%d" % number)))
            await asyncio.sleep(0.02)
        await asyncio.gather(*going)

    assert [request.body for request in server.requests] == [b"%d" % number for number in range(12)]


async def test_a_resting_place_makes_room_for_another(context, authority):
    """The bound on connections holds over all places; the one that rests gives its connection up."""
    async with (
        scripted(context) as server,
        scripted(context) as other,
        client_for(server.port, other.port, ca_file=authority.ca_file, connections_max=1) as client,
    ):
        for _ in range(3):
            assert (await post(client, at(server))).status == 201
            assert (await post(client, at(other, OTHER))).status == 201
            assert connections_of(client) == 1

    assert (len(server.sessions), len(other.sessions)) == (3, 3)


async def test_a_busy_place_with_several_gives_one_up_for_a_place_with_none(context, authority):
    """A service with endless work does not keep another one out for ever, and loses no request by that."""
    is_over = asyncio.Event()

    async def work() -> set[int]:
        statuses: set[int] = set()
        while not is_over.is_set():
            statuses.add((await post(client, at(server))).status)
        return statuses

    async with (
        scripted(context, late, max_concurrent_streams=2) as server,
        scripted(context) as other,
        client_for(server.port, other.port, ca_file=authority.ca_file, connections_max=2) as client,
    ):
        workers = [asyncio.create_task(work()) for _ in range(8)]
        await asyncio.sleep(0.3)
        answer = await post(client, at(other, OTHER), deadline_s=5)
        is_over.set()
        statuses = await asyncio.gather(*workers)

    assert answer.status == 201
    assert statuses == [{201}] * 8


async def test_one_who_leaves_the_queue_is_not_sent(context, authority):
    """A cancelled request costs the others nothing."""
    async with (
        scripted(context, never, max_concurrent_streams=1) as server,
        client_for(server.port, ca_file=authority.ca_file, connections_max=1) as client,
    ):
        going = [asyncio.create_task(post(client, at(server), body=b"%d" % number)) for number in range(3)]
        await until(lambda: len(server.requests) == 1)
        going[1].cancel()
        await asyncio.sleep(0)
        server.requests[0].answer(201)
        await until(lambda: len(server.requests) == 2)
        server.requests[1].answer(201)
        await asyncio.gather(going[0], going[2])

    assert [request.body for request in server.requests] == [b"0", b"2"]


async def test_a_connection_whose_streams_are_used_up_is_replaced(context, authority):
    """After a billion requests there is no number left; nobody notices."""
    async with scripted(context) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        await post(client, at(server))
        [connections] = client._places.values()
        connection = connections.open[0]
        connection._next_id = 2**31 - 3  # type: ignore[attr-defined] # no test has the time to get there
        answers = await asyncio.gather(*(post(client, at(server)) for _ in range(5)))

    assert [answer.status for answer in answers] == [201] * 5
    assert [len({request.stream_id for request in server.requests if request.session is session})
            for session in server.sessions] == [3, 3]  # fmt: skip


async def test_after_closing_everybody_knows(context, authority):
    """What is on its way is broken, what waits is told, and nothing new is begun."""
    async with (
        scripted(context, never, max_concurrent_streams=1) as server,
        client_for(server.port, ca_file=authority.ca_file, connections_max=1) as client,
    ):
        going = [asyncio.create_task(failure(client, at(server))) for _ in range(3)]
        await until(lambda: len(server.requests) == 1)
        await client.aclose()
        failed = [*await asyncio.gather(*going), await failure(client, at(server))]
        await asyncio.wait_for(server.sessions[0].is_lost.wait(), 5)

    assert [(one.kind, one.is_unsent) for one in failed] == [("broken", False)] + [("unreachable", True)] * 3
    assert server.sessions[0].goodbyes == [ErrorCodes.NO_ERROR]


async def test_nothing_is_left_of_requests_however_they_end(context, authority):
    """Answered, refused, reset, late, cancelled: no stream, no place in the queue, no connection, no task."""

    def by_turns(request: Received) -> None:
        match len(server.requests) % 5:
            case 0:
                request.answer(201)
            case 1:
                request.answer(410, [], b"gone")
            case 2:
                request.session.reset(request.stream_id, ErrorCodes.REFUSED_STREAM)
            case 3:
                request.session.reset(request.stream_id, ErrorCodes.INTERNAL_ERROR)
            case _:
                pass

    tasks = asyncio.all_tasks()
    async with (
        scripted(context, by_turns, max_concurrent_streams=20) as server,
        client_for(server.port, ca_file=authority.ca_file, connections_max=2, deadline_s=1) as client,
    ):
        going = [asyncio.create_task(post(client, at(server), body=b"x" * (number % 3))) for number in range(300)]
        await asyncio.sleep(0.1)
        for task in going[::7]:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        [connections] = client._places.values()
        assert [connection.in_flight for connection in connections.open] == [0] * len(connections.open)
        assert not connections.has_waiting
        assert client._rooms._let == connections.count
    del going

    assert asyncio.all_tasks() - tasks == set()
    assert client._places == {}
    assert client._rooms._let == 0


async def test_requests_leave_no_work_for_the_garbage_collector(context, authority):
    """A cycle per request would stop a sender of millions again and again."""

    def by_turns(request: Received) -> None:
        if len(server.requests) % 2:
            request.answer(201, [("location", f"/{request.stream_id}")])
        else:
            request.session.reset(request.stream_id, ErrorCodes.INTERNAL_ERROR)

    async def try_one() -> None:
        with contextlib.suppress(WireFailure):
            await post(client, at(server))

    async with scripted(context, by_turns) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        for _ in range(50):
            await try_one()
        gc.collect()
        gc.disable()
        try:
            for _ in range(100):
                await try_one()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            ours = [found for found in gc.garbage if isinstance(found, Request | WireFailure)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()

    assert ours == []


async def test_an_answer_that_came_while_the_process_stood_still_counts(context, authority):
    """The service took the message in time; to send it again would show it twice."""
    async with scripted(context) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        await post(client, at(server))
        going = asyncio.create_task(post(client, at(server), deadline_s=0.3))
        await asyncio.sleep(0)
        time.sleep(0.8)  # noqa: ASYNC251 - the machine was asleep, say
        assert (await going).status == 201


async def test_a_process_that_is_always_late_keeps_deadlines_all_the_same(context, authority):
    """A few looks later whoever does not answer is left."""
    async with scripted(context, never) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        going = asyncio.create_task(failure(client, at(server), deadline_s=0.1))
        for _ in range(20):
            await asyncio.sleep(0)
            time.sleep(0.25)  # noqa: ASYNC251 - as above, again and again
            if going.done():
                break
        assert (await asyncio.wait_for(going, 1)).kind == "timeout"
