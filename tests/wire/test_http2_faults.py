"""What a service over HTTP/2 may do wrong, or do by right at a bad moment, loses no request and leaves none hanging."""

import asyncio
from time import monotonic

import pytest
from h2.errors import ErrorCodes

from gateway.wire.exchange import Fields, Peer, WireFailure
from tests.wire.clients import NAME, client_for, failure, post, until
from tests.wire.servers.scripted import Received, Session, scripted

REASON = b'{"reason":"Unregistered","timestamp":1700000000000}'


def at(server) -> str:
    return f"https://{NAME}:{server.port}/secret/x"


def never(_request: Received) -> None:
    """Takes requests and answers none."""


def refuse(request: Received) -> None:
    request.answer(410, [("content-type", "application/json"), ("content-length", str(len(REASON)))], REASON)


@pytest.fixture
def context(authority):
    return authority.server_context(NAME)


async def test_5000_error_bodies_on_one_connection_do_not_stall_it(context, authority):
    """F24: they are four times the window that a connection begins with."""
    async with scripted(context, refuse) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        for _ in range(50):
            answers = await asyncio.gather(*(post(client, at(server)) for _ in range(100)))
            assert {(answer.status, answer.body) for answer in answers} == {(410, REASON)}

    assert len(server.sessions) == 1


async def test_a_refused_stream_is_sent_again(context, authority):
    """F22: the service did nothing with it, so that nobody gets anything twice."""

    def refuse_first(request: Received) -> None:
        if len(server.requests) <= 5:
            request.session.reset(request.stream_id, ErrorCodes.REFUSED_STREAM)
        else:
            request.answer(201)

    async with scripted(context, refuse_first) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        answers = await asyncio.gather(*(post(client, at(server), body=b"%d" % number) for number in range(20)))

    assert [answer.status for answer in answers] == [201] * 20
    assert len(server.requests) == 25


async def test_a_stream_that_is_refused_each_time_is_given_up(context, authority):
    """Three times in all; the failure says that nothing happened."""

    def refuse_all(request: Received) -> None:
        request.session.reset(request.stream_id, ErrorCodes.REFUSED_STREAM)

    async with scripted(context, refuse_all) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        failed = await failure(client, at(server))

    assert failed.kind == "unprocessed"
    assert failed.is_unsent
    assert len(server.requests) == 3


async def test_half_an_answer_before_a_refusal_is_forgotten(context, authority):
    """The second try begins anew, on both ways: nothing of the first answer is in it, and the body is whole."""

    def refuse_early(session: Session) -> None:
        session.gives_credit = False
        asyncio.get_running_loop().call_later(0.2, half_and_refuse, session)

    def half_and_refuse(session: Session) -> None:
        session.h2.send_headers(1, [(":status", "500"), ("content-length", "9")])
        session.h2.send_data(1, b"half")
        session.reset(1, ErrorCodes.REFUSED_STREAM)
        session.change(initial_window_size=100_000)

    async with (
        scripted(context, on_connect=refuse_early, initial_window_size=10) as server,
        client_for(server.port, ca_file=authority.ca_file) as client,
    ):
        answer = await post(client, at(server), body=b"x" * 5000, wants_body=True)
        await post(client, at(server))

    assert (answer.status, answer.body) == (201, b"")
    assert [request.body for request in server.requests] == [b"x" * 5000, b"body"]
    assert server.sessions[0].resets == []


@pytest.mark.parametrize("code", [0, 2], ids=["graceful", "error"])
async def test_behind_a_goodbye_only_what_was_not_processed_is_sent_again(context, authority, code: int):
    """F21: 10 in flight, the last that the service looked at is the fourth; it answers two of the four and goes."""

    def leave(request: Received) -> None:
        if request.session is not server.sessions[0]:
            request.answer(201)
        elif len(server.requests) == 10:
            for stream_id in (1, 3):
                request.session.answer(stream_id, 201)
            request.session.say_goodbye(7, code, b'{"reason":"Shutdown of /secret/x"}')
            asyncio.get_running_loop().call_later(0.1, request.session.cut)

    async with scripted(context, leave) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        ended = await asyncio.gather(
            *(post(client, at(server), body=b"%d" % number) for number in range(10)), return_exceptions=True
        )

    kinds = [end.kind if isinstance(end, WireFailure) else "answered" for end in ended]
    assert sorted(kinds) == ["answered"] * 8 + ["broken"] * 2
    assert "secret" not in str(ended)
    first = [request.body for request in server.requests[:4]]
    again = [request.body for request in server.requests[10:]]
    assert len(again) == 6
    assert not set(first) & set(again)


async def test_an_answer_behind_a_goodbye_counts(context, authority):
    """A server that drains goes on answering what it has."""

    def drain(request: Received) -> None:
        request.session.say_goodbye(request.stream_id)
        asyncio.get_running_loop().call_later(0.05, request.answer, 201)

    async with scripted(context, drain) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        assert (await post(client, at(server))).status == 201
        assert (await post(client, at(server))).status == 201

    assert len(server.sessions) == 2


async def test_fewer_streams_are_obeyed_at_any_time(context, authority):
    """F23: down to one and to none while requests wait, and up again; one too many would break the server."""
    together: list[int] = []

    def count(request: Received) -> None:
        session = request.session
        if len(server.requests) == 1:
            session.change(max_concurrent_streams=1)
        together.append(session.h2.open_inbound_streams)
        if len(server.requests) == 30:
            session.change(max_concurrent_streams=0)
            asyncio.get_running_loop().call_later(0.3, lambda: session.change(max_concurrent_streams=50))
        asyncio.get_running_loop().call_later(0.002, request.answer, 201)

    async with (
        scripted(context, count, max_concurrent_streams=10) as server,
        client_for(server.port, ca_file=authority.ca_file, connections_max=1) as client,
    ):
        answers = await asyncio.gather(*(post(client, at(server)) for _ in range(100)))

    assert [answer.status for answer in answers] == [201] * 100
    assert set(together[10:29]) == {1}
    assert max(together[31:]) > 1
    assert len(server.sessions) == 1


async def test_a_service_that_never_answers_is_left_at_the_deadline(context, authority):
    """F19: it may have the message; the next ones go over another connection, the stream is reset."""
    async with (
        scripted(context, never) as server,
        client_for(server.port, ca_file=authority.ca_file, deadline_s=1) as client,
    ):
        start = monotonic()
        failed = await asyncio.gather(*(failure(client, at(server)) for _ in range(5)))
        took_s = monotonic() - start
        await until(lambda: len(server.sessions[0].resets) == 5)
        await failure(client, at(server), deadline_s=1)

    assert {(one.kind, one.is_unsent) for one in failed} == {("timeout", False)}
    assert took_s < 3
    assert server.sessions[0].resets == [(number, ErrorCodes.CANCEL) for number in (1, 3, 5, 7, 9)]
    assert len(server.sessions) == 2


async def test_a_request_that_never_left_says_so(context, authority):
    """There is no room before the deadline: repeating it is safe."""
    async with (
        scripted(context, never, max_concurrent_streams=1) as server,
        client_for(server.port, ca_file=authority.ca_file, connections_max=1) as client,
    ):
        first, second = await asyncio.gather(
            failure(client, at(server), deadline_s=2), failure(client, at(server), deadline_s=1)
        )

    assert (first.kind, first.is_unsent, second.kind, second.is_unsent) == ("timeout", False, "timeout", True)
    assert len(server.requests) == 1


async def test_a_reset_in_the_middle_of_a_body_is_broken(context, authority):
    """F20: whether the message was taken is not known; other streams go on."""

    def break_off(request: Received) -> None:
        if request.body == b"unlucky":
            request.session.h2.send_headers(request.stream_id, [(":status", "400"), ("content-length", "100")])
            request.session.h2.send_data(request.stream_id, b"half")
            request.session.reset(request.stream_id, ErrorCodes.INTERNAL_ERROR)
        else:
            request.answer(201)

    async with scripted(context, break_off) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        failed, answer = await asyncio.gather(failure(client, at(server), (), b"unlucky"), post(client, at(server)))

    assert (failed.kind, failed.is_unsent) == ("broken", False)
    assert str(failed) == f"{NAME}: the stream was reset (INTERNAL_ERROR)"
    assert answer.status == 201


async def test_a_cut_connection_breaks_what_was_on_its_way(context, authority):
    """Each learns it at once, and the next request makes a new connection."""

    def cut(request: Received) -> None:
        if len(server.requests) == 11:
            request.session.cut()
        elif request.session is not server.sessions[0] or len(server.requests) == 1:
            request.answer(201)

    async with scripted(context, cut) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        assert (await post(client, at(server))).status == 201
        failed = await asyncio.gather(*(failure(client, at(server)) for _ in range(10)))
        answer = await post(client, at(server))

    assert {one.kind for one in failed} == {"broken"}
    assert answer.status == 201
    assert len(server.sessions) == 2


async def test_a_huge_body_is_cut_and_holds_nobody_up(context, authority):
    """F28: 10 MB cost us 4 KiB, and the others' answers come as if nothing was."""

    def pour(request: Received) -> None:
        if request.body == b"huge":
            request.answer(400, [], b"x" * 10_000_000)
        else:
            request.answer(201)

    async with scripted(context, pour) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        huge, *others = await asyncio.gather(
            post(client, at(server), body=b"huge"), *(post(client, at(server)) for _ in range(200))
        )
        await post(client, at(server))

    assert (huge.status, huge.body) == (400, b"x" * 4096)
    assert {answer.status for answer in others} == {201}
    assert server.sessions[0].resets == [(1, ErrorCodes.CANCEL)]
    assert len(server.sessions) == 1


async def test_a_body_byte_by_byte_is_left_at_the_deadline(context, authority):
    """F28: each byte in time does not prolong the whole."""

    def dribble(request: Received) -> None:
        request.session.h2.send_headers(request.stream_id, [(":status", "400")])
        drip(request)

    def drip(request: Received) -> None:
        if not request.session.resets:
            request.session.h2.send_data(request.stream_id, b"x")
            request.session.flush()
            asyncio.get_running_loop().call_later(0.02, drip, request)

    async with scripted(context, dribble) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        start = monotonic()
        failed = await failure(client, at(server), deadline_s=1)
        took_s = monotonic() - start
        await until(lambda: bool(server.sessions[0].resets))

    assert failed.kind == "timeout"
    assert took_s < 3
    assert server.sessions[0].resets == [(1, ErrorCodes.CANCEL)]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(context, authority, status: int):
    """F27."""

    def redirect(request: Received) -> None:
        request.answer(status, [("location", f"https://{NAME}/elsewhere")])

    async with scripted(context, redirect) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        answer = await post(client, at(server))

    assert answer.status == status
    assert answer.headers["location"] == f"https://{NAME}/elsewhere"
    assert len(server.requests) == 1


async def test_an_answer_that_announces_another_length_is_broken(context, authority):
    """Half an error is not an error: the reason might be cut off."""

    def lie(request: Received) -> None:
        request.answer(410, [("content-length", "1000")], b"half")

    async with scripted(context, lie) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        failed = await failure(client, at(server))

    assert failed.kind == "broken"


async def test_a_request_that_nobody_waits_for_is_reset(context, authority):
    """The service need not work on it, and its place on the connection is free at once."""
    async with (
        scripted(context, never, max_concurrent_streams=1) as server,
        client_for(server.port, ca_file=authority.ca_file, connections_max=1) as client,
    ):
        first = asyncio.create_task(post(client, at(server), body=b"first"))
        await until(lambda: len(server.requests) == 1)
        second = asyncio.create_task(post(client, at(server), body=b"second"))
        first.cancel()
        await until(lambda: len(server.requests) == 2)
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)

    assert [request.body for request in server.requests] == [b"first", b"second"]
    assert server.sessions[0].resets[0] == (1, ErrorCodes.CANCEL)


async def test_pings_and_settings_are_answered(context, authority):
    """A service that gets no answer takes the connection for dead."""

    def ask(session: Session) -> None:
        session.h2.ping(b"12345678")
        session.change(max_frame_size=20_000)

    async with (
        scripted(context, on_connect=ask) as server,
        client_for(server.port, ca_file=authority.ca_file) as client,
    ):
        await post(client, at(server))
        await until(lambda: server.sessions[0].pongs == 1 and server.sessions[0].acknowledged == 2)


async def test_a_new_connection_carries_one_request_until_that_is_answered(context, authority):
    """Apple allows one before it has seen a token, and a thousand then."""

    def hold_the_first(request: Received) -> None:
        if len(server.requests) > 1:
            request.answer(201)

    async with (
        scripted(context, hold_the_first) as server,
        client_for(server.port, ca_file=authority.ca_file) as client,
    ):
        peer = Peer(key="team", is_one_first=True)
        going = asyncio.gather(*(post(client, at(server), peer=peer) for _ in range(50)))
        await until(lambda: len(server.requests) == 1)
        await asyncio.sleep(0.1)
        before = server.began
        server.requests[0].answer(201)
        answers = await going

    assert before == 1
    assert [answer.status for answer in answers] == [201] * 50
    assert len(server.sessions) == 1


async def test_a_compressed_bomb_stays_as_small_as_it_came(context, authority):
    """Nothing is decompressed, and nothing asks for it."""

    def bomb(request: Received) -> None:
        request.answer(400, [("content-encoding", "gzip")], b"\x1f\x8b\x08\x00")

    async with scripted(context, bomb) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        answer = await post(client, at(server))

    assert answer.body == b"\x1f\x8b\x08\x00"
    assert not any(name == "accept-encoding" for name, _ in server.requests[0].headers)


async def test_the_request_holds_what_was_given_and_nothing_else(context, authority):
    """Pseudo-headers first, no user agent, no cookies; path and query byte for byte."""
    path = "/Q%2Fx/../%2e//a?token=B%2b%3d&x=a+b&@:~"
    async with scripted(context) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        for _ in range(3):
            await post(client, f"https://{NAME}:{server.port}{path}", [("Topic", "t")], fixed=Fields([("TTL", "60")]))

    assert [request.headers for request in server.requests] == [[
        (":method", "POST"), (":scheme", "https"), (":authority", f"{NAME}:{server.port}"), (":path", path),
        ("ttl", "60"), ("topic", "t"), ("content-length", "4"),
    ]] * 3  # fmt: skip


async def test_paths_and_what_is_a_requests_own_are_never_indexed(context, authority):
    """An endpoint is a secret: no proxy on the way may keep it in a table."""
    async with scripted(context) as server, client_for(server.port, ca_file=authority.ca_file) as client:
        await post(client, at(server), [("topic", "t")])

    types = {name: type(pair).__name__ for pair in server.requests[0].headers for name in [pair[0]]}
    assert types[":path"] == types["topic"] == "NeverIndexedHeaderTuple"
    assert types["ttl"] == "HeaderTuple"
